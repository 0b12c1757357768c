"""Steered: whether a text beside somebody's likes brings what it says, and what they like of it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from indexing.catalog import Catalog
from indexing.measure.protocols.in_place import carriers_of_categories, carriers_of_tags
from indexing.measure.topic import SEED, Topic, is_held_out
from shortlist.bundle.arrays import RowArray

NAME = STEERED = "steered"
MOST_GIVEN = 3


def steered(
    user: str, fold: int, liked: pd.DataFrame, texts: Mapping[str, RowArray]
) -> list[Topic]:
    """A user's topic: one to three of their likes, and a text that none of these has.

    The text is a category or a tag (`texts` has the rows that carry each); relevant are the other
    likes that carry it. Both are drawn by a fixed seed, a category and a tag as likely as each
    other. No topic for a user of whom nothing can be asked.
    """
    rng = np.random.default_rng([SEED, *user.encode()])
    n_given = min(int(rng.integers(1, MOST_GIVEN + 1)), len(liked) - 1)
    if n_given < 1:
        return []
    places = rng.permutation(len(liked))[:n_given]
    rows = liked["row"].to_numpy(np.int64)
    given, others = rows[places], np.delete(rows, places)
    text = _drawn(rng, others, texts, but=given)
    if text is None:
        return []
    return [
        Topic(
            id=f"{user}:{text}",
            text=text.partition(":")[2],
            relevant=np.intersect1d(others, texts[text]),
            kind=STEERED,
            held_out=is_held_out("user", user),
            user=user,
            fold=fold,
            liked=given,
            ratings=liked["value"].to_numpy(np.float64)[places],
            seen=np.sort(given),
            carriers=texts[text],
        )
    ]


def drawn_text(
    user: str, wanted: RowArray, texts: Mapping[str, RowArray], *, but: RowArray
) -> str | None:
    """A text that one of the `wanted` rows carries and none of the others, by a fixed seed.

    A category and a tag are as likely as each other; None where there is no such text.
    """
    return _drawn(np.random.default_rng([SEED, *user.encode()]), wanted, texts, but=but)


def _drawn(
    rng: np.random.Generator, wanted: RowArray, texts: Mapping[str, RowArray], *, but: RowArray
) -> str | None:
    fitting = [
        text
        for text, carriers in texts.items()
        if np.isin(wanted, carriers).any() and not np.isin(but, carriers).any()
    ]
    kinds = [kind for kind in _by_kind(fitting) if kind]
    if not kinds:
        return None
    kind = kinds[int(rng.integers(len(kinds)))]
    return kind[int(rng.integers(len(kind)))]


def steering_texts(catalog: Catalog) -> dict[str, RowArray]:
    """The rows that carry each category and each tag, five items or more, by "category:name"."""
    tags, categories = carriers_of_tags(catalog), carriers_of_categories(catalog)
    return {
        **{f"category:{name}": rows for name, rows in categories.items()},
        **{f"tag:{name}": rows for name, rows in tags.items()},
    }


def _by_kind(texts: list[str]) -> list[list[str]]:
    return [[text for text in texts if text.startswith(kind)] for kind in ("category:", "tag:")]
