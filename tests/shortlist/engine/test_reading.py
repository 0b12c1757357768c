"""Filters are read out of questions, and titles are left alone."""

from __future__ import annotations

import csv
from pathlib import Path

from shortlist.engine.query import SearchQuery
from shortlist.engine.search import ask
from shortlist.engine.snapshot import Snapshot


def rows() -> list[dict[str, str]]:
    path = Path(__file__).parents[2] / "data/reads.csv"
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def read(snapshot: Snapshot, text: str) -> set[str]:
    """What is applied of a text, as reads.csv has it: year:1980..1989, +Action, -War, -"space"."""
    found: set[str] = set()
    for one in ask(snapshot, SearchQuery(q=text, reads="apply", k=1)).read:
        assert one["applied"]
        wanted = one["filter"]
        for name, limits in wanted.get("ranges", {}).items():
            low, high = ("" if limits.get(k) is None else f"{limits[k]:g}" for k in ("min", "max"))
            found.add(f"{name}:{low}..{high}")
        categories = wanted.get("categories", {})
        found |= {f"+{name}" for name in categories.get("all", ())}
        found |= {f"-{name}" for name in categories.get("none", ())}
        found |= {f'-"{said}"' for said in wanted.get("words", {}).get("none", ())}
    return found


def test_of_a_hundred_questions_half_of_them_traps_hardly_any_is_read_wrongly(
    sample_snapshot: Snapshot,
) -> None:
    questions = {row["query"]: set(filter(None, row["reads"].split(";"))) for row in rows()}
    traps = [text for text, wanted in questions.items() if not wanted]
    assert (len(questions), len(traps) >= 50) == (100, True)
    found = {text: read(sample_snapshot, text) for text in questions}
    wrong = {text: found[text] - wanted for text, wanted in questions.items()}
    wrong = {text: more for text, more in wrong.items() if more}
    assert len(wrong) <= 2, wrong
    missed = {text: wanted - found[text] for text, wanted in questions.items()}
    n_wanted = sum(map(len, questions.values()))
    assert sum(map(len, missed.values())) <= 0.1 * n_wanted, {k: v for k, v in missed.items() if v}
