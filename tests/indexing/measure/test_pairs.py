"""Pairs written by hand: read from a file, asked for as similar items, half of them held out."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from indexing.measure.evaluate import Subject
from indexing.measure.protocols.pairs import written_pairs
from indexing.measure.systems import OURS, engine, similar_engines
from shortlist.errors import CatalogError

KINDS = {"sequel", "director", "retold"}


@pytest.mark.parametrize("name", ["sample", "movielens"])
def test_the_committed_pairs_are_sixty_of_three_kinds(repository: Path, name: str) -> None:
    pairs = pd.read_csv(repository / "data" / name / "pairs.csv")
    assert len(pairs) == len(pairs.drop_duplicates()) == 60
    assert set(pairs["kind"]) == KINDS
    assert (pairs["item"] != pairs["related"]).all()


def test_a_pair_asks_for_items_like_the_one_and_wants_the_other(subject: Subject) -> None:
    topics = written_pairs(subject.catalog).topics
    counted = Counter(topic.kind for topic in topics)
    assert set(counted) == KINDS and counted.total() == 60
    assert 20 <= sum(topic.held_out for topic in topics) <= 40
    titles = subject.catalog.items.titles.tolist()
    toys = next(topic for topic in topics if titles[topic.liked[0]] == "Toy Story (1995)")
    assert titles[toys.relevant[0]] == "Toy Story 2 (1999)"
    rows = engine(OURS).rank(toys, subject.snapshot)
    assert toys.relevant[0] in rows[:10] and toys.liked[0] not in rows


def test_what_a_bundle_lacks_is_not_compared(subject: Subject) -> None:
    bundle = subject.bundle
    words = bundle.sections.words
    assert words is not None
    unnamed = replace(words, parts=tuple(replace(part, terms=None) for part in words.parts))
    bare = replace(bundle, sections=replace(bundle.sections, words=unnamed, neighbours=None))
    assert [one.name for one in similar_engines(bare)] == ["text alone", OURS]
    assert len(similar_engines(bundle)) == 4


def test_a_pair_of_an_item_that_is_not_there_is_refused(subject: Subject, tmp_path: Path) -> None:
    config = subject.catalog.config
    path = tmp_path / "pairs.csv"
    path.write_text("item,related,kind\n698,801,sequel\n698,99999,sequel\n", encoding="utf-8")
    named = config.evaluation.model_copy(update={"pairs": str(path)})
    catalog = replace(subject.catalog, config=config.model_copy(update={"evaluation": named}))
    with pytest.raises(CatalogError, match=r"pairs\.csv: no item has the id '99999'"):
        written_pairs(catalog)


def test_a_catalogue_that_names_no_pairs_skips_them(subject: Subject) -> None:
    config = subject.catalog.config
    named = config.evaluation.model_copy(update={"pairs": None})
    catalog = replace(subject.catalog, config=config.model_copy(update={"evaluation": named}))
    assert written_pairs(catalog).skipped == "catalog.toml names no [evaluation] pairs"
