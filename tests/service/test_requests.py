"""What the parameters of a search may be, and how an answer becomes JSON."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest

from service.requests import read_parameters, spelled, spellings
from service.responses import encode_answer
from shortlist.engine.answer import Answer, BestMatch, Component, Result
from shortlist.engine.query import SearchQuery
from shortlist.errors import InvalidParameter, MalformedRequest

INFINITY = float("inf")


def parse_search(query_string: bytes) -> SearchQuery:
    """The search in the query string of GET /v1/search."""
    try:
        return read_parameters(SearchQuery, query_string)
    except InvalidParameter as error:
        raise spelled(error) from error


def fields_refused(query_string: str) -> dict[str, str]:
    with pytest.raises(InvalidParameter) as caught:
        parse_search(query_string.encode())
    return dict(caught.value.fields)


def test_a_query_alone_leaves_everything_else_to_the_profile() -> None:
    expected = SearchQuery(q="space", k=None, n_candidates=None, profile=None, weights={})
    assert parse_search(b"q=space") == expected


def test_every_parameter_reaches_the_search() -> None:
    query = parse_search(
        b"q=space+travel&k=3&n_candidates=20&profile=similarity&w_similarity=0.5&w_popularity=2"
    )
    assert query == SearchQuery(
        q="space travel",
        k=3,
        n_candidates=20,
        profile="similarity",
        weights={"similarity": 0.5, "popularity": 2.0},
    )


@pytest.mark.parametrize(
    ("encoded", "text"),
    [
        ("Am%C3%A9lie", "Am\u00e9lie"),
        ("%E4%B8%83%E4%BA%BA", "七人"),
        ("a%26b%3Dc%2B", "a&b=c+"),
        ("100%", "100%"),
        ("%F0%9F%9A%80", "🚀"),
        ("a%00b", "a\x00b"),
        ("++", "  "),
        ("", ""),
    ],
)
def test_texts_are_decoded_as_utf_8(encoded: str, text: str) -> None:
    assert parse_search(f"q={encoded}".encode()).q == text


def test_bytes_beyond_ascii_need_no_percent_encoding() -> None:
    assert parse_search("q=七人".encode()).q == "七人"


@pytest.mark.parametrize(
    "query_string", [b"q=%FF", b"q=%C3", b"q=%ED%A0%80", b"%FF=1&q=a", b"q=\xff", b"q=a&k=%FF"]
)
def test_what_is_not_utf_8_is_malformed(query_string: bytes) -> None:
    with pytest.raises(MalformedRequest, match="the query string is not UTF-8"):
        parse_search(query_string)


def test_a_flood_of_parameters_is_malformed() -> None:
    with pytest.raises(MalformedRequest, match="Max number of fields exceeded"):
        parse_search(b"&".join(b"p%d=1" % number for number in range(2001)))


@pytest.mark.parametrize("text", ["1_0", "+5", "10.0", " 5", "5 ", "", "0x5", "1e1", "ten", "٣"])
@pytest.mark.parametrize("name", ["k", "n_candidates"])
def test_an_integer_is_plain_digits(name: str, text: str) -> None:
    refused = fields_refused(f"q=a&{name}={quote(text)}")
    assert refused == {name: f"expected an integer, found {text!r}"}


@pytest.mark.parametrize(("text", "value"), [("7", 7), ("007", 7), ("50", 50)])
def test_digits_are_an_integer(text: str, value: int) -> None:
    assert parse_search(f"q=a&k={text}".encode()).k == value


@pytest.mark.parametrize(
    "text", ["nan", "inf", "-inf", "infinity", "1_0", "+1", " 1", "1 ", "", "0x1", ".5", "5.", "½"]
)
@pytest.mark.parametrize("name", ["w_similarity", "w_popularity"])
def test_a_weight_is_a_plain_decimal_number(name: str, text: str) -> None:
    refused = fields_refused(f"q=a&{name}={quote(text)}")
    assert refused == {name: f"expected a number, found {text!r}"}


@pytest.mark.parametrize(
    ("text", "value"),
    [("0", 0), ("10", 10), ("0.7", 0.7), ("1e-1", 0.1), ("0.30000000000000004", 0.1 + 0.2)],
)
def test_weights_from_0_to_10_are_taken_as_written(text: str, value: float) -> None:
    assert parse_search(f"q=a&w_similarity={text}".encode()).weights == {"similarity": value}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("-0.1", "expected at least 0, found -0.1"),
        ("10.001", "expected at most 10, found 10.001"),
        ("1e999", "expected a finite number, found inf"),
    ],
)
def test_a_weight_out_of_its_range_is_refused(text: str, message: str) -> None:
    assert fields_refused(f"q=a&w_popularity={text}") == {"w_popularity": message}


def test_a_missing_query_is_named() -> None:
    assert fields_refused("k=5") == {"q": "expected a value, found none"}


def test_an_unknown_parameter_is_named_beside_the_known_ones() -> None:
    known = ", ".join(spellings(SearchQuery))
    assert all(name in known for name in ("q", "k", "w_recency", "category", "cursor"))
    assert fields_refused("q=a&limit=5") == {"limit": f"no such parameter; known: {known}"}


def test_a_parameter_given_twice_is_refused() -> None:
    assert fields_refused("q=a&k=1&k=1") == {"k": "expected once, found twice"}


def test_all_that_is_wrong_is_told_at_once() -> None:
    assert set(fields_refused("k=x&w_popularity=-1&limit=5")) == {"q", "k", "w_popularity", "limit"}


def answer_with(score: float) -> Answer:
    component = Component(
        feature="similarity", value=score, weight=1.0, contribution=score, estimated=False
    )
    result = Result(
        rank=1,
        item_id="a-1",
        title='Quote " and 七',
        categories=["x"],
        attributes={"year": 1999, "price": 2.5, "colour": None},
        display={"subtitle": None, "description": None, "image": None, "link": None},
        score=score,
        retrieval_score=score,
        popularity_score=None,
        retrieval_rank=1,
        lanes=["semantic"],
        rating_count=None,
        mean_rating=None,
        distance_km=None,
        fallback=None,
        team=None,
        components=[component],
        highlights=None,
        explanation=None,
    )
    return Answer(
        query_id="i",
        query="q",
        index_version="v",
        profile="p",
        experiment=None,
        variant=None,
        took_ms=1.5,
        k=1,
        n_candidates=50,
        exact=True,
        considered=50,
        about=None,
        ordered_by="score",
        scope="candidates",
        matched=100,
        best_match=BestMatch(similarity=0.5, unusualness=3.0, unusualness_of_ten=2.0),
        no_good_match=False,
        collaboration=None,
        acquaintance=None,
        read=[],
        results=[result],
        facets=None,
        next=None,
    )


def test_an_answer_becomes_json_field_by_field_in_order() -> None:
    text = encode_answer(answer_with(0.1 + 0.2)).decode()
    assert json.loads(text) == {
        "query_id": "i",
        "query": "q",
        "index_version": "v",
        "profile": "p",
        "experiment": None,
        "variant": None,
        "took_ms": 1.5,
        "k": 1,
        "n_candidates": 50,
        "exact": True,
        "considered": 50,
        "matched": 100,
        "about": None,
        "ordered_by": "score",
        "scope": "candidates",
        "best_match": {"similarity": 0.5, "unusualness": 3.0, "unusualness_of_ten": 2.0},
        "no_good_match": False,
        "collaboration": None,
        "acquaintance": None,
        "read": [],
        "results": [
            {
                "rank": 1,
                "item_id": "a-1",
                "title": 'Quote " and 七',
                "categories": ["x"],
                "attributes": {"year": 1999, "price": 2.5, "colour": None},
                "display": {"subtitle": None, "description": None, "image": None, "link": None},
                "score": 0.30000000000000004,
                "retrieval_score": 0.30000000000000004,
                "popularity_score": None,
                "retrieval_rank": 1,
                "lanes": ["semantic"],
                "rating_count": None,
                "mean_rating": None,
                "distance_km": None,
                "fallback": None,
                "team": None,
                "components": [
                    {
                        "feature": "similarity",
                        "value": 0.30000000000000004,
                        "weight": 1.0,
                        "contribution": 0.30000000000000004,
                        "estimated": False,
                    }
                ],
                "highlights": None,
                "explanation": None,
            }
        ],
        "facets": None,
        "next": None,
    }
    assert list(json.loads(text)) == [
        "query_id", "query", "index_version", "profile", "experiment", "variant", "took_ms", "k",
        "n_candidates", "exact", "considered", "matched", "about", "ordered_by", "scope",
        "best_match", "no_good_match", "collaboration", "acquaintance", "read", "results",
        "facets", "next"
    ]  # fmt: skip


def test_json_never_holds_nan_or_infinity() -> None:
    for value in (float("nan"), INFINITY, -INFINITY):
        text = encode_answer(answer_with(value)).decode()
        assert json.loads(text, parse_constant=pytest.fail)["results"][0]["score"] is None
