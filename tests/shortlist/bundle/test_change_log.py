"""The change log: what is acknowledged is never lost, and never stands twice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from multiprocessing import get_context
from pathlib import Path

import pytest

from shortlist.bundle import change_log
from shortlist.bundle.change_log import ChangeLog, Refusal
from shortlist.bundle.changes import Change, Op
from shortlist.errors import BundleCorrupt, PublishError

UPSERT = Change(Op.UPSERT, "a", {"sku": "a", "name": "Tür"})
PATCH = Change(Op.PATCH, "a", {"price": 2.5})
DELETE = Change(Op.DELETE, "a", {})


@pytest.fixture
def log(tmp_path: Path) -> ChangeLog:
    return ChangeLog(tmp_path)


def test_records_come_back_as_they_were_in_their_order(log: ChangeLog) -> None:
    assert (log.last(), list(log.after(0)), log.through()) == (0, [], 0)
    assert [log.append([UPSERT, PATCH]), log.append([DELETE])] == [1, 2]
    first, second = log.after(0)
    assert (first.sequence, first.changes) == (1, (UPSERT, PATCH))
    assert (second.sequence, second.changes) == (2, (DELETE,))
    assert [record.sequence for record in log.after(1)] == [2]
    assert log.last() == 2


def test_a_number_is_beyond_what_a_version_has(log: ChangeLog) -> None:
    assert log.append([DELETE], beyond=41) == 42
    assert log.append([DELETE], beyond=7) == 43
    assert [record.sequence for record in log.after(0)] == [42, 43]


def test_a_line_that_was_cut_off_is_removed_before_the_next(log: ChangeLog, tmp_path: Path) -> None:
    log.append([UPSERT])
    (path,) = (tmp_path / "changes").glob("log-*")
    with path.open("ab") as stream:
        stream.write(b'{"sequence": 2, "time": "20')
    assert log.last() == 1
    assert [record.sequence for record in log.after(0)] == [1]
    assert log.append([PATCH]) == 2
    assert [record.changes for record in log.after(0)] == [(UPSERT,), (PATCH,)]


def test_long_lines_are_found_from_their_end(log: ChangeLog) -> None:
    long = Change(Op.UPSERT, "a", {"sku": "a", "name": "x" * 300_000})
    assert [log.append([long]), log.append([long]), log.append([DELETE])] == [1, 2, 3]
    assert log.last() == 3


def test_another_file_begins_and_those_that_are_dealt_with_go(
    log: ChangeLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(change_log, "_MOST_BYTES", 1)
    for _ in range(4):
        log.append([DELETE])
    names = sorted(path.name for path in (tmp_path / "changes").glob("log-*"))
    assert len(names) == 4
    assert [record.sequence for record in log.after(2)] == [3, 4]
    log.done(2)
    assert len(list((tmp_path / "changes").glob("log-*"))) == 2
    assert [record.sequence for record in log.after(2)] == [3, 4]
    log.done(4)
    assert (log.through(), log.last(), log.append([DELETE])) == (4, 4, 5)


def test_a_refusal_is_told_by_its_number(log: ChangeLog) -> None:
    log.append([PATCH])
    assert log.refusal(1) is None
    log.refuse([Refusal(1, {"changes[0]": "no item"})])
    assert log.refusal(1) == Refusal(1, {"changes[0]": "no item"})
    assert log.refusal(2) is None


def test_what_is_no_record_is_named_by_its_line(log: ChangeLog, tmp_path: Path) -> None:
    log.append([DELETE])
    (path,) = (tmp_path / "changes").glob("log-*")
    path.write_text(path.read_text() + "{}\n")
    with pytest.raises(BundleCorrupt, match="line 2: no record of changes"):
        list(log.after(0))


def test_a_full_disk_leaves_the_log_as_it_was(
    log: ChangeLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.append([UPSERT])
    (path,) = (tmp_path / "changes").glob("log-*")
    before = path.read_bytes()
    write = os.pwrite

    def half(handle: int, content: bytes, begin: int) -> int:
        write(handle, content[:5], begin)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "pwrite", half)
    with pytest.raises(PublishError, match="No space left"):
        log.append([PATCH])
    monkeypatch.undo()
    assert path.read_bytes() == before
    assert log.append([PATCH]) == 2


def _append_many(artifacts: Path) -> list[int]:
    return [ChangeLog(artifacts).append([DELETE]) for _ in range(50)]


def test_several_processes_append_each_its_own_numbers(tmp_path: Path) -> None:
    with get_context("spawn").Pool(3) as pool:
        given = pool.map(_append_many, [tmp_path] * 3)
    assert all(one == sorted(one) for one in given)
    assert sorted(number for one in given for number in one) == list(range(1, 151))
    assert [record.sequence for record in ChangeLog(tmp_path).after(0)] == list(range(1, 151))


def test_what_was_acknowledged_outlives_a_killed_process(tmp_path: Path) -> None:
    program = (
        "import os, sys\nfrom pathlib import Path\n"
        "from shortlist.bundle.change_log import ChangeLog\n"
        "from shortlist.bundle.changes import Change, Op\n"
        "log = ChangeLog(Path(sys.argv[1]))\n"
        "while True: print(log.append([Change(Op.DELETE, 'a', {})]), flush=True)\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        acknowledged = [int(writer.stdout.readline()) for _ in range(20)]
        writer.kill()
        acknowledged += [int(line) for line in writer.stdout if line.endswith("\n")]
    found = [record.sequence for record in ChangeLog(tmp_path).after(0)]
    assert found[: len(acknowledged)] == acknowledged
    assert ChangeLog(tmp_path).append([DELETE]) == found[-1] + 1


def test_the_files_are_lines_of_json(log: ChangeLog, tmp_path: Path) -> None:
    log.append([UPSERT, DELETE])
    (path,) = (tmp_path / "changes").glob("log-*")
    (line,) = path.read_text(encoding="utf-8").splitlines()
    plain = json.loads(line)
    assert plain["changes"] == [
        {"op": "upsert", "item": {"sku": "a", "name": "Tür"}, "item_id": "a"},
        {"op": "delete", "item_id": "a"},
    ]


def test_a_note_that_was_cut_off_spoils_no_other(log: ChangeLog, tmp_path: Path) -> None:
    log.append([PATCH])
    log.refuse([Refusal(1, {"": "first"})])
    with (tmp_path / "changes" / "refused.jsonl").open("ab") as stream:
        stream.write(b'{"sequence": 2, "pro')
    assert log.refusal(1) == Refusal(1, {"": "first"}) and log.refusal(2) is None
    log.refuse([Refusal(1, {"": "first"}), Refusal(3, {"": "third"})])
    assert log.refusal(3) == Refusal(3, {"": "third"})
    lines = (tmp_path / "changes" / "refused.jsonl").read_text().splitlines()
    assert [json.loads(line)["sequence"] for line in lines] == [1, 3]


def test_numbers_go_on_behind_what_was_dealt_with(log: ChangeLog, tmp_path: Path) -> None:
    log.append([PATCH])
    log.done(40)
    for path in (tmp_path / "changes").glob("log-*"):
        path.unlink()
    assert log.append([PATCH], beyond=7) == 41
