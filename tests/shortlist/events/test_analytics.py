"""What is counted of searches: the same from both databases, every number to be seen by hand."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from shortlist.events import printed
from shortlist.events.analytics import Analytics, analyse
from shortlist.events.event import EventType
from shortlist.events.facts import Counts, Text
from shortlist.events.logged import LoggedQuery, QueryKind
from shortlist.events.store import EventStore
from tests.event_stores import NOON, answer, event

HOUR, DAY = 3600.0, 86_400.0
UNTIL = NOON + timedelta(hours=6)


def search(name: str, text: str | None, **more: Any) -> LoggedQuery:
    return answer(name, **{"text": text, **more})


def click(name: str, query_id: str, rank: int | None) -> Any:
    return event(name, type=EventType.CLICK, query_id=query_id, rank=rank, session="s")


ANSWERS = [
    search("q1", "Robots", after_s=-DAY, took_ms=1.0),
    search("q2", " robots ", took_ms=2.0),
    search("q3", "robots", after_s=60, took_ms=3.0, no_good_match=True),
    search("q4", "xyzzy", after_s=120, took_ms=40.0, n_results=0, shown=(), matched=0),
    search("q5", "love", after_s=180, took_ms=5.0, profile="tuned"),
    search("q6", None, after_s=240, took_ms=6.0, profile="tuned"),
    search("page 2", "love", after_s=300, offset=10, took_ms=900.0),
    answer("p1", kind=QueryKind.POPULAR, took_ms=900.0),
    answer("s1", kind=QueryKind.SIMILAR, took_ms=900.0),
    search("old", "robots", after_s=-3 * DAY, took_ms=900.0),
]
CLICKS = [
    click("c1", "q1", 2),
    click("c2", "q1", 4),
    click("c3", "q5", 1),
    click("c4", "q2", None),
    click("c5", "page 2", 11),
    event("l1", query_id="q3", rank=1),
]


@pytest.fixture
def found(event_store: EventStore) -> Analytics:
    event_store.log_answers(ANSWERS)
    event_store.append(CLICKS)
    return analyse(event_store, days=3, until=UNTIL)


def counts(one: Counts) -> tuple[int, int, int, int]:
    return one.searches, one.without_results, one.without_good_match, one.without_click


def texts(some: list[Text]) -> list[tuple[str, int]]:
    return [(one.text, one.searches) for one in some]


def test_searches_are_first_pages_of_the_days_asked_for(found: Analytics) -> None:
    assert counts(found.searches) == (6, 1, 1, 2)
    assert found.answers == {"search": 7, "similar": 1, "recommend": 0, "popular": 1, "failed": 0}
    assert (found.since, found.until) == (datetime(2026, 4, 29, tzinfo=UTC), UNTIL)
    # q1 1/2, q2 clicked at no known place, q3 and q6 not at all, q5 1/1: over five with results
    assert found.searches.reciprocal_rank == pytest.approx((0.5 + 0 + 0 + 1 + 0) / 5)


def test_every_day_is_told_those_without_a_search_too(found: Analytics) -> None:
    assert [(one.day, *counts(one)) for one in found.days] == [
        (date(2026, 4, 29), 0, 0, 0, 0),
        (date(2026, 4, 30), 1, 0, 0, 0),
        (date(2026, 5, 1), 5, 1, 1, 2),
    ]
    assert [one.reciprocal_rank for one in found.days] == [None, 0.5, 0.25]


def test_profiles_are_compared_by_where_people_click(found: Analytics) -> None:
    default, tuned = found.profiles
    assert (default.profile, *counts(default)) == ("default", 4, 1, 1, 1)
    assert (tuned.profile, *counts(tuned)) == ("tuned", 2, 0, 0, 1)
    assert default.reciprocal_rank == pytest.approx(0.5 / 3)
    assert tuned.reciprocal_rank == pytest.approx(0.5)
    assert (default.p95_ms, tuned.p95_ms) == (40.0, 6.0)


def test_texts_are_told_apart_by_their_words_alone(found: Analytics) -> None:
    assert texts(found.frequent) == [("robots", 3), ("love", 1), ("xyzzy", 1)]
    assert [counts(one) for one in found.frequent] == [(3, 0, 1, 1), (1, 0, 0, 0), (1, 1, 0, 0)]
    assert texts(found.unanswered) == [("xyzzy", 1)]
    assert texts(found.poor) == [("robots", 3)]
    assert texts(found.unopened) == [("robots", 3)]
    assert found.texts_kept


def test_the_slowest_and_how_long_most_took(found: Analytics) -> None:
    assert [(one.text, one.took_ms) for one in found.slow[:3]] == [
        ("xyzzy", 40.0), (None, 6.0), ("love", 5.0)
    ]  # fmt: skip
    assert found.percentiles_ms == {"p50": 3.0, "p95": 40.0, "p99": 40.0}


def test_of_what_is_typed_letter_by_letter_the_last_counts(event_store: EventStore) -> None:
    typed = [
        search("r", "r", session="v", after_s=0),
        search("ro", "ro", session="v", after_s=0.4),
        search("robots", "robots", session="v", after_s=1.9),
        search("robots 2", "robots 2", session="v", after_s=3.9),
        search("other", "r", session="w", after_s=1),
        search("nobody", "r", after_s=1),
    ]
    event_store.log_answers(typed)
    found = analyse(event_store, days=1, until=UNTIL)
    assert texts(found.frequent) == [("r", 2), ("robots", 1), ("robots 2", 1)]
    assert found.answers["search"] == 6


def test_without_a_search_there_is_nothing_to_tell(event_store: EventStore) -> None:
    found = analyse(event_store, days=2, until=UNTIL)
    assert found.searches == Counts(
        searches=0, without_results=0, without_good_match=0, without_click=0, reciprocal_rank=None
    )
    assert len(found.days) == 2
    assert (found.frequent, found.slow, found.profiles, found.texts_kept) == ([], [], [], False)
    assert printed.as_text(found) == "no searches since 2026-04-30"
    assert printed.as_csv(found, "texts") == ""


def test_it_is_printed_as_tables(found: Analytics) -> None:
    text = printed.as_text(found)
    assert "answers: 7 search, 1 similar, 0 recommend, 1 popular" in text
    assert "took, ms: p50 3.0, p95 40.0, p99 40.0" in text
    lines = [line.split() for line in text.splitlines()]
    assert ["all", "searches", "6", "1", "1", "2", "0.300"] in lines
    assert ["2026-05-01", "5", "1", "1", "2", "0.250"] in lines
    assert ["default", "4", "1", "1", "1", "0.167", "40.0"] in lines
    assert ["searches", "a", "day", "▂█"] in lines


def test_texts_of_others_cannot_steer_a_terminal_nor_a_spreadsheet(
    event_store: EventStore,
) -> None:
    event_store.log_answers([search("q1", "\x1b[31mred"), search("q2", '=cmd|"x"', after_s=9)])
    found = analyse(event_store, days=1, until=UNTIL)
    assert "\x1b" not in printed.as_text(found)
    rows = list(csv.DictReader(io.StringIO(printed.as_csv(found, "texts"))))
    assert [row["text"] for row in rows] == ["\x1b[31mred", '\'=cmd|"x"']


def test_where_texts_are_not_kept_that_is_said(event_store: EventStore) -> None:
    event_store.log_answers([search("q", None)])
    found = analyse(event_store, days=1, until=UNTIL)
    assert not found.texts_kept
    assert "texts are not kept: the service has log_queries off" in printed.as_text(found)


def test_json_and_csv_say_the_same(found: Analytics) -> None:
    told = json.loads(printed.as_json(found))
    assert told["searches"] == asdict(found.searches)
    assert told["days"][2]["day"] == "2026-05-01"
    for table in ("days", "profiles", "slow"):
        rows = list(csv.DictReader(io.StringIO(printed.as_csv(found, table))))
        assert [{name: value or None for name, value in row.items()} for row in rows] == [
            {name: None if value is None else str(value) for name, value in row.items()}
            for row in told[table]
        ]
    rows = list(csv.DictReader(io.StringIO(printed.as_csv(found, "texts"))))
    assert [row["text"] for row in rows] == ["robots", "love", "xyzzy"]
    assert next(iter(rows[0])) == "text"


def test_a_trend_is_as_high_as_its_largest_number() -> None:
    assert printed.trend([0, 1, 4, 8]) == " ▁▄█"
    assert printed.trend([0, 0]) == "  "
    assert printed.trend([]) == ""
    assert printed.trend([1, 1000]) == "▁█"
