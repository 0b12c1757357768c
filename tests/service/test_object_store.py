"""A service over an object store: it follows, it serves on, it says what is wrong."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from flask import Flask

import shortlist
from indexing.job import build
from indexing.versions import roll_back
from service.app import create_app
from shortlist.bundle.location import location_of
from shortlist.bundle.remote import objects
from tests.catalogues import add_a_rating
from tests.end_to_end.test_telemetry import remote_addresses
from tests.object_stores import SECRET, Answer, Asked, Bucket, Fault, away, expired
from tests.serving import patient, until

Start = Callable[..., Flask]


@pytest.fixture(autouse=True)
def _soon_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request that fails is tried again for a moment, not for half a minute."""
    connected = objects._connected
    monkeypatch.setattr(
        objects, "_connected", lambda one, how, **_: connected(one, how, retries=1, within_s=2)
    )


@pytest.fixture
def catalog(toys: Path, tiny_export: Path, tmp_path: Path) -> Path:
    """A catalogue to change between builds."""
    return Path(shutil.copytree(toys.parent, tmp_path / "catalogue")) / toys.name


@pytest.fixture
def start(bucket: Bucket, tmp_path: Path) -> Iterator[Start]:
    """Starts the service over the bucket, with a cache of its own unless one is named."""
    apps: list[Flask] = []

    def run(cache: str = "service") -> Flask:
        settings = patient(location_of(bucket.url), cache=str(tmp_path / cache), poll_s=0.05)
        apps.append(create_app(settings, memory=tmp_path / f"{cache}-memory"))
        return apps[-1]

    yield run
    for app in apps:
        app.extensions["reloader"].stop()


def built(catalog: Path, bucket: Bucket) -> str:
    """A further version."""
    add_a_rating(catalog)
    return build(catalog, bucket.url).version


def readiness(app: Flask) -> dict[str, Any]:
    answer: dict[str, Any] = app.test_client().get("/readyz").get_json()
    return answer


def search(app: Flask) -> list[Any]:
    found = app.test_client().get("/v1/search?q=space&k=3").get_json()
    return [one["item_id"] for one in found["results"]]


def test_a_publish_a_rollback_and_a_takedown_are_followed(
    bucket: Bucket, catalog: Path, start: Start
) -> None:
    first = built(catalog, bucket)
    app = start()
    assert (readiness(app)["version"], readiness(app)["degraded"]) == (first, False)
    assert sorted(search(app)) == [10, 20, 30]
    second = built(catalog, bucket)
    assert until(lambda: readiness(app)["version"] == second, 20)
    bucket.put("BLOCKLIST", b"20\n")
    assert until(lambda: sorted(search(app)) == [10, 30], 20)
    bucket.delete("BLOCKLIST")
    assert until(lambda: sorted(search(app)) == [10, 20, 30], 20)
    assert roll_back(bucket.machine("operator"), None) == (second, first)
    assert remote_addresses(psutil.Process()) == [], "no metadata address of a cloud"
    assert until(lambda: readiness(app)["version"] == first, 20)
    assert not readiness(app)["degraded"]


@pytest.mark.parametrize("fault", [away, expired], ids=["503", "expired"])
def test_a_store_that_is_away_leaves_it_serving_and_degraded(
    bucket: Bucket, catalog: Path, start: Start, fault: Fault
) -> None:
    first = built(catalog, bucket)
    app = start()
    with bucket.proxy.broken(fault):
        assert until(lambda: readiness(app)["degraded"], 30)
        said = readiness(app)
        assert (said["version"], sorted(search(app))) == (first, [10, 20, 30])
        assert re.search(f"{bucket.url}/(CURRENT|BLOCKLIST): the store answers ", said["problem"])
        assert SECRET not in str(said)
        restarted = start()  # with the cache that the first one filled
        said = readiness(restarted)
        assert (said["version"], said["degraded"]) == (first, True)
        assert sorted(search(restarted)) == [10, 20, 30]
        nothing = start("empty")
        assert nothing.test_client().get("/readyz").status_code == 503
        assert nothing.test_client().get("/v1/search?q=space").status_code == 503
    second = built(catalog, bucket)
    for one in (app, restarted, nothing):
        assert until(lambda one=one: readiness(one).get("version") == second, 30)
        assert until(lambda one=one: not readiness(one)["degraded"], 30)


def test_what_is_blocked_stays_so_while_the_store_is_away(
    bucket: Bucket, catalog: Path, start: Start
) -> None:
    built(catalog, bucket)
    bucket.put("BLOCKLIST", b"20\n")
    assert sorted(search(start())) == [10, 30]
    with bucket.proxy.broken(away):
        restarted = start()
        assert sorted(search(restarted)) == [10, 30]
        assert until(lambda: readiness(restarted)["degraded"], 30)
        assert readiness(restarted)["blocked_items"] == 1


def test_wrong_bytes_are_refused_and_the_old_version_serves(
    bucket: Bucket, catalog: Path, start: Start
) -> None:
    first = built(catalog, bucket)
    app = start()

    def wrong(one: Asked) -> Answer | None:
        if one.method != "GET" or "/blobs/" not in one.path:
            return None
        answer = one.forward()
        return Answer(answer.status, answer.headers, bytes(len(answer.body)))

    with bucket.proxy.broken(wrong):
        second = built(catalog, bucket)
        assert until(lambda: readiness(app).get("refused_version") == second, 30)
        said = readiness(app)
        assert (said["version"], said["degraded"]) == (first, True)
        assert "is not what the manifest says" in said["problem"]
    third = built(catalog, bucket)
    assert until(lambda: readiness(app)["version"] == third, 30)


def test_a_damaged_copy_is_fetched_again(
    bucket: Bucket, catalog: Path, start: Start, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("service.reloader._RETRY_S", 0.1)
    first = built(catalog, bucket)
    cache = bucket.machine("copy")
    path = cache.live_folder() / "items.arrow"
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(bytes(len(content)))
    shutil.copytree(bucket.folder / "copy", tmp_path / "damaged")
    app = start("damaged")
    assert until(lambda: readiness(app).get("version") == first, 30)
    assert not readiness(app)["degraded"]


def test_an_open_catalogue_follows(bucket: Bucket, catalog: Path) -> None:
    first = built(catalog, bucket)
    opened = shortlist.open(bucket.url, follow=True, precision="f32")
    assert opened.version == first
    second = built(catalog, bucket)
    assert until(lambda: opened.version == second, 20)
    with bucket.proxy.broken(away):
        assert len(opened.search("space", k=3).results) == 3
    assert shortlist.open(bucket.url, version=first).version == first
