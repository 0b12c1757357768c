"""Nothing phones home: no telemetry module, no file in HOME, no process, no connection."""

from __future__ import annotations

import ipaddress
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil

from tests.serving import Private, Serve

ENCODE = """
import json, sys

WATCHED = ("os.fork", "os.forkpty", "os.posix_spawn", "os.exec", "os.system", "subprocess.Popen")
NETWORK = ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto")
seen = []
sys.addaudithook(lambda name, _: seen.append(name) if name in WATCHED + NETWORK else None)

from pathlib import Path
from shortlist.encoder.machine import Precision
from shortlist.encoder.runtime import Encoder

vector = Encoder(Path(sys.argv[1]), precision=Precision.F32).encode_queries(["space travel"])[0]

import psutil

me = psutil.Process()
print(json.dumps({
    "length": float((vector * vector).sum()),
    "openvino": "openvino" in sys.modules,
    "telemetry": [name for name, module in sys.modules.items()
                  if name.split(".")[0] == "openvino_telemetry" and module is not None],
    "blocked": sys.modules.get("openvino_telemetry", "absent") is None,
    "seen": seen,
    "children": [child.name() for child in me.children(recursive=True)],
    "connections": [str(one) for one in me.net_connections(kind="inet")],
}))
"""


def run(
    *arguments: object, repository: Path, private: Private, **more: str
) -> subprocess.CompletedProcess[str]:
    environment = {**private.environment(repository), **more}
    assert "CI" not in environment
    result = subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=repository,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result


def remote_addresses(process: psutil.Process) -> list[str]:
    """Hosts beyond loopback that a process is connected to."""
    peers = [one.raddr.ip for one in process.net_connections(kind="inet") if one.raddr]
    return [ip for ip in peers if not ipaddress.ip_address(ip.removeprefix("::ffff:")).is_loopback]


def test_encoding_a_text_starts_no_process_opens_no_connection_and_writes_nothing(
    sample_bundle: Path, private: Private, repository: Path
) -> None:
    encoder = sample_bundle / "encoder"
    result = run("-c", ENCODE, encoder, repository=repository, private=private)
    found = json.loads(result.stdout.splitlines()[-1])
    assert abs(found.pop("length") - 1) < 1e-5
    assert found == {
        "openvino": True,
        "telemetry": [],
        "blocked": True,
        "seen": [],
        "children": [],
        "connections": [],
    }
    assert private.leftovers() == []


def test_a_telemetry_module_is_not_even_imported(
    sample_bundle: Path, private: Private, tmp_path: Path, repository: Path
) -> None:
    """A stand-in for the module leaves a trace; a plain `import openvino` shows that it would."""
    stand_in = tmp_path / "stand-in"
    stand_in.mkdir()
    traitor = "from pathlib import Path\n(Path.home() / 'traces').touch()\nraise ImportError\n"
    (stand_in / "openvino_telemetry.py").write_text(traitor)
    path = f"{stand_in}:{repository}"
    encoder = sample_bundle / "encoder"
    run("-c", ENCODE, encoder, repository=repository, private=private, PYTHONPATH=path)
    assert private.leftovers() == []
    run("-c", "import openvino", repository=repository, private=private, PYTHONPATH=path)
    assert [Path(name).name for name in private.leftovers()] == ["traces"]


def test_a_build_with_a_cached_export_writes_nothing_outside_its_artifacts(
    write_catalog: Callable[..., Path],
    minilm_export: Path,
    private_cache: Path,
    private: Private,
    tmp_path: Path,
    repository: Path,
) -> None:
    before = sorted(path for path in private_cache.rglob("*"))
    command = ["build", "--catalog", write_catalog(), "--artifacts", tmp_path / "artifacts"]
    run(
        "-m",
        "indexing",
        *command,
        repository=repository,
        private=private,
        XDG_CACHE_HOME=str(private_cache),
    )
    assert private.leftovers() == []
    assert sorted(path for path in private_cache.rglob("*")) == before


def test_a_serving_worker_has_no_process_beside_it_no_connection_and_an_empty_home(
    serve: Serve, sample_artifacts: Path
) -> None:
    service = serve(sample_artifacts, "--workers", "2").ready()
    for query in ("space travel", "a heist"):
        assert service.get("/v1/search", q=query)[0] == 200
    master = psutil.Process(service.process.pid)
    workers = service.children()
    assert len(workers) == 2
    assert {worker.ppid() for worker in workers} == {master.pid}
    for process in (master, *workers):
        assert remote_addresses(process) == []
    assert [path for path in service.private.leftovers() if "/home/" in path] == []
