"""The threshold that a build learns: from which score on a query is about the catalogue."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from indexing.off_topic import best_mean, best_threshold, learn, shipped_texts
from shortlist.bundle.sections.calibration import Calibration
from shortlist.engine.query import SearchQuery
from shortlist.engine.search import ask
from shortlist.engine.snapshot import Snapshot

OFF = (
    *("flights to oslo on friday", "rain tomorrow morning", "why does my elbow hurt"),
    *("tax return deadline", "python dictionary comprehension", "descale the coffee machine"),
)
ON = (
    *("wizard school", "heist that goes wrong", "samurai defending a village"),
    *("girl possessed by a demon", "prison escape", "black and white film noir"),
)


def said(snapshot: Snapshot, texts: tuple[str, ...]) -> list[bool | None]:
    return [ask(snapshot, SearchQuery(q=text, k=1)).no_good_match for text in texts]


def test_the_shipped_texts_are_short_distinct_and_of_many_domains() -> None:
    domains, texts = shipped_texts()
    assert len(set(texts)) == len(texts) == len(domains) > 250
    assert len(Counter(domains.tolist())) >= 25
    assert max(map(len, texts)) < 80


def test_the_threshold_parts_what_can_be_parted_in_the_middle() -> None:
    threshold = best_threshold(np.array([0.0, 1.0]), np.array([3.0, 4.0]))
    assert threshold == pytest.approx(2.0, abs=0.01)


def test_a_good_match_called_poor_counts_twice() -> None:
    # Above 2 lies one of two texts off topic; below 3 one of two probes.
    threshold = best_threshold(np.array([0.0, 3.0]), np.array([2.0, 4.0]))
    assert threshold < 2


def test_the_ten_best_count_behind_those_that_are_left_out() -> None:
    rng = np.random.default_rng(1)
    vectors = rng.normal(size=(200, 8)).astype(np.float32)
    queries = rng.normal(size=(3, 8)).astype(np.float32)
    ranked = -np.sort(-(queries @ vectors.T), axis=1)
    np.testing.assert_allclose(
        best_mean(vectors, queries, skip=1), ranked[:, 1:11].mean(axis=1), rtol=1e-5
    )


def test_a_domain_that_the_catalogue_is_about_is_left_out() -> None:
    axes = np.eye(6, dtype=np.float32)
    items, own = np.repeat(axes[:1], 60, axis=0), np.repeat(axes[:1], 50, axis=0)
    others = np.concatenate([np.repeat(axes[:1], 30, axis=0), np.repeat(axes[1:], 12, axis=0)])
    domains = np.array(["near"] * 30 + ["far"] * 60)
    calibration = Calibration(np.linspace(-0.1, 0.1, 1001, dtype=np.float32))
    found = learn(items, own, others, domains, calibration)
    assert found is not None
    assert found.vectors.tolist() == others[30:].tolist()
    assert learn(items, own, others[:30], domains[:30], calibration) is None


def test_queries_about_other_things_are_told_apart_on_the_sample(
    sample_snapshot: Snapshot,
) -> None:
    assert said(sample_snapshot, OFF) == [True] * len(OFF)
    assert said(sample_snapshot, ON) == [False] * len(ON)


def test_a_bundle_that_has_learnt_nothing_is_judged_by_the_ten_best(
    sample_snapshot: Snapshot,
) -> None:
    bundle = sample_snapshot.bundle
    older = replace(bundle, sections=replace(bundle.sections, off_topic=None))
    answer = ask(replace(sample_snapshot, bundle=older), SearchQuery(q=OFF[3], k=1))
    assert answer.best_match is not None
    assert answer.no_good_match is (answer.best_match["unusualness_of_ten"] < 0.9)


def test_a_catalogue_of_a_few_items_learns_nothing(tiny_snapshot: Snapshot) -> None:
    assert tiny_snapshot.bundle.sections.off_topic is None


def test_no_match_is_poor_where_an_item_has_all_of_two_words_or_more(
    sample_snapshot: Snapshot,
) -> None:
    bundle = sample_snapshot.bundle
    texts = bundle.sections.off_topic
    assert texts is not None
    sections = replace(bundle.sections, off_topic=replace(texts, threshold=1e6))
    strict = replace(sample_snapshot, bundle=replace(bundle, sections=sections))
    assert said(strict, ("yellow brick road", "yellow brick zyzzyva", "poverty")) == [
        False, True, True,
    ]  # fmt: skip


def test_queries_that_were_written_afresh_are_told_apart(
    sample_snapshot: Snapshot, repository: Path
) -> None:
    """120 of them, by somebody who knew neither the threshold nor what it is learnt by."""
    queries = pd.read_csv(repository / "tests/data/about_films.csv")
    off = (queries["on_topic"] == 0).to_numpy()
    flagged = np.array(said(sample_snapshot, tuple(queries["query"])), dtype=bool)
    assert (flagged & off).sum() >= 0.95 * flagged.sum()
    assert (flagged & off).sum() >= 0.92 * off.sum()
