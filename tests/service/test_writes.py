"""Items changed over HTTP: validated, written down, applied, and told what became of them."""

from __future__ import annotations

import json
import logging
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families

from indexing.changing.follower import Follower
from indexing.changing.publisher import Publisher as ChangePublisher
from service.app import create_app
from service.openapi import OPERATIONS, WRITES, document
from service.write_requests import read_items
from service.writes import STALLED_S, Status, Writes
from shortlist.bundle.change_log import LOG, ChangeLog, Record, Refusal
from shortlist.bundle.changes import Change, Op
from shortlist.bundle.store import ArtifactStore
from shortlist.errors import PublishError
from tests.publishing import Publisher
from tests.service.test_api import problem
from tests.serving import patient, until

KEY = {"X-API-Key": "wr1te"}
ITEM = {"sku": "100", "name": "velvet lantern", "price": 12.5, "kinds": "Lamps"}


class Shop:
    """A service over a shop of its own whose items can be changed, and who applies the changes."""

    def __init__(self, artifacts: Path, **settings: Any) -> None:
        self.artifacts = artifacts
        self.log = ChangeLog(artifacts)
        store = ArtifactStore(artifacts)
        self._follower = Follower(store, ChangePublisher(store))
        given = {"writes": True, "write_key": "wr1te", **settings}
        self.app: Flask = create_app(patient(artifacts, **given))
        self.client: FlaskClient = self.app.test_client()

    def records(self) -> list[Record]:
        """What is written down."""
        return list(self.log.after(0))

    def apply(self) -> None:
        """Publish what waits."""
        self._follower.step()

    def follow(self) -> None:
        """Serve what is live."""
        self.app.extensions["reloader"].check()

    def look(self) -> None:
        """See how many changes wait."""
        self.app.extensions["writes"].look()

    def post(self, *items: Any, query: str = "", **more: Any) -> Any:
        """The answer to items that are put in."""
        body = {"items": list(items)}
        return self.client.post(f"/v1/items{query}", json=body, headers=KEY, **more)

    def state(self, sequence: int) -> dict[str, Any]:
        """What is told of a change."""
        response = self.client.get(f"/v1/changes/{sequence}", headers=KEY)
        assert response.status_code == 200, response.text
        return dict(response.get_json())

    def number(self, name: str, **labels: str) -> float:
        """A number of /metrics."""
        families = text_string_to_metric_families(self.client.get("/metrics").text)
        (found,) = (
            sample.value
            for family in families
            for sample in family.samples
            if sample.name == name and sample.labels == labels
        )
        return float(found)


Open = Callable[..., Shop]


@pytest.fixture
def open_shop(tmp_path: Path, shop_artifacts: Path) -> Iterator[Open]:
    """Starts the service over a copy of the shop; stopped at the end of the test."""
    shops: list[Shop] = []

    def start(**settings: Any) -> Shop:
        folder = tmp_path / "artifacts"
        if not folder.exists():
            shutil.copytree(shop_artifacts, folder)
        shops.append(Shop(folder, **settings))
        return shops[-1]

    yield start
    for shop in shops:
        shop.app.extensions["reloader"].stop()


@pytest.fixture
def shop(open_shop: Open) -> Shop:
    """The service over the shop."""
    return open_shop()


def wrong(response: Any) -> dict[str, str]:
    """What is wrong, by field."""
    errors = problem(response, 422, "invalid_parameter")["errors"]
    return {one["field"]: one["message"] for one in errors}


def test_items_are_written_down_before_they_are_acknowledged(shop: Shop) -> None:
    response = shop.post(ITEM, {**ITEM, "sku": 101})
    assert response.status_code == 202
    assert response.get_json() == {
        "sequence": 1,
        "status": "pending",
        "version": None,
        "problems": [],
    }
    assert response.headers["Location"] == "/v1/changes/1"
    assert response.headers["Cache-Control"] == "no-store"
    (record,) = shop.records()
    assert [change.op for change in record.changes] == [Op.UPSERT] * 2
    assert record.changes[0].values == ITEM
    assert shop.state(1)["status"] == "pending"


def test_a_change_is_pending_then_visible_and_found(shop: Shop) -> None:
    assert shop.post(ITEM).status_code == 202
    assert shop.client.get("/v1/items/100").status_code == 404
    shop.apply()
    assert shop.state(1)["status"] == "published"
    shop.follow()
    version = shop.client.get("/readyz").get_json()["version"]
    assert shop.state(1) == {
        "sequence": 1, "status": "visible", "version": version, "problems": []
    }  # fmt: skip
    found = shop.client.get("/v1/search?q=velvet+lantern&k=1").get_json()["results"]
    assert [(one["item_id"], one["attributes"]["price"]) for one in found] == [(100, 12.5)]


def test_a_patch_exchanges_a_price_and_a_delete_takes_the_item_out(shop: Shop) -> None:
    before = shop.client.get("/v1/items/7").get_json()
    patched = shop.client.patch("/v1/items/7", json={"price": 99}, headers=KEY)
    assert (patched.status_code, patched.get_json()["sequence"]) == (202, 1)
    assert shop.records()[0].changes == (Change(Op.PATCH, before["item_id"], {"price": 99}),)
    shop.apply()
    shop.follow()
    after = shop.client.get("/v1/items/7").get_json()
    assert after["attributes"] == {**before["attributes"], "price": 99.0}
    assert after["title"] == before["title"]
    deleted = shop.client.delete("/v1/items/7", headers=KEY)
    assert (deleted.status_code, deleted.get_json()["sequence"]) == (202, 2)
    shop.apply()
    shop.follow()
    assert shop.client.get("/v1/items/7").status_code == 404


def test_what_is_wrong_is_told_field_by_field_and_nothing_is_taken(shop: Shop) -> None:
    bad = [ITEM, {**ITEM, "price": "cheap"}, 5, {"sku": "1", "colour": "red"}]
    found = wrong(shop.post(*bad))
    assert found["items[1].price"] == "expected a number, found 'cheap'"
    assert found["items[2]"] == "expected an object with the catalogue's columns"
    assert found["items[3].name"] == "expected a value, found none"
    assert found["items[3].colour"].startswith("no such column; known: added, brand, ")
    assert len(found) == 4
    patch = shop.client.patch("/v1/items/7", json={"price": "cheap", "sku": "8"}, headers=KEY)
    assert wrong(patch) == {
        "price": "expected a number, found 'cheap'",
        "sku": "an item keeps its id; delete it and put another one in",
    }
    assert shop.records() == []


def test_of_many_mistakes_the_first_twenty_are_told(shop: Shop) -> None:
    found = wrong(shop.post(*[{**ITEM, "price": "cheap"}] * 30))
    assert list(found) == [f"items[{place}].price" for place in range(20)]
    strange = {f"column{number}": 1 for number in range(500)}
    assert wrong(shop.post(ITEM, {**ITEM, **strange})) == {
        "items[1]": "expected columns of the catalogue, found 500 others"
    }


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"{}", "items"),
        (b'{"items": []}', "items"),
        (b'{"items": {}}', "items"),
        (b'{"items": [1], "more": 1}', "more"),
        (b"[]", "body"),
        (b'{"items": [' + b",".join([b"1"] * 1001) + b"]}", "items"),
        (b'{"items": [{"sku": "1", "name": "x", "price": 1e999}]}', "items[0].price"),
        (b'{"items": [{"sku": "1", "name": "\\ud800"}]}', "items[0].name"),
    ],
)
def test_a_body_of_another_form_is_refused_by_field(shop: Shop, body: bytes, field: str) -> None:
    response = shop.client.post(
        "/v1/items", data=body, content_type="application/json", headers=KEY
    )
    assert list(wrong(response)) == [field]
    assert shop.records() == []


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b'{"items": [', b'{"items": [{}', b'{"items": [{}]', b'{"items": [{},]}', b"\xff",
     b'{"items": [{"price": NaN}]}', b'{"items": [' + b"[" * 100_000, b'{"items": [{}]} 1',
     b'{"items": [{"price": ' + b"9" * 5000 + b"}]}"],
)  # fmt: skip
def test_what_is_no_json_is_malformed(shop: Shop, body: bytes) -> None:
    response = shop.client.post(
        "/v1/items", data=body, content_type="application/json", headers=KEY
    )
    assert problem(response, 400, "malformed_request")["errors"] == []


@pytest.mark.parametrize(
    "body",
    ['{"items": [%s, %s]}', ' {\n"items"\t:\r[ %s , %s ] } \n', '{"\\u0069tems": [%s,%s]}',
     '{"items": [], "items": [%s, %s]}'],
)  # fmt: skip
def test_items_are_read_alike_however_they_are_written(shop: Shop, body: str) -> None:
    other = {"sku": "2", "name": 'é ] } , " \\', "colours": ["red", "blue"]}
    text = body % (json.dumps(ITEM), json.dumps(other))
    assert read_items(text.encode(), shop.app.extensions["writes"].intake()) == [ITEM, other]


def test_a_body_needs_its_type_and_parameters_are_known(shop: Shop) -> None:
    response = shop.client.post("/v1/items", data=b"{}", headers=KEY)
    assert problem(response, 415, "unsupported_media_type")
    assert list(wrong(shop.post(ITEM, query="?wait=long"))) == ["wait"]
    assert list(wrong(shop.post(ITEM, query="?now=1"))) == ["now"]
    assert shop.records() == []


def test_an_unknown_id_is_taken_for_an_upsert_before_it_may_wait(
    open_shop: Open, shop_artifacts: Path, tmp_path: Path
) -> None:
    (tmp_path / "artifacts").mkdir()
    publisher = Publisher(ArtifactStore(shop_artifacts).live_folder(), tmp_path / "artifacts")
    publisher.publish(lambda manifest: manifest["intake"].update(id_type="string"))
    shop = open_shop()
    for ask in (shop.client.delete, shop.client.patch):
        response = ask("/v1/items/a%2Fb", json={"price": 1}, headers=KEY)
        assert response.status_code == 202
    assert [one.changes[0].item_id for one in shop.records()] == ["a/b", "a/b"]


@pytest.mark.parametrize("path", ["x", "07", "%20", "a%2Fb", "a/b", "7/similar", ""])
def test_an_id_that_no_item_can_have_is_not_found(shop: Shop, path: str) -> None:
    for ask in (shop.client.delete, shop.client.patch):
        response = ask(f"/v1/items/{path}", json={"price": 1}, headers=KEY)
        assert response.status_code == 404
    if path == "x":
        assert "expected an integer" in problem(response, 404, "item_unknown")["detail"]
    assert shop.records() == []


def test_an_id_that_is_too_long_is_refused(shop: Shop) -> None:
    response = shop.client.delete(f"/v1/items/{'9' * 300}", headers=KEY)
    assert wrong(response) == {"item_id": "expected at most 256 characters"}


def test_to_patch_what_is_not_there_is_refused_when_it_is_applied(shop: Shop) -> None:
    assert shop.client.patch("/v1/items/999", json={"price": 1}, headers=KEY).status_code == 202
    shop.apply()
    told = shop.state(1)
    assert (told["status"], told["version"]) == ("refused", None)
    (one,) = told["problems"]
    assert one["field"] == "changes[0]"
    assert "999" in one["message"]
    assert shop.post(ITEM).get_json()["sequence"] == 2
    shop.apply()
    shop.follow()
    assert [shop.state(n)["status"] for n in (1, 2)] == ["refused", "visible"]


@pytest.mark.parametrize("sequence", ["2", "0", "-1", "x", "1.0", "01", "9" * 30, "1/2"])
def test_a_number_that_was_never_given_is_not_found(shop: Shop, sequence: str) -> None:
    shop.post(ITEM)
    response = shop.client.get(f"/v1/changes/{sequence}", headers=KEY)
    assert response.status_code == 404
    if "/" not in sequence:
        problem(response, 404, "change_unknown")


def test_a_change_of_a_version_that_is_live_no_more_is_told_as_rolled_back(shop: Shop) -> None:
    store = ArtifactStore(shop.artifacts)
    first = store.live_folder().name
    shop.post(ITEM)
    shop.apply()
    shop.follow()
    assert shop.state(1)["status"] == "visible"
    with store.lock():
        store.rollback(first)
    shop.follow()
    assert shop.state(1) == {
        "sequence": 1, "status": "rolled back", "version": None, "problems": []
    }  # fmt: skip


def test_what_was_rolled_back_stays_so_beside_later_changes(shop: Shop) -> None:
    store = ArtifactStore(shop.artifacts)
    first = store.live_folder().name
    shop.post(ITEM)
    shop.apply()
    second = store.live_folder().name
    with store.lock():
        store.rollback(first)
    shop.post({**ITEM, "sku": "101"})
    shop.apply()
    shop.follow()
    assert [shop.state(n)["status"] for n in (1, 2)] == ["rolled back", "visible"]
    assert shop.client.get("/v1/items/100").status_code == 404
    with store.lock():
        store.rollback(second)
    shop.follow()
    assert [shop.state(n)["status"] for n in (1, 2)] == ["visible", "rolled back"]


def test_who_waits_hears_that_the_change_is_visible(shop: Shop) -> None:
    def apply() -> None:
        until(shop.records)
        shop.apply()
        shop.follow()

    applier = threading.Thread(target=apply)
    applier.start()
    response = shop.post(ITEM, query="?wait=visible")
    applier.join()
    told = response.get_json()
    assert (response.status_code, told["sequence"], told["status"]) == (200, 1, "visible")
    assert told["version"] == shop.client.get("/readyz").get_json()["version"]
    assert shop.client.get("/v1/items/100").status_code == 200


def test_who_waits_hears_that_the_change_is_refused(shop: Shop) -> None:
    def apply() -> None:
        until(shop.records)
        shop.apply()

    applier = threading.Thread(target=apply)
    applier.start()
    path = "/v1/items/999?wait=visible"
    response = shop.client.patch(path, json={"price": 1}, headers=KEY)
    applier.join()
    body = problem(response, 422, "change_refused")
    assert (body["sequence"], [one["field"] for one in body["errors"]]) == (1, ["changes[0]"])


def test_who_waits_in_vain_gets_what_others_get_at_once(open_shop: Open) -> None:
    shop = open_shop(deadline_s=0.3)
    response = shop.client.delete("/v1/items/7?wait=visible", headers=KEY)
    assert (response.status_code, response.get_json()["status"]) == (202, "pending")
    assert response.headers["Location"] == "/v1/changes/1"


def test_when_too_many_wait_nobody_else_does(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    writes: Writes = shop.app.extensions["writes"]
    monkeypatch.setattr(writes, "_waiting", threading.BoundedSemaphore(1))
    sequence = writes.append([Change(Op.DELETE, 7, {})])
    waiting, told = threading.Event(), []

    def deal() -> bool:
        waiting.set()
        return bool(shop.log.through())

    monkeypatch.setattr(writes, "_is_dealt_with", lambda _: deal())
    one = threading.Thread(target=lambda: told.append(writes.await_end(1, within_s=60)))
    one.start()
    assert waiting.wait(60)
    assert writes.await_end(sequence, within_s=60).status is Status.PENDING
    shop.apply()
    shop.follow()
    one.join()
    assert [state.status for state in told] == [Status.VISIBLE]


def test_a_log_that_cannot_be_written_is_told_and_nothing_is_taken(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object, **__: object) -> None:
        raise PublishError("/srv/changes: cannot be written: No space left on device")

    with monkeypatch.context() as patched, caplog.at_level(logging.ERROR):
        patched.setattr(ChangeLog, "_append", full)
        response = shop.post(ITEM)
        body = problem(response, 503, "changes_unavailable")
        assert response.headers["Retry-After"] == "1"
        assert "/srv" not in body["detail"]
        assert shop.post(ITEM).status_code == 503
    assert caplog.text.count("No space left on device") == 1
    ready = shop.client.get("/readyz").get_json()
    assert ready["degraded"]
    assert ready["problem"].endswith("cannot be written: No space left on device")
    assert shop.number("shortlist_writes_total", outcome="failed") == 2
    assert shop.records() == []
    assert shop.post(ITEM).get_json()["sequence"] == 1
    assert not shop.client.get("/readyz").get_json()["degraded"]


def test_a_log_that_cannot_be_read_is_told(shop: Shop) -> None:
    shop.post(ITEM)
    (path,) = (shop.artifacts / "changes").glob("log-*.jsonl")
    path.write_bytes(b"nonsense\n")
    for response in (shop.post(ITEM), shop.client.get("/v1/changes/1", headers=KEY)):
        problem(response, 503, "changes_unavailable")
    shop.look()
    ready = shop.client.get("/readyz").get_json()
    assert ready["changes"] == {"pending": None}
    assert ready["problem"].startswith("changes cannot be read: ")
    assert "shortlist_changes_pending" not in shop.client.get("/metrics").text


def test_a_bundle_from_before_changes_says_what_to_do(
    open_shop: Open, shop_artifacts: Path, tmp_path: Path
) -> None:
    (tmp_path / "artifacts").mkdir()
    publisher = Publisher(ArtifactStore(shop_artifacts).live_folder(), tmp_path / "artifacts")
    publisher.publish(lambda manifest: manifest.pop("intake"))
    shop = open_shop()
    response = shop.post(ITEM)
    assert "build the catalogue again" in problem(response, 409, "feature_unavailable")["detail"]
    assert shop.client.delete("/v1/items/7", headers=KEY).status_code == 409
    assert shop.records() == []


def test_while_nothing_is_served_nothing_is_taken(tmp_path: Path, open_shop: Open) -> None:
    (tmp_path / "artifacts").mkdir()
    shop = open_shop()
    problem(shop.post(ITEM), 503, "not_ready")
    problem(shop.client.get("/v1/changes/1", headers=KEY), 503, "not_ready")


ASKED = [
    ("POST", "/v1/items"),
    ("PATCH", "/v1/items/7"),
    ("DELETE", "/v1/items/7"),
    ("GET", "/v1/changes/1"),
]


@pytest.mark.parametrize(("method", "path"), ASKED)
def test_where_writes_are_off_these_paths_do_not_exist(
    open_shop: Open, method: str, path: str
) -> None:
    shop = open_shop(writes=False)
    known = path == "/v1/items/7"
    response = shop.client.open(path, method=method, json={"price": 1}, headers=KEY)
    assert response.status_code == (405 if known else 404)
    nowhere = shop.client.open("/v1/nowhere", method=method, headers=KEY)
    assert nowhere.status_code == 404
    assert shop.client.get("/openapi.json").get_json() == document()
    assert shop.client.get("/readyz").get_json()["changes"] is None
    assert "shortlist_changes_pending" not in shop.client.get("/metrics").text
    assert not (shop.artifacts / "changes").exists()


@pytest.mark.parametrize(("method", "path"), ASKED)
@pytest.mark.parametrize(
    "shown", [{}, {"X-API-Key": "r3ad"}, {"X-API-Key": ""}, {"Authorization": "Bearer r3ad"}]
)
def test_writing_asks_for_a_key_of_its_own(
    open_shop: Open, method: str, path: str, shown: dict[str, str]
) -> None:
    for api_key in ("", "r3ad"):
        shop = open_shop(api_key=api_key)
        response = shop.client.open(path, method=method, json={"price": 1}, headers=shown)
        problem(response, 401, "unauthorized")
        assert response.headers["WWW-Authenticate"] == 'Bearer realm="shortlist"'
        assert shop.records() == []
        bearer = {"Authorization": "Bearer wr1te"}
        taken = shop.client.open(path, method=method, json={"price": 1}, headers=bearer)
        assert taken.status_code != 401
        shutil.rmtree(shop.artifacts / "changes", ignore_errors=True)


@pytest.mark.parametrize("path", ["//v1/items", "/%76%31/items", "/v1%2Fitems", "/v1/items/"])
@pytest.mark.parametrize("method", ["POST", "post", "PATCH", "dElEtE", "PUT", "X"])
def test_no_spelling_of_a_write_does_without_the_key(
    open_shop: Open, method: str, path: str
) -> None:
    shop = open_shop(api_key="r3ad")
    for at in (path, f"{path}/7"):
        response = shop.client.open(
            at, method=method, json={"items": [ITEM]}, headers={"X-API-Key": "r3ad"}
        )
        assert response.status_code in {401, 404, 405}
    assert shop.records() == []


def test_the_write_key_does_not_read(open_shop: Open) -> None:
    shop = open_shop(api_key="r3ad")
    assert shop.client.get("/v1/items/7", headers=KEY).status_code == 401
    assert shop.client.get("/v1/items/7", headers={"X-API-Key": "r3ad"}).status_code == 200


def test_writes_are_counted_logged_and_told_to_wait(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        shop.post(ITEM)
        shop.client.delete("/v1/items/7", headers=KEY)
        shop.post({"sku": "5"})
        shop.state(1)
    lines = [vars(one)["fields"] for one in caplog.records if hasattr(one, "fields")]
    assert [line.get("sequence") for line in lines] == [1, 2, None, None]
    assert [line["route"] for line in lines] == [
        "/v1/items", "/v1/items/<path:item_id>", "/v1/items", "/v1/changes/<sequence>"
    ]  # fmt: skip
    assert "wr1te" not in caplog.text
    assert "lantern" not in caplog.text
    assert shop.number("shortlist_writes_total", outcome="accepted") == 2
    assert shop.number("shortlist_writes_total", outcome="refused") == 1
    shop.look()
    assert shop.number("shortlist_changes_pending") == 2
    assert shop.client.get("/readyz").get_json()["changes"] == {"pending": 2}
    shop.apply()
    shop.look()
    assert shop.number("shortlist_changes_pending") == 0


def test_changes_that_nobody_applies_are_told(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    writes: Writes = shop.app.extensions["writes"]
    passed_s = [0.0]
    monkeypatch.setattr(writes, "_now", lambda: passed_s[0])

    def problem_at(moment_s: float) -> str | None:
        passed_s[0] = moment_s
        writes.look()
        found: str | None = shop.client.get("/readyz").get_json()["problem"]
        return found

    assert problem_at(1000) is None
    shop.post(ITEM)
    assert problem_at(2000) is None, "it may have come a moment ago"
    shop.post(ITEM)
    assert problem_at(2000 + STALLED_S - 1) is None
    assert problem_at(2000 + STALLED_S) == (
        "changes are not being applied: is `shortlist follow` running? 2 wait, for 120 s"
    )
    shop.log.done(1)
    assert problem_at(2500) is None, "it moves"
    assert "1 wait" in str(problem_at(2500 + STALLED_S))
    shop.log.done(2)
    assert problem_at(9000) is None


def test_two_workers_that_append_at_once_share_one_order(open_shop: Open) -> None:
    workers = [open_shop(), open_shop()]
    given: dict[int, list[int]] = {0: [], 1: []}

    def write(worker: int) -> None:
        for number in range(25):
            item = {**ITEM, "sku": 100 * (1 + worker) + number}
            given[worker].append(workers[worker].post(item).get_json()["sequence"])

    threads = [threading.Thread(target=write, args=(worker,)) for worker in given]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(numbers == sorted(numbers) for numbers in given.values())
    assert sorted(given[0] + given[1]) == list(range(1, 51))
    assert [record.sequence for record in workers[0].records()] == list(range(1, 51))


def test_a_log_that_was_lost_goes_on_behind_what_is_live(shop: Shop) -> None:
    for _ in range(3):
        shop.post(ITEM)
    shop.apply()
    shop.follow()
    shutil.rmtree(shop.artifacts / "changes")
    assert shop.state(3)["status"] == "visible"
    assert shop.post(ITEM).get_json()["sequence"] == 4
    assert shop.state(4)["status"] == "pending"


def test_what_was_refused_is_not_told_as_visible_by_the_version_behind_it(shop: Shop) -> None:
    shop.post(ITEM)
    shop.apply()
    shop.follow()
    assert ArtifactStore(shop.artifacts).live_folder().name == shop.state(1)["version"]
    manifest = shop.app.extensions["writes"]._holder.get().bundle.manifest
    assert manifest.applied[LOG] == 1
    shop.log.refuse([Refusal(1, {"": "no"})])
    assert shop.state(1)["problems"] == [{"field": "", "message": "no"}]


def test_large_bodies_are_read_one_after_the_other(
    open_shop: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = open_shop(max_write_bytes=200_000)
    items = [{**ITEM, "sku": f"{n}", "brand": "x" * 300} for n in range(400)]
    writes: Writes = shop.app.extensions["writes"]
    append, statuses = writes.append, []

    def slow(changes: Any) -> int:
        if not statuses:
            statuses.append(0)
            statuses.append(shop.post(*items).status_code)
            statuses.append(shop.post(ITEM).status_code)
        return append(changes)

    monkeypatch.setattr(writes, "append", slow)
    assert shop.post(*items).status_code == 202
    assert statuses == [0, 503, 202], "a small one needs no budget"
    assert shop.post(*items).status_code == 202


def test_the_document_names_what_writes(shop: Shop) -> None:
    body = shop.client.get("/openapi.json").get_json()
    rules = {
        (rule.rule.replace("<path:", "{").replace("<", "{").replace(">", "}"), method.lower())
        for rule in shop.app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if rule.rule.startswith("/v1/")
    }  # fmt: skip
    assert {(path, method) for path, ways in body["paths"].items() for method in ways} == rules
    assert len(rules) == len(OPERATIONS) + len(WRITES)
    post = body["paths"]["/v1/items"]["post"]
    assert post["security"] == [{"write_key": []}]
    assert [one["name"] for one in post["parameters"]] == ["wait"]
    assert {"200", "202", "409", "422"} <= post["responses"].keys()
    page = shop.client.get("/docs").text
    assert all(operation.path in page for operation in WRITES)
