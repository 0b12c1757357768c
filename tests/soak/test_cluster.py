"""An object store, Milvus and a Dask cluster, one of each kind killed: nothing is lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.cluster import SAMPLE, as_markdown, drilled
from benchmarks.milvus_server import NoNetwork
from benchmarks.object_store import NoServer

pytestmark = pytest.mark.soak

KILLED = {
    "a worker killed in a build",
    "the scheduler killed in a build",
    "the object store killed",
    "Milvus killed",
    "a service killed",
}


def test_a_kill_of_each_kind_loses_nothing(minilm_export: Path, tmp_path: Path) -> None:
    pytest.importorskip("milvus", reason="the server is for x86: pip install milvus")
    try:
        steps = list(drilled(tmp_path / "scratch", iter([SAMPLE]), n_swaps=1))
    except (NoNetwork, NoServer) as error:
        pytest.skip(str(error))
    print(f"\n{as_markdown(steps)}")
    assert {step.what for step in steps} >= KILLED
    for step in steps:
        assert (step.answers_lost, step.builds_lost) == (0, 0), step.why
        assert step.what == "first build" or step.answers > 0
        assert step.refused == 0 or step.what == "Milvus killed"
    (worker,) = (step for step in steps if step.what == "a worker killed in a build")
    assert 1 <= worker.chunks_again <= 4
    assert not list((tmp_path / "scratch").iterdir())
