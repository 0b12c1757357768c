"""The parts, wired: what every request meets on its way to an endpoint and back."""

from __future__ import annotations

import gzip
import json
import logging
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, abort
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families

from service import api
from service.app import create_app
from service.config import Settings
from tests.publishing import publish
from tests.serving import patient

Start = Callable[..., Flask]
ORIGIN = "https://films.example"


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts the service with any settings; stopped at the end of the test."""
    apps: list[Flask] = []

    def create(artifacts: Path, **settings: Any) -> Flask:
        apps.append(create_app(patient(artifacts, **settings)))
        return apps[-1]

    yield create
    for app in apps:
        app.extensions["reloader"].stop()


@pytest.fixture
def bare(start: Start, tmp_path: Path) -> Flask:
    """The service without a bundle: everything but answers."""
    return start(tmp_path)


def numbers(client: FlaskClient) -> dict[tuple[str, ...], float]:
    """Every sample of /metrics by its name and labels' values."""
    text = client.get("/metrics").text
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_a_search_is_counted_by_its_rule_and_its_results_are(
    start: Start, tiny_artifacts: Path
) -> None:
    client = start(tiny_artifacts).test_client()
    for query in ("robots", "robots", "love"):
        client.get(f"/v1/search?q={query}&k=2")
    client.get("/v1/search")
    client.get("/no/such/path")
    client.put("/v1/search?q=robots")
    found = numbers(client)
    assert found["shortlist_requests_total", "/v1/search", "200"] == 3
    assert found["shortlist_requests_total", "/v1/search", "422"] == 1
    assert found["shortlist_requests_total", "(none)", "404"] == 1
    assert found["shortlist_requests_total", "(none)", "405"] == 1
    assert found["shortlist_request_seconds_count", "/v1/search"] == 4
    assert found["shortlist_stage_seconds_count", "serialise"] == 3
    assert found["shortlist_results_count",] == 3
    assert found["shortlist_results_sum",] == 6
    assert found["shortlist_query_cache_lookups_total", "hit"] == 1
    # One look and one inference more: a snapshot is warmed up before it is used.
    assert found["shortlist_query_cache_lookups_total", "miss"] == 3
    assert found["shortlist_encode_batch_size_sum",] == 3
    assert found["shortlist_swaps_total",] == 1
    assert found["shortlist_workers_ready",] == 1
    assert found["shortlist_bundle_age_seconds",] > 0


def test_what_is_refused_at_the_door_is_counted_too(start: Start, tmp_path: Path) -> None:
    client = start(tmp_path, api_key="k3y").test_client()
    client.get("/v1/search?q=robots")
    found = numbers(client)
    assert found["shortlist_rejected_total", "unauthorized"] == 1
    assert found["shortlist_requests_total", "(none)", "401"] == 1


def test_a_bundle_that_cannot_be_used_counts_as_a_refusal(bare: Flask) -> None:
    found = numbers(bare.test_client())
    assert (found["shortlist_refusals_total",], found["shortlist_swaps_total",]) == (1, 0)


def test_one_request_one_line(
    start: Start, tiny_artifacts: Path, caplog: pytest.LogCaptureFixture
) -> None:
    client = start(tiny_artifacts).test_client()
    caplog.clear()
    with caplog.at_level(logging.INFO, logger="service.logs"):
        client.get("/v1/search?q=robots&k=2", headers={"X-Request-ID": "mine"})
        client.get("/none")
    first, second = (vars(record)["fields"] for record in caplog.records)
    assert first.pop("took_ms") > 0
    version = client.get("/readyz").get_json()["version"]
    assert first == {
        "request_id": "mine",
        "method": "GET",
        "route": "/v1/search",
        "path": "/v1/search",
        "status": 200,
        "version": version,
        "results": 2,
    }
    assert (second["route"], second["path"], second["status"]) == ("(none)", "/none", 404)
    assert "robots" not in caplog.text


def test_a_defect_quotes_the_id_the_client_sent(
    sample_client: FlaskClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("swordfish")

    monkeypatch.setattr(api, "ask", fail)
    response = sample_client.get("/v1/search?q=a", headers={"X-Request-ID": "mine"})
    assert (response.status_code, response.headers["X-Request-ID"]) == (500, "mine")
    assert response.get_json()["request_id"] == "mine"
    assert "request mine failed" in caplog.text


def test_with_a_key_everything_below_v1_asks_for_it_and_nothing_else(
    start: Start, tiny_artifacts: Path
) -> None:
    client = start(tiny_artifacts, api_key="k3y", metrics_token="t0ken").test_client()
    for path in ("/v1/search?q=robots", "/v1/none", "/v1", "/metrics"):
        response = client.get(path)
        assert (response.status_code, response.mimetype) == (401, "application/problem+json")
        assert response.headers["WWW-Authenticate"] == 'Bearer realm="shortlist"'
        assert "X-Request-ID" in response.headers
    for path in ("/", "/healthz", "/readyz", "/static/style.css"):
        with client.get(path) as response:
            assert response.status_code == 200
    key, token = {"X-API-Key": "k3y"}, {"Authorization": "Bearer t0ken"}
    assert client.get("/v1/search?q=robots", headers=key).status_code == 200
    assert client.get("/v1/none", headers=key).status_code == 404
    assert client.get("/metrics", headers=token).status_code == 200


def test_behind_a_key_no_shared_cache_keeps_an_answer(start: Start, tiny_artifacts: Path) -> None:
    client = start(tiny_artifacts, api_key="k3y").test_client()
    key = {"X-API-Key": "k3y"}
    for path in ("/v1/search?q=robots", "/v1/items/1", "/v1/none", "/v1"):
        assert client.get(path, headers=key).headers["Cache-Control"] == "private, no-cache"
    assert client.get("/v1/search?q=robots").headers["Cache-Control"] == "private, no-cache"
    etag = client.get("/v1/items/1", headers=key).headers["ETag"]
    assert client.get("/v1/items/1", headers={**key, "If-None-Match": etag}).status_code == 304
    open_to_all = start(tiny_artifacts).test_client()
    assert "Cache-Control" not in open_to_all.get("/v1/search?q=robots").headers


@pytest.mark.parametrize(
    "path",
    ["//v1/search", "/%76%31/search", "/./v1/search", "/v1//search", "/V1/search", "/v1;/search"],
)
def test_no_spelling_of_a_path_gets_an_answer_without_the_key(
    start: Start, tiny_artifacts: Path, path: str
) -> None:
    client = start(tiny_artifacts, api_key="k3y").test_client()
    response = client.get(f"{path}?q=robots", follow_redirects=True)
    assert response.status_code in {401, 404}
    assert "results" not in response.get_json()


def test_a_preflight_needs_no_key(start: Start, tmp_path: Path) -> None:
    client = start(tmp_path, api_key="k3y", cors_origins=(ORIGIN,)).test_client()
    asked = {"Origin": ORIGIN, "Access-Control-Request-Method": "GET"}
    response = client.options("/v1/search", headers=asked)
    assert (response.status_code, response.data) == (204, b"")
    assert response.headers["Access-Control-Allow-Origin"] == ORIGIN
    refused = client.get("/v1/search?q=a", headers={"Origin": ORIGIN})
    assert refused.status_code == 401
    assert refused.headers["Access-Control-Allow-Origin"] == ORIGIN


def test_a_page_has_a_policy_it_can_live_with(sample_client: FlaskClient) -> None:
    page = sample_client.get("/?q=robots")
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    scripts = re.findall(r"<script[^>]*>[^<]*", page.text)
    assert scripts == ['<script type="module" src="/static/search.js">']
    assert " style=" not in page.text
    assert "<style" not in page.text


def test_a_large_answer_is_compressed_for_those_who_take_it(sample_client: FlaskClient) -> None:
    path, take = "/v1/search?q=robots&k=20", {"Accept-Encoding": "gzip"}
    plain = sample_client.get(path)
    packed = sample_client.get(path, headers=take)
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert int(packed.headers["Content-Length"]) == len(packed.data) < len(plain.data) / 2
    assert plain.headers["Vary"] == packed.headers["Vary"] == "Accept-Encoding"
    found = json.loads(gzip.decompress(packed.data))
    assert found["results"] == plain.get_json()["results"]
    page = sample_client.get("/?q=robots", headers=take)
    assert b"Shortlist" in gzip.decompress(page.data)


def test_a_small_answer_and_a_file_stay_as_they_are(sample_client: FlaskClient) -> None:
    for path in ("/healthz", "/static/style.css"):
        with sample_client.get(path, headers={"Accept-Encoding": "gzip"}) as response:
            assert "Content-Encoding" not in response.headers


def test_every_status_has_the_one_shape(bare: Flask) -> None:
    @bare.get("/fail/<int:status>")
    def fail(status: int) -> None:
        abort(status)

    client = bare.test_client()
    kinds = {}
    for status in (400, 401, 404, 405, 409, 410, 413, 415, 422, 500, 503):
        response = client.get(f"/fail/{status}")
        body = response.get_json()
        assert (response.status_code, response.mimetype) == (status, "application/problem+json")
        assert list(body)[:5] == ["type", "title", "status", "detail", "errors"]
        assert (body["status"], body["errors"]) == (status, [])
        assert "X-Request-ID" in response.headers
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        kinds[status] = body["type"].removeprefix("urn:shortlist:problem:")
    assert (kinds[404], kinds[410], kinds[415]) == ("not_found", "gone", "unsupported_media_type")


def test_no_answer_has_a_number_that_json_lacks(
    sample_client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = api.ask

    def unnumbered(*arguments: Any, **more: Any) -> Any:
        answer = ask(*arguments, **more)
        first = replace(answer.results[0], score=math.nan, attributes={"price": math.inf})
        return replace(answer, results=[first])

    monkeypatch.setattr(api, "ask", unnumbered)
    text = sample_client.get("/v1/search?q=a").text
    (result,) = json.loads(text, parse_constant=pytest.fail)["results"]
    assert (result["score"], result["attributes"]) == (None, {"price": None})


def test_secrets_are_in_no_representation_of_the_settings() -> None:
    assert "k3y" not in repr(Settings(api_key="k3y", metrics_token="k3y"))


def test_numbers_of_any_size_are_shown_and_filtered_by(
    start: Start, films: Callable[..., Path], tmp_path: Path
) -> None:
    attributes = (
        "size = { column = 'size', type = 'number' }\ntime = { column = 'time', type = 'integer' }"
    )
    sizes = ["1e308", "-1e308", "", "0.5"]
    times = [1700000000000000000, 1700000000000000001, 1700000000000000002, ""]
    rows = [f"{n},Film {n},Drama,{sizes[n]},{times[n]}" for n in range(4)]
    movies = "\n".join(["movieId,title,genres,size,time", *rows])
    catalog = films(("[items.attributes]", f"[items.attributes]\n{attributes}"), movies=movies)
    publish(catalog, tmp_path / "artifacts")
    client = start(tmp_path / "artifacts").test_client()
    answer = client.get("/v1/catalog")
    assert answer.status_code == 200
    histograms = {one["name"]: one for one in answer.json["facets"]["histograms"]}
    bins = {name: [tuple(one.values()) for one in histograms[name]["bins"]] for name in histograms}
    assert bins["time"] == [(time, time + 1, 1) for time in times[:3]]
    assert (bins["size"][0][0], bins["size"][-1][1]) == (-1e308, 1e308)
    assert sum(count for _, _, count in bins["size"]) == 3
    found = client.get("/v1/popular?range=time:1700000000000000001:&facet=size")
    assert sorted(one["item_id"] for one in found.json["results"]) == [1, 2]
    body = {"filters": {"ranges": {"time": {"max": 1700000000000000000}}}}
    assert client.post("/v1/search", json={"q": "film", **body}).json["matched"] == 1
