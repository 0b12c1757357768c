"""Tables of a small evaluation and of a small tuning."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from indexing.measure.metrics import Difference
from indexing.measure.protocols.cold import ColdError
from indexing.measure.protocols.off_topic import OffTopic
from indexing.measure.report import Evaluation, Line, Measured, as_markdown, write_report
from indexing.measure.systems import OURS
from indexing.measure.verdict import Judged, Tuned, Tuning, write_tuning
from indexing.measure.verdict import as_markdown as tuning_as_markdown
from shortlist.bundle.profiles import Profile

GAIN, NONE, LOSS = (Difference(mean, mean - 0.1, mean + 0.1) for mean in (0.2, 0.0, -0.2))
NAN = float("nan")

TEXTS = Measured(
    protocol="leave tag out",
    metrics=("nDCG@10", "prefix"),
    n_topics=1200,
    n_held_out=600,
    compared_with=("similarity alone",),
    lines=(
        Line("similarity alone", {"nDCG@10": 0.1, "prefix": 0.25},
             {"nDCG@10": 0.125, "prefix": NAN}, {"similarity alone": None}),
        Line("BM25", {"nDCG@10": 0.3, "prefix": 0.5}, {"nDCG@10": 0.325, "prefix": 0.75},
             {"similarity alone": GAIN}),
    ),
)  # fmt: skip
TASTES = Measured(
    protocol="personal",
    metrics=("nDCG@10",),
    n_topics=30,
    n_users=20,
    compared_with=("popularity", "text alone"),
    lines=(
        Line("popularity", {"nDCG@10": 0.2}, {}, {"popularity": None, "text alone": GAIN}),
        Line(OURS, {"nDCG@10": 0.25}, {}, {"popularity": GAIN, "text alone": LOSS}),
    ),
)


def evaluation(*tastes: Measured, off_topic: OffTopic | None = None) -> Evaluation:
    cold = (ColdError(least_ratings=5, n_hidden=1000, estimated=0.03, constant=0.04),)
    return Evaluation("films", "v1", "f32", 2000, "tuned", (TEXTS,), tastes, cold, off_topic)


def test_the_tables_say_what_was_measured() -> None:
    skipped = Measured("temporal cut", skipped="the ratings have no time")
    found = OffTopic(n_on_topic=60, n_off_topic=50, precision=0.9, recall=0.8, area=0.95)
    assert as_markdown(evaluation(TASTES, skipped, off_topic=found)).split("\n\n") == [
        "Catalogue films, 2,000 items, documents in f32; default profile tuned.",
        "**Leave tag out**, 1,200 queries, 600 of them held out; each cell: all / held out. Δ is"
        " the difference of nDCG@10 to similarity alone on the held-out ones with its 95 %"
        " interval.",
        "| system | nDCG@10 | prefix | Δ nDCG@10 |\n"
        "|---|---:|---:|---:|\n"
        "| similarity alone | 0.100 / 0.125 | 0.250 / – |  |\n"
        "| BM25 | 0.300 / 0.325 | 0.500 / 0.750 | +0.200 [+0.100, +0.300] |",
        "**Personal**, 30 queries of 20 users. Δ are differences of nDCG@10 over users with their"
        f" 95 % intervals. The best reference is popularity; {OURS} has 125% of its nDCG@10.",
        "| system | nDCG@10 | Δ popularity | Δ text alone |\n"
        "|---|---:|---:|---:|\n"
        "| popularity | 0.200 |  | +0.200 [+0.100, +0.300] |\n"
        f"| {OURS} | 0.250 | +0.200 [+0.100, +0.300] | -0.200 [-0.300, -0.100] |",
        "**Temporal cut**: skipped, the ratings have no time.",
        "**Cold items**: mean absolute error of the popularity score of items whose ratings were"
        " hidden.",
        "| items with at least … ratings | hidden | estimated from neighbours | always C | less"
        " by |\n"
        "|---:|---:|---:|---:|---:|\n"
        "| 5 | 1,000 | 0.0300 | 0.0400 | 25% |",
        "**No good match**, 60 queries about the catalogue and 50 about other things: precision"
        " 0.900, recall 0.800, area under the curve 0.950.",
    ]


def test_the_files_hold_the_same_and_no_nan(tmp_path: Path) -> None:
    table, data, chart = write_report(evaluation(TASTES), tmp_path / "results")
    assert table.name == "evaluation-films.md"
    assert table.read_text(encoding="utf-8") == f"{as_markdown(evaluation(TASTES))}\n"
    raw = json.loads(data.read_text(encoding="utf-8"), parse_constant=pytest.fail)
    assert raw["measured"][0]["lines"][0]["held_out"] == {"nDCG@10": 0.125, "prefix": None}
    assert raw["tastes"][0]["lines"][1]["differences"]["popularity"]["mean"] == 0.2
    assert chart.read_bytes().startswith(b"\x89PNG")


def judged(*differences: Difference, trees: Difference | None = None) -> Tuned:
    profile = Profile(n_candidates=100, n_popular=250, weights={"similarity": 1, "recency": 0.25})
    return Tuned(
        "related",
        profile,
        1234,
        tuple(
            Judged("item to item", metric, 300, 0.4, 0.6, difference, 0.7 if trees else None, trees)
            for metric, difference in zip(("nDCG@10", "Recall@20"), differences, strict=False)
        ),
    )


@pytest.mark.parametrize(
    ("found", "significant"),
    [((GAIN, NONE), True), ((NONE, NONE), False), ((GAIN, LOSS), False), ((NONE, GAIN), True)],
)
def test_a_gain_is_one_that_costs_nothing_elsewhere(
    found: tuple[Difference, Difference], significant: bool
) -> None:
    assert judged(*found).significant is significant


def test_a_learned_ranker_wins_by_what_leads() -> None:
    assert judged(NONE, trees=GAIN).trees_win
    assert not judged(NONE, trees=NONE).trees_win
    assert not judged(GAIN).trees_win, "nothing to compare with"


def test_a_tuning_is_told_with_its_evidence(tmp_path: Path) -> None:
    tuning = Tuning("films", "v1", judged(GAIN), (judged(LOSS, trees=GAIN),))
    assert tuning_as_markdown(tuning).split("\n\n") == [
        "Catalogue films: a significant gain over profile related.",
        "Learnt from 1,234 queries: n_candidates = 100, n_popular = 250, weights similarity = 1,"
        " recency = 0.25.",
        "On the queries held out:",
        "| protocol | metric | queries | related | learnt | difference, 95 % |\n"
        "|---|---|---:|---:|---:|---:|\n"
        "| item to item | nDCG@10 | 300 | 0.400 | 0.600 | +0.200 [+0.100, +0.300] |",
        "Item to item, profile related: no significant gain; a learned ranker beats the learnt"
        " profile.",
        "Learnt from 1,234 users: n_candidates = 100, n_neighbours = 200, weights similarity = 1,"
        " recency = 0.25.",
        "| metric | held-out users | related | learnt | difference, 95 % | LambdaMART | difference"
        " to learnt, 95 % |\n"
        "|---|---:|---:|---:|---:|---:|---:|\n"
        "| nDCG@10 | 300 | 0.400 | 0.600 | -0.200 [-0.300, -0.100] | 0.700 | +0.200 [+0.100,"
        " +0.300] |",
    ]
    _, data = write_tuning(tuning, tmp_path)
    raw = json.loads(data.read_text(encoding="utf-8"))
    assert (raw["search"]["significant"], raw["tastes"][0]["trees_win"]) == (True, True)
    assert raw["search"]["profile"]["weights"] == {"similarity": 1.0, "recency": 0.25}
