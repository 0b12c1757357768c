"""Reads many cases in one process: `python -m tests.soak.catalogue_child FOLDER FIRST END`.

It says what became of each in a line of JSON, and dies with a traceback when a case takes too long.
"""

from __future__ import annotations

import faulthandler
import json
import logging
import resource
import shutil
import sys
import traceback
import warnings
from pathlib import Path

import numpy as np

from indexing.catalog import read_catalog
from indexing.catalog.columns import id_column, item_table
from indexing.catalog.settings import write_settings
from indexing.catalog.toml import read_catalog_config
from indexing.changing.intake import intake_of
from indexing.changing.source import write_source
from indexing.documents import read_corpus
from indexing.entries import entries_of
from indexing.features import write_features
from indexing.index import make_index
from indexing.neighbours.section import write_neighbours
from indexing.popularity import catalog_popularity
from indexing.titles import write_titles
from indexing.words import write_words
from shortlist.bundle.attributes import ORDERED, Kind, kind_of, ordered_of, shown
from shortlist.bundle.tables import read_items, write_id_map, write_items
from shortlist.engine.bins import bins_of, time_bins
from shortlist.errors import ShortlistError
from tests.soak.catalogue_cases import write_case

CASE_S = 30
MORE_BYTES = 2 * 2**30
"""What a case may take of the address space beside what the program has when it starts."""


def read_all(path: Path, folder: Path) -> None:
    """All that a build does with a catalogue before the model is asked, and its item table."""
    config = read_catalog_config(path)
    catalog = read_catalog(config)
    corpus = read_corpus(catalog)
    corpus.recall_probes()
    entries = entries_of(catalog, corpus)
    entries.contents()
    popularity = catalog_popularity(catalog)
    write_id_map(folder / "id_map.arrow", id_column(catalog))
    write_items(folder / "items.arrow", item_table(catalog, popularity))
    write_source(folder, catalog)
    write_settings(folder, config)
    intake_of(config, integer_ids=False)
    write_titles(folder, entries.titles, entries.alternatives)
    language = config.words.language
    write_words(folder, entries.fields, n_rows=catalog.n_items, language=language)
    vectors = np.eye(catalog.n_items, 8, dtype=np.float32)
    write_features(folder, catalog, popularity, vectors)
    write_neighbours(folder, catalog, vectors, live=None)
    if config.index.type not in {"auto", "flat"}:
        make_index(64, config.index.type)
    count_numbers(folder)


def count_numbers(folder: Path) -> None:
    """The values and histograms that the service would show."""
    for name, column in read_items(folder / "items.arrow").attributes.items():
        kind = kind_of(column)
        assert len([shown(column, row) for row in range(len(column))]) == len(column)
        if kind not in ORDERED:
            continue
        numbers, known = ordered_of(column)
        if known.any():
            bins = (time_bins if kind is Kind.TIME else bins_of)(numbers[known])
            assert sum(one.count for one in bins) == known.sum(), name


def outcome_of(number: int, folder: Path) -> dict[str, object]:
    """What became of one case; its folder is gone afterwards."""
    home, bundle = folder / "case", folder / "bundle"
    for one in (home, bundle):
        one.mkdir()
    try:
        read_all(write_case(number, home), bundle)
    except ShortlistError as error:
        return {"case": number, "said": str(error)}
    except BaseException:
        return {"case": number, "unforeseen": traceback.format_exc()[-3000:]}
    finally:
        shutil.rmtree(home)
        shutil.rmtree(bundle)
    return {"case": number}


def main(folder: Path, first: int, end: int) -> None:
    """Every case from `first` to before `end`."""
    logging.disable()
    warnings.simplefilter("ignore")
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MORE_BYTES,) * 2)
    for number in range(first, end):
        print(json.dumps({"begins": number}), flush=True)
        faulthandler.dump_traceback_later(CASE_S, exit=True)
        print(json.dumps(outcome_of(number, folder)), flush=True)
        faulthandler.cancel_dump_traceback_later()


if __name__ == "__main__":
    faulthandler.enable()
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
