"""The HTTP surface: bodies, lists over HTTP, ids in paths, cursors during a swap, the document."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.openapi import OPERATIONS, document
from tests.publishing import Publisher, publish
from tests.serving import Service


def asked(client: FlaskClient, path: str, body: object) -> Any:
    response = client.post(path, json=body)
    assert response.status_code == 200, response.text
    return json.loads(response.data, parse_constant=pytest.fail)


def refused(client: FlaskClient, path: str, body: object) -> dict[str, str]:
    response = client.post(path, json=body)
    assert response.status_code == 422, response.text
    return {one["field"]: one["message"] for one in response.get_json()["errors"]}


def test_both_forms_of_a_search_answer_alike(sample_client: FlaskClient) -> None:
    simple = sample_client.get(
        "/v1/search?q=love&k=5&category=Drama&category=Comedy&category_none=War&range=year:1990:"
        "&min_rating_count=20&w_popularity=0.5&diversity=0.2&explain=true&facet=categories"
        "&exclude_id=5"
    ).get_json()
    whole = asked(
        sample_client,
        "/v1/search",
        {
            "q": "love",
            "k": 5,
            "weights": {"popularity": 0.5},
            "diversity": 0.2,
            "explain": True,
            "facets": ["categories"],
            "filters": {
                "categories": {"any": ["Drama", "Comedy"], "none": ["War"]},
                "ranges": {"year": {"min": 1990}},
                "min_rating_count": 20,
                "exclude_ids": [5],
            },
        },
    )
    for answer in (simple, whole):
        del answer["took_ms"], answer["next"], answer["query_id"]
    assert simple == whole
    assert len(simple["results"]) == 5


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "q"),
        ({"q": 5}, "q"),
        ({"q": "a", "k": "5"}, "k"),
        ({"q": "a", "k": 1.5}, "k"),
        ({"q": "a", "k": True}, "k"),
        ({"q": "a", "limit": 1}, "limit"),
        ({"q": "a", "weights": {"similarity": 11}}, "weights.similarity"),
        ({"q": "a", "weights": {"bogus": 1}}, "weights.bogus"),
        ({"q": "a", "diversity": 2}, "diversity"),
        ({"q": "a", "filters": {"ranges": {"year": {"min": 2, "max": 1}}}}, "filters.ranges.year"),
        ({"q": "a", "filters": {"ranges": {"title": {"min": 2}}}}, "filters.ranges.title"),
        ({"q": "a", "filters": {"include_ids": [""]}}, "filters.include_ids.0"),
        ({"q": "a", "filters": {"include_ids": [2**63]}}, "filters.include_ids.0"),
        ({"q": "a", "filters": {"include_ids": ["x" * 257]}}, "filters.include_ids.0"),
        ({"q": "a", "facets": ["nothing"]}, "facets"),
        ({"q": "a", "cursor": "zz"}, "cursor"),
    ],
)
def test_a_body_that_is_not_allowed_is_refused_by_field(
    sample_client: FlaskClient, body: object, field: str
) -> None:
    errors = refused(sample_client, "/v1/search", body)
    assert list(errors) == [field]


REFUSED = [
    ("k=0", {"k": 0}, "k", "k"),
    ("k=x", {"k": "x"}, "k", "k"),
    ("n_candidates=1001", {"n_candidates": 1001}, "n_candidates", "n_candidates"),
    ("profile=best", {"profile": "best"}, "profile", "profile"),
    ("w_recency=11", {"weights": {"recency": 11.0}}, "w_recency", "weights.recency"),
    ("w_co_liked=1", {"weights": {"co_liked": 1}}, "w_co_liked", "weights.co_liked"),
    ("w_similarity=0&w_popularity=0", {"weights": {"similarity": 0, "popularity": 0}},
     "w_similarity", "weights.similarity"),
    ("range=year:2:1", {"filters": {"ranges": {"year": {"min": 2, "max": 1}}}},
     "range", "filters.ranges.year"),
    ("range=price:1:", {"filters": {"ranges": {"price": {"min": 1}}}},
     "range", "filters.ranges.price"),
    ("min_rating_count=-1", {"filters": {"min_rating_count": -1}},
     "min_rating_count", "filters.min_rating_count"),
    ("facet=colour", {"facets": ["colour"]}, "facet", "facets"),
    ("diversity=1.5", {"diversity": 1.5}, "diversity", "diversity"),
    ("explain=yes", {"explain": "yes"}, "explain", "explain"),
    ("cursor=zz", {"cursor": "zz"}, "cursor", "cursor"),
]  # fmt: skip


@pytest.mark.parametrize(("query", "body", "parameter", "field"), REFUSED)
def test_both_forms_refuse_the_same_things_in_the_same_words(
    sample_client: FlaskClient, query: str, body: dict[str, Any], parameter: str, field: str
) -> None:
    simple = sample_client.get(f"/v1/search?q=a&{query}")
    assert simple.status_code == 422
    (told,) = simple.get_json()["errors"]
    assert told["field"] == parameter
    assert refused(sample_client, "/v1/search", {"q": "a", **body}) == {field: told["message"]}


def test_a_weight_of_0_that_only_a_taste_has_is_taken_by_both_forms(
    sample_client: FlaskClient,
) -> None:
    simple = sample_client.get("/v1/search?q=a&w_co_liked=0&k=3").get_json()
    whole = asked(sample_client, "/v1/search", {"q": "a", "weights": {"co_liked": 0}, "k": 3})
    assert simple["results"] == whole["results"]


def test_an_unknown_field_is_told_beside_those_of_its_own_place(
    sample_client: FlaskClient,
) -> None:
    body = {"q": "a", "filters": {"ranges": {"x": {"low": 1}}, "colour": "red"}}
    assert refused(sample_client, "/v1/search", body) == {
        "filters.ranges.x.low": "no such parameter; known: min, max",
        "filters.colour": "no such parameter; known: categories, words, attributes, ranges,"
        " near, min_rating_count, min_mean_rating, include_ids, exclude_ids, all_of, any_of,"
        " none_of",
    }


@pytest.mark.parametrize(
    "content", [b"", b"{", b'{"q": "a",}', b"\xff", b"nothing", b'{"q": "\\ud800"}', b"[" * 5000]
)
def test_what_is_no_json_is_malformed(sample_client: FlaskClient, content: bytes) -> None:
    for path in ("/v1/search", "/v1/recommend", "/v1/search/batch"):
        response = sample_client.post(path, data=content, content_type="application/json")
        assert response.status_code in {400, 422}, response.text
        assert response.mimetype == "application/problem+json"


def test_a_body_needs_its_type(sample_client: FlaskClient) -> None:
    response = sample_client.post("/v1/search", data=b'{"q": "a"}')
    assert response.status_code == 415
    assert "application/json" in response.get_json()["detail"]


def test_a_batch_keeps_every_place(sample_client: FlaskClient) -> None:
    queries = [{"q": "love", "k": 2}, {"k": 2}, {"q": ""}, {"q": "a heist", "k": 1}]
    entries = asked(sample_client, "/v1/search/batch", {"queries": queries})["entries"]
    assert [entry["status"] for entry in entries] == [200, 422, 422, 200]
    assert [len(entry["answer"]["results"]) for entry in entries if entry["answer"]] == [2, 1]
    assert entries[1]["problem"]["errors"][0]["field"] == "q"
    assert refused(sample_client, "/v1/search/batch", {"queries": []}).keys() == {"queries"}
    many = [{"q": "a"}] * 257
    assert refused(sample_client, "/v1/search/batch", {"queries": many}).keys() == {"queries"}


def test_recommendations_over_http_keep_the_type_of_ids(sample_client: FlaskClient) -> None:
    body = asked(sample_client, "/v1/recommend", {"liked": [10, "x"], "k": 3})
    assert body["ignored"] == ["x"]
    assert all(isinstance(one["item_id"], int) for one in body["results"])
    assert refused(sample_client, "/v1/recommend", {"liked": ["x"]}) == {
        "liked": "no item has any of the ids 'x'"
    }


def test_an_item_has_a_page_with_an_etag(sample_client: FlaskClient) -> None:
    response = sample_client.get("/v1/items/10")
    assert response.get_json()["item_id"] == 10
    etag = response.headers["ETag"]
    again = sample_client.get("/v1/items/10", headers={"If-None-Match": etag})
    assert (again.status_code, again.data) == (304, b"")


@pytest.mark.parametrize("path", ["/v1/items/99999", "/v1/items/a%2Fb", "/v1/items/x%2Fsimilar",
                                  "/v1/items/99999/similar", "/v1/items/%20"])  # fmt: skip
def test_an_unknown_item_is_not_found(sample_client: FlaskClient, path: str) -> None:
    response = sample_client.get(path)
    assert response.status_code == 404
    assert response.get_json()["type"] == "urn:shortlist:problem:item_unknown"


def test_a_slash_that_is_not_encoded_is_another_path(sample_client: FlaskClient) -> None:
    response = sample_client.get("/v1/items/a/b")
    assert response.status_code == 404
    assert "%2F" in response.get_json()["detail"]


@pytest.mark.parametrize("path", ["/%761/items/10", "/v1/item%73/10", "//v1/items/10",
                                  "/v1/items/%31%30", "/v1/items/10?"])  # fmt: skip
def test_an_item_is_found_by_every_spelling_of_its_path(sample_service: Service, path: str) -> None:
    assert sample_service.get(path)[1]["item_id"] == 10
    similar = path.rstrip("?") + "/similar"
    assert sample_service.get(similar)[1]["query"] == "10"


def test_the_form_of_a_request_that_proxies_get_is_read(sample_service: Service) -> None:
    assert sample_service.get("http://example.org/v1/items/10")[1]["item_id"] == 10
    assert sample_service.get("/v1%2Fitems/10")[0] == 404


@pytest.mark.parametrize("field", ["k", "n_candidates", "min_score", "diversity", "q", "cursor"])
def test_a_number_of_thousands_of_digits_is_not_repeated(
    sample_client: FlaskClient, field: str
) -> None:
    body = f'{{"q": "a", "{field}": {"1" * 4000}}}'.replace('"q": "a", "q"', '"q"')
    response = sample_client.post("/v1/search", data=body, content_type="application/json")
    assert response.status_code == 422
    assert len(response.data) < 600


@pytest.mark.parametrize("digits", [19, 4000])
def test_a_huge_least_number_of_ratings_lets_nothing_pass(
    sample_client: FlaskClient, digits: int
) -> None:
    body = f'{{"q": "a", "filters": {{"min_rating_count": {"9" * digits}}}}}'
    response = sample_client.post("/v1/search", data=body, content_type="application/json")
    assert (response.status_code, response.get_json()["results"]) == (200, [])


def test_a_batch_that_costs_too_much_is_refused_before_it_is_begun(
    sample_client: FlaskClient,
) -> None:
    long = [{"q": f"{place} {'sea ' * 240}"} for place in range(256)]
    message = refused(sample_client, "/v1/search/batch", {"queries": long})["queries"]
    assert message.startswith("expected to cost at most 16384 in all, found about 66816 ")
    wide = [{"q": "sea", "k": 1000, "n_candidates": 1000, "explain": True}] * 256
    assert refused(sample_client, "/v1/search/batch", {"queries": wide}).keys() == {"queries"}
    fits = [{"q": "sea", "k": 100, "n_candidates": 100}] * 256
    entries = asked(sample_client, "/v1/search/batch", {"queries": fits})["entries"]
    assert {entry["status"] for entry in entries} == {200}


def test_ids_of_any_text_are_found_again(
    write_catalog: Callable[..., Path],
    minilm_export: Path,
    tmp_path: Path,
    client_of: Callable[[Path], FlaskClient],
) -> None:
    ids = ["a/b", "x/similar", "é 七", "100%", "a?b#c", "similar"]
    lines = "".join(f'"{one}",Film number {n},Drama\n' for n, one in enumerate(ids))
    text = (write_catalog().read_text().split("[tags]")[0]) + '[document]\ntemplate = "{title}"\n'
    catalog = write_catalog(movies=f"movieId,title,genres\n{lines}", catalog=text)
    publish(catalog, tmp_path / "artifacts")
    client = client_of(tmp_path / "artifacts")
    from urllib.parse import quote

    for one in ids:
        path = f"/v1/items/{quote(one, safe='')}"
        assert client.get(path).get_json()["item_id"] == one
        others = client.get(f"{path}/similar?k=5&w_popularity=0").get_json()["results"]
        assert sorted(result["item_id"] for result in others) == sorted(set(ids) - {one})


def test_a_cursor_of_a_version_that_is_due_waits_for_it(
    publisher: Publisher, client_of: Callable[[Path], FlaskClient]
) -> None:
    publisher.publish()
    client = client_of(publisher.root)
    second = publisher.publish(lambda manifest: manifest["catalog"].update(name="second"))
    reloader = client.application.extensions["reloader"]
    cursor = _cursor_of(client, second)
    timer = threading.Timer(0.3, reloader.check)
    timer.start()
    response = client.get(f"/v1/search?q=robots&k=2&cursor={cursor}")
    timer.join()
    assert response.status_code == 422, "the version is there, the cursor is of another query"
    assert client.get("/readyz").get_json()["version"] == second


def test_a_cursor_of_a_version_that_is_gone_names_both(
    publisher: Publisher, client_of: Callable[[Path], FlaskClient]
) -> None:
    live = publisher.publish()
    client = client_of(publisher.root)
    gone = "20200101T000000.000Z-0123456789ab"
    response = client.get(f"/v1/search?q=robots&k=2&cursor={_cursor_of(client, gone)}")
    assert response.status_code == 410
    body = response.get_json()
    assert body["type"] == "urn:shortlist:problem:cursor_expired"
    assert (body["wanted"], body["live"]) == (gone, live)


def _cursor_of(client: FlaskClient, version: str) -> str:
    from dataclasses import replace

    from shortlist.engine.cursor import decode_cursor, encode_cursor

    cursor = client.get("/v1/search?q=robots&k=1").get_json()["next"]
    return encode_cursor(replace(decode_cursor(cursor), version=version))


def test_the_document_names_every_endpoint(sample_client: FlaskClient) -> None:
    body = sample_client.get("/openapi.json").get_json()
    assert body["openapi"] == "3.1.0"
    rules = {
        (rule.rule.replace("<path:", "{").replace(">", "}"), method.lower())
        for rule in sample_client.application.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if rule.rule.startswith("/v1/")
    }
    assert {(path, method) for path, ways in body["paths"].items() for method in ways} == rules
    assert body == document()


def test_the_examples_of_the_document_run(sample_client: FlaskClient) -> None:
    for operation in OPERATIONS:
        if operation.example:
            path = f"{operation.path}?{operation.example}"
            assert sample_client.get(path).status_code == 200, path
        if operation.body_example:
            asked(sample_client, operation.path, operation.body_example)


def test_the_page_of_the_document_contacts_nobody(sample_client: FlaskClient) -> None:
    page = sample_client.get("/docs").text
    assert all(operation.path in page for operation in OPERATIONS)
    addresses = re.findall(r'(?:src|href|action|data-\w+)="(\S*[/:]\S*)"', page)
    assert len(addresses) > 10
    assert [one for one in addresses if not one.startswith(("/", "#"))] == []
    assert "http:" not in page
    assert "https:" not in page


def test_the_page_of_the_document_shows_answers_and_statuses(sample_client: FlaskClient) -> None:
    page = sample_client.get("/docs").text
    outline = page[page.index("Outline of the answer") :]
    for line in ("results: [{", "rank: integer", "next: string or null", "components: [{"):
        assert line in outline
    for status, phrase in (("409", "Conflict"), ("422", "Unprocessable"), ("503", "Service Unav")):
        assert f"<dt>{status}</dt><dd>{phrase}" in page
    assert "/v1/items/1/similar" in page
    assert "<code>took_ms</code> counts from" in page


@given(query=st.binary(max_size=200))
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_query_string_is_a_server_error(sample_client: FlaskClient, query: bytes) -> None:
    for path in ("/v1/search", "/v1/suggest", "/v1/popular", "/v1/items/1/similar"):
        response = sample_client.get(
            path, environ_overrides={"QUERY_STRING": query.decode("latin-1")}
        )
        assert response.status_code in {200, 400, 422}
        json.loads(response.data, parse_constant=pytest.fail)


@given(text=st.text(st.characters(codec="utf-8"), max_size=300))
@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_text_is_answered_or_refused(sample_client: FlaskClient, text: str) -> None:
    for path in ("/v1/search", "/v1/suggest"):
        response = sample_client.get(path, query_string={"q": text})
        assert response.status_code == (200 if text.strip() else 422)


HOSTILE = {
    "a megabyte": b'{"q": "' + b"x" * 1_000_000 + b'"}',
    "deep": b'{"q": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "a huge integer": b'{"q": "a", "k": ' + b"9" * 5000 + b"}",
    "a huge number": b'{"q": "a", "min_score": 1e999}',
    "not a number": b'{"q": "a", "min_score": NaN}',
    "a lone surrogate": b'{"q": "\\ud800"}',
    "control characters": b'{"q": "a\\u0000\\u001f\\u007f"}',
    "many keys": b"{" + b",".join(b'"k%d": 1' % n for n in range(20_000)) + b"}",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_body_is_answered_or_refused(sample_client: FlaskClient, name: str) -> None:
    for path in ("/v1/search", "/v1/recommend", "/v1/search/batch"):
        response = sample_client.post(path, data=HOSTILE[name], content_type="application/json")
        assert response.status_code in {200, 400, 413, 422}
        json.loads(response.data, parse_constant=pytest.fail)
        assert len(response.data) < 100_000
