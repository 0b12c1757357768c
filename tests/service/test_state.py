"""What workers share lies where it stays, and what cannot be had is done without."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from service.state import METRICS_VARIABLE, RESERVED_BYTES, SharedState, connections_within


@pytest.fixture
def parent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RUNTIME_DIRECTORY", f"{tmp_path}:/nowhere")
    monkeypatch.setenv(METRICS_VARIABLE, "")  # so that it is as it was after the test
    return tmp_path


def test_it_lies_in_the_runtime_folder_and_is_gone_in_the_end(parent: Path) -> None:
    state = SharedState()
    assert (state.folder.parent, state.parent) == (parent, parent)
    assert state.reserve_numbers() is None
    state.remove()
    assert list(parent.iterdir()) == []


def test_every_page_that_will_be_mapped_is_there_before(parent: Path) -> None:
    state = SharedState()
    assert state.reserve_numbers() is None
    assert os.environ[METRICS_VARIABLE] == str(state.metrics) == str(state.folder / "metrics")
    files = sorted(path.name for path in (state.folder / "metrics").iterdir())
    pid = os.getpid()
    assert files == [
        f"{kind}_{pid}.db" for kind in ("counter", "gauge_livemin", "gauge_livesum", "histogram")
    ]
    for name in files:
        found = (state.folder / "metrics" / name).stat()
        assert (found.st_size, found.st_blocks * 512 >= RESERVED_BYTES) == (RESERVED_BYTES, True)
    state.forget_worker(pid)
    left = sorted(path.name for path in (state.folder / "metrics").iterdir())
    assert left == [f"counter_{pid}.db", f"histogram_{pid}.db"]
    state.remove()


def test_a_folder_that_a_cleaner_took_is_made_again(parent: Path) -> None:
    state = SharedState()
    (state.folder / "lock").unlink()
    state.folder.rmdir()
    assert state.reserve_numbers() is None
    assert len(list((state.folder / "metrics").iterdir())) == 4
    state.forget_worker(12345)
    state.remove()


def test_without_room_numbers_are_of_one_worker_and_that_is_told(
    parent: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = SharedState()

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    problem = state.reserve_numbers()
    assert problem is not None
    assert problem.endswith("numbers are of one worker, not of all: No space left on device")
    assert (state.metrics, METRICS_VARIABLE in os.environ) == (None, False)
    state.remove()


def test_what_a_killed_service_left_is_removed_by_the_next(
    parent: Path, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = "from service.state import SharedState; import os; SharedState(); os._exit(9)"
    command = [sys.executable, "-c", program]
    subprocess.run(command, env={**os.environ, "PYTHONPATH": str(repository)}, check=False)
    (abandoned,) = parent.iterdir()
    young = SharedState()
    assert abandoned.exists(), "it may be just being made"
    os.utime(abandoned, (0, 0))
    os.utime(young.folder, (0, 0))
    other = SharedState()
    assert not abandoned.exists()
    assert young.folder.exists(), "it is in use"
    young.remove()
    other.remove()


@pytest.mark.parametrize(
    ("limits", "most", "expected", "raised"),
    [
        ((1024, 4096), 1000, 1000, 1200),
        ((1024, 1024), 1000, 824, 1024),
        ((4096, 4096), 1000, 1000, 4096),
        ((100, 100), 1000, 1, 100),
        ((resource.RLIM_INFINITY, resource.RLIM_INFINITY), 1000, 1000, resource.RLIM_INFINITY),
        ((256, resource.RLIM_INFINITY), 1000, 1000, 1200),
    ],
)
def test_connections_stay_below_the_limit_of_open_files_which_is_raised(
    monkeypatch: pytest.MonkeyPatch,
    limits: tuple[int, int],
    most: int,
    expected: int,
    raised: int,
) -> None:
    current = [limits]
    monkeypatch.setattr(resource, "getrlimit", lambda _: current[0])
    monkeypatch.setattr(resource, "setrlimit", lambda _, new: current.__setitem__(0, new))
    assert connections_within(most) == expected
    assert current[0] == (raised, limits[1])
