"""GET /v1/search, /healthz and /readyz over HTTP."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from service import api
from tests.publishing import VECTORS, Publisher

ANSWER_KEYS = [
    "query_id", "query", "index_version", "profile", "experiment", "variant", "took_ms", "k",
    "n_candidates", "exact", "considered", "matched", "about", "ordered_by", "scope", "best_match",
    "no_good_match", "collaboration", "read", "results", "facets", "next",
]  # fmt: skip
RESULT_KEYS = [
    "rank", "item_id", "title", "categories", "attributes", "display", "score", "retrieval_score",
    "popularity_score", "retrieval_rank", "lanes", "rating_count", "mean_rating", "distance_km",
    "fallback", "team", "components", "highlights", "explanation",
]  # fmt: skip
COMPONENT_KEYS = ["feature", "value", "weight", "contribution", "estimated"]
PROBLEM_KEYS = ["type", "title", "status", "detail", "errors"]
ClientOf = Callable[[Path], FlaskClient]


def answer(client: FlaskClient, **parameters: object) -> dict[str, Any]:
    """The answer to a search, which must be sound JSON without NaN."""
    response = client.get("/v1/search", query_string=parameters)
    assert response.status_code == 200, response.text
    assert response.mimetype == "application/json"
    body: dict[str, Any] = json.loads(response.data, parse_constant=pytest.fail)
    return body


def problem(response: TestResponse, status: int, kind: str) -> dict[str, Any]:
    """The body of an error answer, which must have the one shape."""
    assert response.status_code == status, response.text
    assert response.mimetype == "application/problem+json"
    body: dict[str, Any] = json.loads(response.data, parse_constant=pytest.fail)
    assert list(body)[:5] == PROBLEM_KEYS
    assert (body["type"], body["status"]) == (f"urn:shortlist:problem:{kind}", status)
    assert body["title"]
    assert body["detail"]
    return body


def refused(client: FlaskClient, query_string: str) -> list[dict[str, str]]:
    """The errors of a search refused for its parameters."""
    response = client.get(f"/v1/search?{query_string}")
    errors: list[dict[str, str]] = problem(response, 422, "invalid_parameter")["errors"]
    return errors


def test_the_answer_has_exactly_these_keys_in_this_order(sample_client: FlaskClient) -> None:
    body = answer(sample_client, q="space travel", k=3)
    assert list(body) == ANSWER_KEYS
    assert len(body["results"]) == 3
    for result in body["results"]:
        assert list(result) == RESULT_KEYS
        assert [list(component) for component in result["components"]] == [COMPONENT_KEYS] * 2
    assert (body["query"], body["profile"], body["k"], body["n_candidates"], body["exact"]) == (
        "space travel", "notebook", 3, 50, True
    )  # fmt: skip


def test_types_are_those_of_the_catalogue(sample_client: FlaskClient) -> None:
    (result,) = answer(sample_client, q="Nosferatu, eine Symphonie des Grauens", k=1)["results"]
    assert result["item_id"] == 4
    assert result["title"] == "Nosferatu (Nosferatu, eine Symphonie des Grauens) (1922)"
    assert result["categories"] == ["Horror"]
    assert result["attributes"] == {"year": 1922}
    assert isinstance(result["rating_count"], int)


def test_every_score_is_the_sum_of_its_contributions(sample_client: FlaskClient) -> None:
    for result in answer(sample_client, q="space travel", k=50)["results"]:
        contributions = [component["contribution"] for component in result["components"]]
        assert abs(result["score"] - math.fsum(contributions)) <= 1e-12
        for component in result["components"]:
            assert component["contribution"] == component["value"] * component["weight"]


def test_the_order_does_not_depend_on_k(sample_client: FlaskClient) -> None:
    whole = answer(sample_client, q="a heist", k=50)["results"]
    for k in (1, 2, 9, 10, 49):
        assert answer(sample_client, q="a heist", k=k)["results"] == whole[:k]


def test_without_k_ten_are_returned(sample_client: FlaskClient) -> None:
    body = answer(sample_client, q="a heist")
    assert (body["k"], len(body["results"])) == (10, 10)


def test_weights_in_the_request_replace_the_profiles(sample_client: FlaskClient) -> None:
    usual = answer(sample_client, q="mafia", k=50)["results"]
    popular = answer(
        sample_client, q="mafia", k=50, profile="notebook", w_similarity=0, w_popularity=1
    )["results"]
    similar = answer(sample_client, q="mafia", k=50, w_similarity=1, w_popularity=0)["results"]
    by_popularity = sorted(usual, key=lambda one: (-one["popularity_score"], one["retrieval_rank"]))
    by_similarity = sorted(usual, key=lambda one: one["retrieval_rank"])
    ids = [[one["item_id"] for one in results] for results in (popular, by_popularity)]
    assert ids[0] == ids[1]
    assert [one["score"] for one in popular] == [one["popularity_score"] for one in popular]
    ids = [[one["item_id"] for one in results] for results in (similar, by_similarity)]
    assert ids[0] == ids[1]
    assert [one["score"] for one in similar] == [one["retrieval_score"] for one in similar]


@pytest.mark.parametrize("weights", [(0, 0.001), (10, 10), (10, 0), (0.5, 0.5)])
def test_weights_from_0_to_10_are_allowed(
    sample_client: FlaskClient, weights: tuple[float, float]
) -> None:
    similarity, popularity = weights
    body = answer(sample_client, q="war", k=1, w_similarity=similarity, w_popularity=popularity)
    shown = [component["weight"] for component in body["results"][0]["components"]]
    assert shown == [similarity, popularity]


def test_a_cold_item_has_the_prior_as_popularity_and_no_mean_rating(
    sample_client: FlaskClient, tiny_client: FlaskClient
) -> None:
    cold = [
        one
        for one in answer(sample_client, q="war", k=1000, n_candidates=1000)["results"]
        if one["rating_count"] == 0
    ]
    assert cold, "the sample has items without ratings"
    assert {one["mean_rating"] for one in cold} == {None}
    assert len({one["popularity_score"] for one in cold}) == 1
    results = answer(tiny_client, q="robots")["results"]
    by_id = {one["item_id"]: one for one in results}
    assert by_id[4]["mean_rating"] is None
    prior = (4.5 + 2.0 + 3.5) / 3  # the mean of the rated items' means
    assert by_id[4]["popularity_score"] == pytest.approx(prior / 5, abs=1e-12)


def test_ties_are_ordered_by_retrieval_rank(tiny_client: FlaskClient) -> None:
    for text, order in (("silent farm", [5, 4]), ("robots at dawn", [4, 5])):
        results = answer(tiny_client, q=text, profile="notebook", w_similarity=0, w_popularity=1)[
            "results"
        ]
        cold = [one for one in results if one["rating_count"] == 0]
        assert cold[0]["score"] == cold[1]["score"]
        assert [one["item_id"] for one in cold] == order
        assert cold[0]["retrieval_rank"] < cold[1]["retrieval_rank"]


def test_a_corpus_smaller_than_n_candidates_is_no_error(tiny_client: FlaskClient) -> None:
    body = answer(tiny_client, q="robots", k=100, n_candidates=1000)
    assert (body["k"], body["n_candidates"], len(body["results"])) == (100, 1000, 5)
    assert answer(tiny_client, q="robots")["results"][0]["item_id"] == 4


def test_composed_and_combining_accents_get_the_same_answer(sample_client: FlaskClient) -> None:
    composed = sample_client.get("/v1/search?q=Am%C3%A9lie").get_json()
    combining = sample_client.get("/v1/search?q=Ame%CC%81lie").get_json()
    assert composed["results"] == combining["results"]
    assert (composed["query"], combining["query"]) == ("Am\u00e9lie", "Ame\u0301lie")


@pytest.mark.parametrize(
    "text", ["七人の侍", "🚀", "a\x00b", "<script>", "' OR 1=1 --", "\u200b", "%"]
)
def test_odd_texts_are_answered_and_echoed(sample_client: FlaskClient, text: str) -> None:
    body = answer(sample_client, q=text)
    assert (body["query"], len(body["results"])) == (text, 10)


@pytest.mark.parametrize(
    ("query_string", "field", "message"),
    [
        ("", "q", "expected a value, found none"),
        ("k=3", "q", "expected a value, found none"),
        ("q=", "q", "expected a text, found none or only blanks"),
        ("q=+%09%E3%80%80", "q", "expected a text, found none or only blanks"),
        (f"q={'a' * 1001}", "q", "expected at most 1000 characters, found 1001"),
        ("q=a&k=0", "k", "expected at least 1, found 0"),
        ("q=a&k=-1", "k", "expected at least 1, found -1"),
        ("q=a&k=51", "k", "expected 1 to n_candidates (50), found 51"),
        ("q=a&k=11&n_candidates=10", "k", "expected 1 to n_candidates (10), found 11"),
        ("q=a&n_candidates=9&k=10", "k", "expected 1 to n_candidates (9), found 10"),
        ("q=a&n_candidates=0", "n_candidates", "expected at least 1, found 0"),
        ("q=a&n_candidates=1001", "n_candidates", "expected at most 1000, found 1001"),
        ("q=a&k=999999999999999999", "k", "found 999999999999999999"),
        ("q=a&k=99999999999999999999", "k", "expected an integer, found '99999999999999999999'"),
        ("q=a&k=1_0", "k", "expected an integer, found '1_0'"),
        ("q=a&k=%2B5", "k", "expected an integer, found '+5'"),
        ("q=a&k=+5", "k", "expected an integer, found ' 5'"),
        ("q=a&k=10.0", "k", "expected an integer, found '10.0'"),
        ("q=a&k=%205", "k", "expected an integer, found ' 5'"),
        ("q=a&k=", "k", "expected an integer, found ''"),
        ("q=a&w_similarity=nan", "w_similarity", "expected a number, found 'nan'"),
        ("q=a&w_similarity=inf", "w_similarity", "expected a number, found 'inf'"),
        ("q=a&w_popularity=-inf", "w_popularity", "expected a number, found '-inf'"),
        ("q=a&w_popularity=-0.1", "w_popularity", "expected at least 0, found -0.1"),
        ("q=a&w_popularity=10.1", "w_popularity", "expected at most 10"),
        ("q=a&w_popularity=1e999", "w_popularity", "expected a finite number"),
        ("q=a&w_similarity=0&w_popularity=0", "w_similarity", "expected a weight above 0"),
        ("q=a&profile=similarity&w_similarity=0", "w_similarity", "expected a weight above 0"),
        (
            "q=a&profile=best",
            "profile",
            "expected one of: notebook, related, similarity, standard, steered, taste, tuned;"
            " found 'best'",
        ),
        (
            "q=a&profile=",
            "profile",
            "expected one of: notebook, related, similarity, standard, steered, taste, tuned;"
            " found ''",
        ),
        ("q=a&limit=5", "limit", "no such parameter; known: q, k, n_candidates, category"),
        ("q=a&Q=b", "Q", "no such parameter"),
        ("q=a&q=b", "q", "expected once, found twice"),
        ("q=a&k=1&k=2", "k", "expected once, found twice"),
    ],
)
def test_a_parameter_that_is_not_allowed_is_named(
    sample_client: FlaskClient, query_string: str, field: str, message: str
) -> None:
    (error,) = refused(sample_client, query_string)
    assert error["field"] == field
    assert message in error["message"]


def test_all_refused_parameters_are_told_at_once(sample_client: FlaskClient) -> None:
    errors = refused(sample_client, "k=x&w_popularity=-1&limit=5")
    assert {error["field"] for error in errors} == {"q", "k", "w_popularity", "limit"}


def test_a_query_of_1000_characters_is_answered(sample_client: FlaskClient) -> None:
    assert len(answer(sample_client, q="é" * 1000)["results"]) == 10


@pytest.mark.parametrize("query_string", ["q=%FF", "q=a%C3", "q=%ED%A0%80", "q=a&%FE=1"])
def test_percent_encoding_that_is_not_utf_8_is_malformed(
    sample_client: FlaskClient, query_string: str
) -> None:
    body = problem(sample_client.get(f"/v1/search?{query_string}"), 400, "malformed_request")
    assert "UTF-8" in body["detail"]
    assert body["errors"] == []


@pytest.mark.parametrize(
    "path", ["/search", "/v1", "/v1/search/", "/v2/search", "/v1/search%2F..", "/é"]
)
def test_an_unknown_path_is_not_found(sample_client: FlaskClient, path: str) -> None:
    assert problem(sample_client.get(path), 404, "not_found")["errors"] == []


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_only_what_a_path_answers_is_allowed(sample_client: FlaskClient, method: str) -> None:
    reading, asking = {"GET", "HEAD", "OPTIONS"}, {"POST", "OPTIONS"}
    paths = {
        "/v1/search?q=a": reading | asking,
        "/v1/search/batch": asking,
        "/v1/recommend": asking,
        "/v1/popular": reading,
        "/v1/items/1": reading,
        "/healthz": reading,
        "/readyz": reading,
    }
    for path, allowed in paths.items():
        response = sample_client.open(path, method=method)
        assert problem(response, 405, "method_not_allowed")["errors"] == []
        assert set(response.headers["Allow"].split(", ")) == allowed


def test_a_defect_shows_an_id_and_nothing_of_the_exception(
    sample_client: FlaskClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("the password is swordfish")

    monkeypatch.setattr(api, "ask", fail)
    response = sample_client.get("/v1/search?q=a")
    body = problem(response, 500, "internal_error")
    assert "swordfish" not in response.text
    assert "RuntimeError" not in response.text
    assert len(body["request_id"]) == 16
    assert body["request_id"] in body["detail"]
    assert f"request {body['request_id']} failed" in caplog.text
    assert "swordfish" in caplog.text


def test_healthz_says_ok_whatever_is_loaded(
    sample_client: FlaskClient, client_of: ClientOf, tmp_path: Path
) -> None:
    for client in (sample_client, client_of(tmp_path)):
        response = client.get("/healthz")
        assert (response.status_code, response.get_json()) == (200, {"status": "ok"})


def test_readyz_describes_what_is_served(sample_client: FlaskClient, sample_bundle: Path) -> None:
    response = sample_client.get("/readyz")
    body = response.get_json()
    assert (response.status_code, response.mimetype) == (200, "application/json")
    assert 0 < body.pop("age_s") < 3600
    expected = {
        "status": "ready",
        "version": sample_bundle.name,
        "catalog": "sample-films",
        "items": 1350,
        "precision": "f32",
        "ignored_sections": [],
        "degraded": False,
        "problem": None,
    }
    assert {name: body[name] for name in expected} == expected
    assert answer(sample_client, q="a")["index_version"] == sample_bundle.name


def test_without_a_bundle_the_service_says_what_to_run(client_of: ClientOf, tmp_path: Path) -> None:
    client = client_of(tmp_path / "empty")
    for path in ("/readyz", "/v1/search?q=a"):
        response = client.get(path)
        body = problem(response, 503, "not_ready")
        assert "make index" in body["detail"]
        assert "shortlist build" in body["detail"]
        assert response.headers["Retry-After"] == "1"


def test_parameters_are_checked_before_readiness_is(client_of: ClientOf, tmp_path: Path) -> None:
    errors = refused(client_of(tmp_path), "q=a&k=ten")
    assert errors == [{"field": "k", "message": "expected an integer, found 'ten'"}]


@pytest.mark.parametrize("broken", ["garbage", "missing", "corrupt"])
def test_a_broken_current_keeps_the_old_snapshot_and_shows_in_readyz(
    broken: str,
    client_of: ClientOf,
    publisher: Publisher,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.ERROR, "service")  # a command run before may have set it to INFO
    first = publisher.publish()
    client = client_of(publisher.root)
    reloader = client.application.extensions["reloader"]
    expected = break_current(broken, publisher)
    for _ in range(3):
        reloader.check()
    body = client.get("/readyz").get_json()
    assert (body["status"], body["version"], body["degraded"]) == ("ready", first, True)
    assert expected in body["problem"]
    assert answer(client, q="robots")["index_version"] == first
    assert [record.getMessage() for record in caplog.records] == [body["problem"]]
    publisher.point_at(first)
    reloader.check()
    body = client.get("/readyz").get_json()
    assert (body["version"], body["degraded"], body["problem"]) == (first, False, None)


def break_current(how: str, publisher: Publisher) -> str:
    """Makes CURRENT name nothing that can be loaded; returns what the problem has to say."""
    if how == "garbage":
        publisher.point_at("!garbage!")
        return "'!garbage!' is no version's name"
    if how == "missing":
        publisher.point_at("20200101T000000.000Z-0123456789ab")
        return "20200101T000000.000Z-0123456789ab"
    version = publisher.publish(lambda manifest: manifest["catalog"].update(name="other"))
    publisher.flip_a_byte(version, VECTORS)
    return f"{version}: {VECTORS}: SHA-256 is "


def test_an_unknown_optional_section_is_reported_and_ignored(
    client_of: ClientOf, publisher: Publisher
) -> None:
    section = {"version": 1, "required": False, "files": [], "params": {}}
    publisher.publish(lambda manifest: manifest["sections"].update(horoscopes=section))
    client = client_of(publisher.root)
    body = client.get("/readyz").get_json()
    assert (body["ignored_sections"], body["degraded"]) == (["horoscopes"], False)
    assert answer(client, q="robots")["results"][0]["item_id"] == 4
