"""Following the log: what is acknowledged is published once, in order, whatever happens."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from indexing.changing.follower import Follower
from indexing.changing.publisher import Publisher
from indexing.job import build
from indexing.versions import roll_back
from shortlist.bundle.change_log import ChangeLog
from shortlist.bundle.changes import Change, Op
from shortlist.bundle.reader import Bundle, open_bundle
from shortlist.bundle.store import ArtifactStore
from shortlist.errors import PublishError


def upsert(sku: str, **values: object) -> Change:
    return Change(Op.UPSERT, sku, {"sku": sku, "name": f"thing {sku}", **values})


def patch(sku: str, price: float) -> Change:
    return Change(Op.PATCH, sku, {"price": price})


def live(store: ArtifactStore) -> Bundle:
    return open_bundle(store.live_folder())


def price(store: ArtifactStore, sku: str) -> object:
    bundle = live(store)
    row = bundle.ids.row_of(sku)
    return None if row is None else bundle.items.attributes["price"][row].as_py()


@pytest.fixture
def log(goods: ArtifactStore) -> ChangeLog:
    return ChangeLog(goods.root)


@pytest.fixture
def follower(goods: ArtifactStore) -> Follower:
    return Follower(goods, Publisher(goods))


def test_what_waits_is_published_together_and_once(
    goods: ArtifactStore, log: ChangeLog, follower: Follower
) -> None:
    assert follower.step() is None
    log.append([upsert("n1", price=5)])
    log.append([patch("n1", 6), patch("s1", 7)])
    report = follower.step()
    assert report is not None and report.n_changes == 3
    assert (price(goods, "n1"), price(goods, "s1")) == (6.0, 7.0)
    assert live(goods).manifest.applied == {"log": 2}
    assert (log.through(), follower.pending(), follower.step()) == (2, 0, None)


def test_a_record_is_taken_whole_or_refused_whole(
    goods: ArtifactStore, log: ChangeLog, follower: Follower
) -> None:
    log.append([patch("s1", 7)])
    log.append([patch("s2", 8), patch("nobody", 1)])
    log.append([patch("s3", 9)])
    follower.step()
    assert [price(goods, sku) for sku in ("s1", "s2", "s3")] == [7.0, 2.5, 9.0]
    refusal = log.refusal(2)
    assert refusal is not None
    assert refusal.problems == {
        "changes[1]": "no item has the id 'nobody', so nothing of it can be changed"
    }
    assert log.refusal(1) is None and log.through() == 3


def test_what_the_gate_refuses_stops_no_other_record(
    goods: ArtifactStore, log: ChangeLog, follower: Follower
) -> None:
    log.append([Change(Op.DELETE, f"s{n}", {}) for n in range(4)])
    log.append([patch("s5", 9)])
    follower.step()
    assert price(goods, "s5") == 9.0 and price(goods, "s0") == 0.5
    refusal = log.refusal(1)
    assert refusal is not None and "too much would be gone" in refusal.problems[""]


def test_a_record_that_only_refusals_fill_is_dealt_with(
    goods: ArtifactStore, log: ChangeLog, follower: Follower
) -> None:
    before = goods.current()
    log.append([patch("nobody", 1)])
    assert follower.step() is None
    assert (log.through(), goods.current()) == (1, before)


def crash_before_noting(follower: Follower, monkeypatch: pytest.MonkeyPatch) -> None:
    """A step that publishes, and ends before the log says so."""

    def crash(self: ChangeLog, sequence: int) -> None:
        raise PublishError("the power is gone")

    with monkeypatch.context() as patched:
        patched.setattr(ChangeLog, "done", crash)
        with pytest.raises(PublishError, match="power"):
            follower.step()


def test_what_was_published_before_a_crash_is_not_made_again(
    goods: ArtifactStore, log: ChangeLog, follower: Follower, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.append([patch("s1", 7)])
    crash_before_noting(follower, monkeypatch)
    version = goods.current()
    assert (log.through(), live(goods).manifest.applied) == (0, {"log": 1})
    assert follower.step() is None
    assert (log.through(), goods.current()) == (1, version)


def test_a_rollback_is_not_undone(goods: ArtifactStore, log: ChangeLog, follower: Follower) -> None:
    before = goods.current()
    log.append([patch("s1", 7)])
    follower.step()
    with goods.lock():
        goods.rollback(str(before))
    assert follower.step() is None and goods.current() == before
    log.append([patch("s2", 8)])
    follower.step()
    assert (price(goods, "s1"), price(goods, "s2")) == (1.5, 8.0)


def test_changes_wait_while_somebody_else_writes(
    goods: ArtifactStore, log: ChangeLog, follower: Follower
) -> None:
    log.append([patch("s1", 7)])
    with goods.lock(), pytest.raises(PublishError, match="somebody else is writing"):
        follower.step()
    assert follower.pending() == 1
    follower.step()
    assert price(goods, "s1") == 7.0


def test_a_build_absorbs_what_came_while_it_read(goods: ArtifactStore, log: ChangeLog) -> None:
    catalogue = goods.root.parent / "catalogue" / "catalog.toml"
    log.append([patch("s1", 7)])  # before: the sources win over it

    def meanwhile(step: str) -> None:
        if step == "catalogue read":
            log.append([upsert("late", price=1), patch("s2", 8)])

    build(catalogue, goods.root, reuse=False, on_step=meanwhile)
    assert (price(goods, "s1"), price(goods, "s2"), price(goods, "late")) == (1.5, 8.0, 1.0)
    assert live(goods).manifest.applied == {"log": 2} and log.through() == 2


def test_it_follows_until_it_is_stopped(
    goods: ArtifactStore, log: ChangeLog, follower: Follower
) -> None:
    stop = threading.Event()
    thread = threading.Thread(target=follower.follow, args=(stop,), kwargs={"every_s": 0.05})
    thread.start()
    try:
        for number in range(3):
            log.append([patch("s1", 10.0 + number)])
        for _ in range(1200):
            if log.through() == 3 or not thread.is_alive():
                break
            stop.wait(0.05)
    finally:
        stop.set()
        thread.join()
    assert price(goods, "s1") == 12.0


def test_many_published_changes_leave_few_segments_and_versions(
    goods: ArtifactStore, log: ChangeLog, follower: Follower
) -> None:
    for number in range(8):
        log.append([upsert(f"n{number}"), patch("s1", number)])
        follower.step()
    bundle = live(goods)
    assert bundle.n_items == 15 and len(bundle.segments) == 1
    assert len(goods.versions()) <= 7
    names = [path.name for path in Path(goods.root).iterdir()]
    assert not [name for name in names if name.startswith(".staging")]


def test_ids_are_typed_as_the_live_version_has_them(
    goods: ArtifactStore, log: ChangeLog, follower: Follower
) -> None:
    log.append([Change(Op.UPSERT, 7, {"sku": 7, "name": "a lamp that had a number"})])
    log.append([Change(Op.PATCH, 7, {"price": 5})])
    log.append([Change(Op.UPSERT, "x", {"sku": "x", "name": "x", "of another catalogue": 1})])
    follower.step()
    assert price(goods, "7") == 5.0
    refusal = log.refusal(3)
    assert refusal is not None
    assert "item.of another catalogue: no such column" in refusal.problems["changes[0]"]


def test_a_rollback_before_the_follower_could_note_what_it_did_is_not_undone(
    goods: ArtifactStore, log: ChangeLog, follower: Follower, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = goods.current()
    log.append([patch("s1", 7)])
    crash_before_noting(follower, monkeypatch)
    assert roll_back(goods, None)[1] == before
    assert follower.step() is None and price(goods, "s1") == 1.5


def test_others_wait_for_a_follower_that_writes_briefly(goods: ArtifactStore) -> None:
    taken, let_go = threading.Event(), threading.Event()
    order: list[str] = []

    def hold() -> None:
        with goods.lock(briefly=True):
            taken.set()
            let_go.wait()
            order.append("follower")

    thread = threading.Thread(target=hold)
    thread.start()
    taken.wait()
    threading.Timer(0.3, let_go.set).start()
    with goods.lock():
        order.append("other")
    thread.join()
    assert order == ["follower", "other"]


def test_a_follower_does_not_wait_for_others(goods: ArtifactStore) -> None:
    briefly = goods.lock(briefly=True)
    with goods.lock(), pytest.raises(PublishError, match="somebody else is writing"), briefly:
        pass
