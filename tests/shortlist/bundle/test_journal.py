"""The journal tells what led to the live version, also after a crash."""

from __future__ import annotations

from pathlib import Path

import pytest

from shortlist.bundle.journal import ROLLBACK, Event, Journal
from shortlist.errors import BundleCorrupt


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "JOURNAL")


def moved(journal: Journal, target: str, why: str = "publish") -> None:
    for event in (Event.INTENT, Event.MOVE, Event.DONE):
        journal.append(event, source=None, target=target, why=why)


def test_no_journal_is_an_empty_one(journal: Journal) -> None:
    assert (journal.entries(), journal.open_intent(), journal.history()) == ([], None, [])


def test_published_versions_are_the_history(journal: Journal) -> None:
    for target in "ABC":
        moved(journal, target)
    assert journal.history() == ["A", "B", "C"]


def test_a_rollback_takes_back_what_it_left(journal: Journal) -> None:
    for target in "ABC":
        moved(journal, target)
    moved(journal, "B", ROLLBACK)
    assert journal.history() == ["A", "B"]
    moved(journal, "D")
    assert journal.history() == ["A", "B", "D"]


def test_versions_are_published_in_the_order_of_their_first_appearance(journal: Journal) -> None:
    journal.append(Event.DONE, source="found here", target="C", why="publish")
    for target in "AB":
        moved(journal, target)
    moved(journal, "C", ROLLBACK)
    assert journal.published() == ["found here", "C", "A", "B"]


def test_a_version_was_last_live_when_another_took_its_place(journal: Journal) -> None:
    for source, target in [(None, "A"), ("A", "B"), ("B", "C"), ("C", "A"), ("A", "D")]:
        journal.append(Event.DONE, source=source, target=target, why="publish")
    journal.append(Event.ABANDONED, source="B", target="B", why="publish")
    assert journal.last_live() == ["B", "C", "A", "D"]


@pytest.mark.parametrize(
    "line",
    [
        "[]",
        "7",
        '{"event": "done"}',
        '{"event": "done", "time": "", "source": null, "target": ["B"], "why": "publish"}',
        '{"event": "done", "time": "", "source": 1, "target": "B", "why": "publish"}',
    ],
)
def test_a_line_that_is_no_entry_is_passed_over(
    journal: Journal, tmp_path: Path, line: str
) -> None:
    (tmp_path / "JOURNAL").write_text(f"{line}\n")
    moved(journal, "A")
    assert (journal.published(), journal.history()) == (["A"], ["A"])


def test_a_journal_that_cannot_be_read_is_named(journal: Journal, tmp_path: Path) -> None:
    (tmp_path / "JOURNAL").mkdir()
    with pytest.raises(BundleCorrupt, match=r"JOURNAL: cannot be read: .*not a regular file"):
        journal.entries()


def test_an_intent_is_open_until_it_is_done_or_abandoned(journal: Journal) -> None:
    moved(journal, "A")
    journal.append(Event.INTENT, source="A", target="B", why="publish")
    intent = journal.open_intent()
    assert intent is not None
    assert (intent.source, intent.target) == ("A", "B")
    journal.append(Event.ABANDONED, source="A", target="B", why="publish")
    assert journal.open_intent() is None
    assert journal.history() == ["A"], "a move that was given up is no history"


def test_a_line_cut_off_by_a_crash_is_passed_over(journal: Journal, tmp_path: Path) -> None:
    moved(journal, "A")
    with (tmp_path / "JOURNAL").open("a", encoding="utf-8") as file:
        file.write('{"time": "2026-11-23T04:15:00.123Z", "event": "inte')
    assert journal.history() == ["A"]
    moved(journal, "B")
    assert journal.history() == ["A", "B"], "the next entry begins on a line of its own"
