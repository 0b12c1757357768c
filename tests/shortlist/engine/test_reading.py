"""Filters are read out of questions, and titles are left alone."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from shortlist.bundle.wording import Reads
from shortlist.engine.answer import Answer
from shortlist.engine.batch import ask_many
from shortlist.engine.conditions import Categories, Filters, Range
from shortlist.engine.query import SearchQuery
from shortlist.engine.question import read_question
from shortlist.engine.reading import read_filters
from shortlist.engine.search import ask
from shortlist.engine.snapshot import Snapshot
from shortlist.engine.vocabulary import Numbers, Vocabulary


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


MINUTES, EUROS = Reads(kind="minutes"), Reads(kind="number", units=("euro", "€"))


@pytest.fixture(scope="module")
def shop() -> Vocabulary:
    """A catalogue with a length and a price."""
    return Vocabulary(
        numbers={
            "length": Numbers(MINUTES, 5, 300, whole=True),
            "price": Numbers(EUROS, 1.5, 900.0, whole=False),
        },
        categories={"toys": "Toys", "diy": "DIY", "boardgames": "Board Games"},
        tags=frozenset({"plastic", "boardgamenight"}),
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("films over 2 hours", ["length 121–"]),
        ("something under 100 minutes", ["length –99"]),
        ("at most an hour and a half", ["length –90"]),
        ("at least 45 min long", ["length 45–"]),
        ("toys up to 20 euro", ["Toys", "price –20"]),
        ("diy under 7.50€", ["DIY", "price –7.5"]),
        ("under 100", []),  # of minutes or of euros?
        ("over 300 spartans", []),
        ("under 5000 euro", []),  # everything is
        ("board games without plastic", ["Board Games", "no plastic"]),
        ("boardgame night", []),  # a tag of both words
        ('"toys" under 20 euro', ["price –20"]),
        ("not-toys", []),
    ],
)
def test_limits_are_read_with_their_units(shop: Vocabulary, text: str, expected: list[str]) -> None:
    asked = read_question(text)
    found = read_filters(asked.text, shop, quoted=asked.required, is_title=lambda _: False)
    assert [one.label for one in found] == expected
    if text == "diy under 7.50€":
        limit = found[1].filter.ranges["price"].max
        assert limit is not None
        assert 7.49 < limit < 7.5


def test_a_title_is_left_alone(shop: Vocabulary) -> None:
    assert read_filters("toys under 20 euro", shop, is_title=lambda _: True) == ()


def test_what_is_read_is_told_applied_or_left_as_is_asked(sample_snapshot: Snapshot) -> None:
    text = "slow westerns before 1970"
    suggested = ask(sample_snapshot, SearchQuery(q=text))
    off = ask(sample_snapshot, SearchQuery(q=text, reads="off"))
    assert off.read == []
    assert [one.item_id for one in suggested.results] == [one.item_id for one in off.results]
    assert [(one["words"], one["applied"]) for one in suggested.read] == [
        ("westerns", False), ("before 1970", False),
    ]  # fmt: skip
    applied = ask(sample_snapshot, SearchQuery(q=text, reads="apply"))
    years = [one.attributes["year"] for one in applied.results]
    assert all(isinstance(year, int) and year < 1970 for year in years)
    assert all("Western" in one.categories for one in applied.results)
    filters = Filters(categories=Categories(all=("Western",)), ranges={"year": Range(max=1969)})
    by_hand = ask(sample_snapshot, SearchQuery(q="slow", filters=filters))
    assert [one.item_id for one in applied.results] == [one.item_id for one in by_hand.results]
    batched = ask_many(sample_snapshot, [SearchQuery(q=text, reads="apply")])[0]
    assert isinstance(batched, Answer)
    assert [one.score for one in batched.results] == [one.score for one in applied.results]


def test_what_filters_say_already_stays(sample_snapshot: Snapshot) -> None:
    filters = Filters(ranges={"year": Range(min=1990, max=1999)})
    query = SearchQuery(q="action 1980s", filters=filters, reads="apply")
    answer = ask(sample_snapshot, query)
    assert [(one["words"], one["applied"]) for one in answer.read] == [
        ("action", True), ("1980s", False),
    ]  # fmt: skip
    years = [one.attributes["year"] for one in answer.results]
    assert years
    assert all(isinstance(year, int) and 1990 <= year <= 1999 for year in years)
    assert ask(sample_snapshot, SearchQuery(q="80s action", unread=("80s",))).read[0]["words"] == (
        "action"
    )


def test_a_query_string_spells_it(sample_client: FlaskClient) -> None:
    body = sample_client.get("/v1/search?q=80s+action&reads=apply&unread=action").get_json()
    assert [one["filter"] for one in body["read"]] == [
        {"ranges": {"year": {"min": 1980, "max": 1989}}}
    ]
    response = sample_client.get("/v1/search?q=a&reads=maybe")
    assert response.status_code == 422
    assert [one["field"] for one in response.get_json()["errors"]] == ["reads"]
