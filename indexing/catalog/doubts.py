"""What a catalogue may well not mean: told in a build's log, and built as it stands."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from indexing.catalog.origin import Origin
from indexing.catalog.quoting import listed, quoted
from shortlist.bundle.tables import Categories

_FLOAT = r"-?[0-9]+\.0"
_SHOWN = 3


def doubts(
    *,
    ids: pd.Series,
    titles: pd.Series,
    texts: dict[str, pd.Series],
    categories: Categories,
    origin: Origin,
) -> Iterator[str]:
    """One sentence for each kind of doubt, with how many records and where the first is."""
    if pd.api.types.is_string_dtype(ids):  # of integers there is nothing to doubt
        if bool(ids.str.fullmatch(_FLOAT).all()):
            yield (
                f"{origin}: every id ends in .0, as integers do that a missing value has made"
                f" floats: {quoted(ids.iloc[0])}"
            )
        yield from _alike(ids, origin)
        texts = {"id": ids, **texts}
    blank = np.flatnonzero((titles.str.strip() == "").to_numpy(dtype=bool))
    if len(blank):
        yield f"{origin}: {_places(blank, origin)}: an empty title; {len(blank)} in all"
    for name, values in texts.items():
        nul = np.flatnonzero(values.str.contains("\0", regex=False).to_numpy(dtype=bool))
        if len(nul):
            yield (
                f"{origin}: {_places(nul, origin)}: {quoted(name)} holds a NUL character;"
                f" {len(nul)} in all"
            )
    yield from _spellings(categories, origin)


def _alike(ids: pd.Series, origin: Origin) -> Iterator[str]:
    """Ids that a person would take for the same."""
    folded = ids.str.strip().str.casefold()
    double = np.flatnonzero(folded.duplicated(keep=False).to_numpy(dtype=bool))
    if len(double):
        same = folded.iloc[double[0]]
        places = np.flatnonzero((folded == same).to_numpy(dtype=bool))
        alike = ids.iloc[places].tolist()
        yield (
            f"{origin}: ids that differ by blanks or case alone are different items: "
            f"{listed(alike[:_SHOWN])} ({_places(places, origin)}); {len(double)} such ids"
        )


def _spellings(categories: Categories, origin: Origin) -> Iterator[str]:
    names = pd.Series(categories.names, dtype="str")
    folded = names.str.casefold()
    double = names[folded.duplicated(keep=False)]
    if len(double):
        same = double.iloc[0].casefold()
        alike = names[folded == same].tolist()
        yield (
            f"{origin}: categories that differ by case alone are different ones: "
            f"{listed(alike[:_SHOWN])}; {len(double)} such names; items.categories.fold_case = true"
            " joins them"
        )


def _places(rows: np.ndarray, origin: Origin) -> str:
    return ", ".join(origin.locate(rows[:_SHOWN].tolist()))
