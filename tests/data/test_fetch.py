"""data/movielens/fetch.py against a loopback server that serves a good zip or misbehaves."""

import hashlib
import importlib.util
import io
import os
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from click.testing import CliRunner, Result

SCRIPT = Path(__file__).resolve().parents[2] / "data" / "movielens" / "fetch.py"
REAL_DATA = os.environ.get("MOVIELENS")
FILES = {
    "movies.csv": b"movieId,title,genres\n1,Alien (1979),Horror|Sci-Fi\n",
    "ratings.csv": b"userId,movieId,rating,timestamp\n1,1,4.5,964982703\n",
    "tags.csv": b"userId,movieId,tag,timestamp\n1,1,space,1139045764\n",
    "links.csv": b"movieId,imdbId,tmdbId\n1,0078748,348\n",
}
README = b"Usage License\n"
CHECKSUMS = {name: hashlib.sha256(body).hexdigest() for name, body in FILES.items()}
CHANGED = hashlib.sha256(b"changed").hexdigest()
COMPLETE = {**FILES, "README.txt": README}
EARLIER = {"movies.csv": b"an earlier copy", "catalog.toml": b"[items]\n"}


def load_script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("movielens_fetch", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["movielens_fetch"] = module
    spec.loader.exec_module(module)
    return module


script = load_script()


def zip_bytes(members: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as opened:
        for name, body in members.items():
            opened.writestr(name, body)
    return buffer.getvalue()


def inside(members: Mapping[str, bytes]) -> dict[str, bytes]:
    return {f"ml-latest-small/{name}": body for name, body in members.items()}


GOOD_ZIP = zip_bytes(inside(COMPLETE))
WRONG_RATINGS = {**COMPLETE, "ratings.csv": b"changed"}


class Handler(BaseHTTPRequestHandler):
    server: "Server"

    def do_GET(self) -> None:
        self.server.seen.append(self.path)
        ROUTES[self.path](self)

    def head(self, status: int = 200, **headers: object) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()
        self.wfile.flush()

    def log_message(self, *_: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = False  # server_close waits for every handler

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.seen: list[str] = []
        self.closing = threading.Event()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_port}{path}"

    def handle_error(self, *_: object) -> None:
        pass  # a client that gives up is what several tests are about


def serve(body: bytes) -> Callable[[Handler], None]:
    def respond(handler: Handler) -> None:
        handler.head(Content_Length=len(body))
        handler.wfile.write(body)

    return respond


def without_length(handler: Handler) -> None:
    handler.head()
    handler.wfile.write(GOOD_ZIP)


def endless(handler: Handler) -> None:
    handler.head()
    while not handler.server.closing.is_set():
        handler.wfile.write(bytes(2**16))


def cut_short(handler: Handler) -> None:
    handler.head(Content_Length=len(GOOD_ZIP))
    handler.wfile.write(GOOD_ZIP[:100])


def not_http(handler: Handler) -> None:
    handler.wfile.write(b"SSH-2.0-OpenSSH_9.6\r\n")


def silent(handler: Handler) -> None:
    handler.server.closing.wait(5)


def stalled(handler: Handler) -> None:
    handler.head(Content_Length=len(GOOD_ZIP))
    handler.wfile.write(GOOD_ZIP[:100])
    handler.server.closing.wait(5)


def dripping(handler: Handler) -> None:
    handler.head(Content_Length=len(GOOD_ZIP))
    for byte in GOOD_ZIP:
        handler.wfile.write(bytes([byte]))
        handler.server.closing.wait(0.05)


def bomb() -> bytes:
    """A zip whose movies.csv unpacks to one byte more than is allowed."""
    return zip_bytes(inside({**COMPLETE, "movies.csv": bytes(script.MAX_FILE_BYTES + 1)}))


def bad_offset() -> bytes:
    """A zip whose first entry claims to start five bytes before the end."""
    damaged = bytearray(GOOD_ZIP)
    field = damaged.index(b"PK\x01\x02") + 42
    damaged[field : field + 4] = (len(damaged) - 5).to_bytes(4, "little")
    return bytes(damaged)


def huge(handler: Handler) -> None:
    handler.head(Content_Length=10**12)


ROUTES: dict[str, Callable[[Handler], None]] = {
    "/good.zip": serve(GOOD_ZIP),
    "/moved": lambda handler: handler.head(302, Location="/good.zip", Content_Length=0),
    "/loop": lambda handler: handler.head(302, Location="/loop", Content_Length=0),
    "/no-length": without_length,
    "/404": lambda handler: handler.head(404, Content_Length=0),
    "/503": lambda handler: handler.head(503, Content_Length=0),
    "/not-http": not_http,
    "/cut-short": cut_short,
    "/silent": silent,
    "/stalled": stalled,
    "/dripping": dripping,
    "/endless": endless,
    "/huge": huge,
    "/page": serve(b"<html>Please log in to this network</html>"),
    "/empty": serve(b""),
    "/damaged": serve(GOOD_ZIP[:40] + b"?" * 8 + GOOD_ZIP[48:]),
    "/bad-offset": serve(bad_offset()),
    "/wrong-bytes": serve(zip_bytes(inside(WRONG_RATINGS))),
    "/no-tags": serve(zip_bytes(inside({n: b for n, b in COMPLETE.items() if n != "tags.csv"}))),
    "/dotdot": serve(zip_bytes({**inside(COMPLETE), "ml-latest-small/../../evil": b"x"})),
    "/absolute": serve(zip_bytes({**inside(COMPLETE), "/tmp/evil": b"x"})),
    "/backslash": serve(zip_bytes({**inside(COMPLETE), "..\\evil": b"x"})),
    "/drive": serve(zip_bytes({**inside(COMPLETE), "C:evil": b"x"})),
    "/bomb": lambda handler: serve(bomb())(handler),  # noqa: PLW0108 - made only when asked for
    "/bzip2": serve(zip_bytes(inside(COMPLETE), zipfile.ZIP_BZIP2)),
}


@pytest.fixture(scope="module")
def running_server() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.closing.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def server(running_server: Server) -> Server:
    running_server.seen.clear()
    return running_server


@pytest.fixture(autouse=True)
def quiet_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy, no inherited MOVIELENS, and the small files in place of the real ones."""
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "*")
    monkeypatch.delenv("MOVIELENS", raising=False)
    monkeypatch.setattr(script, "CHECKSUMS", CHECKSUMS)


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """A target that already holds an outdated file and one that is none of ours."""
    return write_files(tmp_path / "target", EARLIER)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_files(tmp_path / "source", COMPLETE)


def write_files(folder: Path, files: Mapping[str, bytes]) -> Path:
    folder.mkdir()
    for name, body in files.items():
        (folder / name).write_bytes(body)
    return folder


def content(folder: Path) -> dict[str, bytes]:
    """Every file below folder, hidden ones and those in sub-folders included."""
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def run(*args: object, **kwargs: Any) -> Result:
    return CliRunner().invoke(script.main, [str(arg) for arg in args], **kwargs)


def assert_refused(result: Result, target: Path, *expected: str) -> None:
    """Exit code 1, one message with a next step, and a target as it was, without a temp folder."""
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("Error: ")
    assert "MOVIELENS=PATH" in result.stderr and "Traceback" not in result.stderr
    for part in expected:
        assert part in result.stderr
    assert content(target) == EARLIER
    assert sorted(path.name for path in target.iterdir()) == sorted(EARLIER)


def test_download_places_the_verified_files_and_tells_the_licence(
    server: Server, target: Path
) -> None:
    result = run("--url", server.url("/good.zip"), "--into", target)
    assert (result.exit_code, result.stderr) == (0, "")
    assert content(target) == {**EARLIER, **COMPLETE}
    for part in ("fetched and verified", "research", "commercial use", "Harper & Konstan 2015"):
        assert part in result.stdout
    assert "README.txt" in result.stdout and script.HOMEPAGE in result.stdout


@pytest.mark.parametrize("path", ["/moved", "/no-length"])
def test_redirects_and_bodies_without_a_length_are_fine(
    server: Server, target: Path, path: str
) -> None:
    assert run("--url", server.url(path), "--into", target).exit_code == 0
    assert content(target) == {**EARLIER, **COMPLETE}


def test_a_missing_target_folder_is_made(server: Server, tmp_path: Path) -> None:
    assert run("--url", server.url("/good.zip"), "--into", tmp_path / "a" / "b").exit_code == 0
    assert content(tmp_path) == {f"a/b/{name}": body for name, body in COMPLETE.items()}


def test_a_failed_run_removes_the_target_folders_it_made(server: Server, tmp_path: Path) -> None:
    assert run("--url", server.url("/404"), "--into", tmp_path / "a" / "b").exit_code == 1
    assert list(tmp_path.iterdir()) == []


def test_a_second_run_asks_nobody_and_says_so(server: Server, target: Path) -> None:
    run("--url", server.url("/good.zip"), "--into", target)
    result = run("--url", server.url("/good.zip"), "--into", target)
    assert (result.exit_code, result.stderr) == (0, "")
    assert "already complete and verified" in result.stdout
    assert server.seen == ["/good.zip"]


def test_a_damaged_file_in_the_target_is_fetched_again(server: Server, target: Path) -> None:
    run("--url", server.url("/good.zip"), "--into", target)
    (target / "ratings.csv").write_bytes(FILES["ratings.csv"][:-1])
    result = run("--url", server.url("/good.zip"), "--into", target)
    assert "fetched and verified" in result.stdout
    assert content(target) == {**EARLIER, **COMPLETE}


def test_leftovers_of_a_killed_run_are_removed_at_the_next_start(
    server: Server, target: Path
) -> None:
    write_files(target / f"{script.TEMP_PREFIX}killed", {"download.zip": b"half"})
    assert_refused(run("--url", server.url("/404"), "--into", target), target)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/404", "expected status 200, found 404 Not Found"),
        ("/503", "expected status 200, found 503 Service Unavailable"),
        ("/loop", "expected status 200, found 302"),
        ("/not-http", "SSH-2.0-OpenSSH_9.6"),
        ("/cut-short", f"closed the connection early: expected {len(GOOD_ZIP):,} bytes, found 100"),
        ("/huge", "too large: expected at most 16,777,216 bytes, found 1,000,000,000,000"),
        ("/endless", "too large: expected at most 16,777,216 bytes, found 16,"),
        ("/page", "is not a readable zip"),
        ("/empty", "is not a readable zip"),
        ("/damaged", "is not a readable zip"),
        ("/bad-offset", "is not a readable zip"),
        ("/dotdot", "member 'ml-latest-small/../../evil': expected a path inside the zip"),
        ("/absolute", "member '/tmp/evil': expected a path inside the zip"),
        ("/backslash", "evil': expected a path inside the zip"),
        ("/drive", "member 'C:evil': expected a path inside the zip"),
        ("/bomb", "movies.csv': expected at most 67,108,864 bytes, found 67,108,865"),
        ("/bzip2", "expected compression 0 or 8, found 12"),
        ("/no-tags", f"tags.csv: expected SHA-256 {CHECKSUMS['tags.csv']}, found no such file"),
        (
            "/wrong-bytes",
            f"ratings.csv: expected SHA-256 {CHECKSUMS['ratings.csv']}, found {CHANGED}",
        ),
    ],
)
def test_a_bad_answer_is_explained_and_changes_nothing(
    server: Server, target: Path, path: str, expected: str
) -> None:
    result = run("--url", server.url(path), "--into", target)
    assert_refused(result, target, server.url(path), expected)
    assert sorted(path.name for path in target.parent.iterdir()) == ["target"]  # nothing outside


@pytest.mark.parametrize("path", ["/silent", "/stalled"])
def test_a_server_that_stops_answering_is_given_up(
    server: Server, target: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr(script, "TIMEOUT_S", 0.2)
    result = run("--url", server.url(path), "--into", target)
    assert_refused(result, target, server.url(path), "no answer within 0.2 s")


def test_a_server_that_drips_is_given_up_at_the_deadline(
    server: Server, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(script, "TIMEOUT_S", 0.5)
    monkeypatch.setattr(script, "DEADLINE_TIMEOUTS", 1)
    result = run("--url", server.url("/dripping"), "--into", target)
    assert_refused(result, target, "too slow: not done after 0.5 s")


def test_a_refused_connection_is_explained(target: Path) -> None:
    with Server() as closed:
        url = closed.url("/good.zip")
    assert_refused(run("--url", url, "--into", target), target, url, "refused")


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/x.zip", "file:///etc/passwd", "good.zip"])
def test_only_http_addresses_are_downloaded(target: Path, url: str) -> None:
    assert_refused(run("--url", url, "--into", target), target, f"{url!r}: expected an http://")


@pytest.mark.parametrize("url", ["http://[::1", "http://a b/", "http://127.0.0.1:port/", "http://"])
def test_a_malformed_address_is_explained(target: Path, url: str) -> None:
    assert_refused(run("--url", url, "--into", target), target, f"Cannot download {url}: ")


def test_a_terminal_sees_the_bytes_arrive(
    server: Server, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = io.StringIO()
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stderr", terminal)
    assert script.fetch(target, url=server.url("/no-length"), checksums=CHECKSUMS)
    assert script.fetch(target, url=server.url("/good.zip"), checksums=CHECKSUMS) is False
    assert "ml-latest-small.zip: " in terminal.getvalue() and "B/s" in terminal.getvalue()


def test_a_local_folder_is_copied_and_not_altered(folder: Path, target: Path) -> None:
    result = run("--from", folder, "--into", target)
    assert (result.exit_code, result.stderr) == (0, "")
    assert content(target) == {**EARLIER, **COMPLETE}
    assert content(folder) == COMPLETE


@pytest.mark.parametrize("members", [inside(COMPLETE), COMPLETE], ids=["in a folder", "bare"])
def test_a_local_zip_is_unpacked_and_not_altered(
    tmp_path: Path, target: Path, members: dict[str, bytes]
) -> None:
    archive = tmp_path / "ml.zip"
    given = zip_bytes(members)  # holds the time of day
    archive.write_bytes(given)
    assert run("--from", archive, "--into", target).exit_code == 0
    assert content(target) == {**EARLIER, **COMPLETE}
    assert archive.read_bytes() == given


def test_a_source_without_the_licence_text_is_enough(folder: Path, target: Path) -> None:
    (folder / "README.txt").unlink()
    assert run("--from", folder, "--into", target).exit_code == 0
    assert content(target) == {**EARLIER, **FILES}


def test_the_environment_names_the_local_source(folder: Path, target: Path) -> None:
    assert run("--into", target, env={"MOVIELENS": str(folder)}).exit_code == 0
    assert content(target) == {**EARLIER, **COMPLETE}


@pytest.mark.parametrize("args", [[], ["--from", ""]], ids=["environment", "option"])
def test_an_empty_path_means_download(server: Server, target: Path, args: list[str]) -> None:
    arguments = [*args, "--url", server.url("/good.zip"), "--into", target]
    assert run(*arguments, env={"MOVIELENS": ""}).exit_code == 0
    assert server.seen == ["/good.zip"]


def test_a_source_that_is_not_there_is_explained(tmp_path: Path, target: Path) -> None:
    missing = tmp_path / "missing"
    result = run("--from", missing, "--into", target)
    assert_refused(result, target, f"{missing}: expected a folder or a zip, found neither")


def test_a_source_file_that_is_no_zip_is_explained(folder: Path, target: Path) -> None:
    result = run("--from", folder / "movies.csv", "--into", target)
    assert_refused(result, target, f"{folder / 'movies.csv'} is not a readable zip")


def test_every_bad_file_of_a_source_is_named(folder: Path, target: Path) -> None:
    (folder / "ratings.csv").write_bytes(b"changed")
    (folder / "links.csv").unlink()
    result = run("--from", folder, "--into", target)
    assert_refused(
        result,
        target,
        f"{folder} is not the data set:",
        f"ratings.csv: expected SHA-256 {CHECKSUMS['ratings.csv']}, found {CHANGED}",
        f"links.csv: expected SHA-256 {CHECKSUMS['links.csv']}, found no such file",
    )
    assert "movies.csv:" not in result.stderr


def test_a_larger_data_set_is_refused_before_it_is_copied(
    folder: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(script, "MAX_FILE_BYTES", 40)
    result = run("--from", folder, "--into", target)
    n_bytes = len(FILES["movies.csv"])
    assert_refused(result, target, f"movies.csv: expected at most 40 bytes, found {n_bytes}")


@pytest.mark.parametrize("failure", [OSError("disk trouble"), KeyboardInterrupt()])
def test_a_failure_between_two_moves_puts_the_earlier_files_back(
    folder: Path, target: Path, monkeypatch: pytest.MonkeyPatch, failure: BaseException
) -> None:
    moves: list[Path] = []

    def replace_twice(source: Path, destination: Path) -> None:
        moves.append(destination)
        if len(moves) == 3:
            raise failure
        shutil.move(source, destination)

    monkeypatch.setattr(script.os, "replace", replace_twice)
    assert run("--from", folder, "--into", target).exit_code == 1
    assert content(target) == EARLIER
    assert len(moves) > 3  # the moves that put files back


def test_a_folder_in_the_place_of_a_file_is_explained(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "target" / "tags.csv").mkdir(parents=True)
    result = run("--from", folder, "--into", tmp_path / "target")
    assert result.exit_code == 1
    assert "Cannot place the data set in" in result.stderr and "tags.csv" in result.stderr
    assert list((tmp_path / "target").rglob("*")) == [tmp_path / "target" / "tags.csv"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_target_that_may_not_be_written_is_explained(folder: Path, target: Path) -> None:
    target.chmod(stat.S_IRUSR | stat.S_IXUSR)
    result = run("--from", folder, "--into", target)
    target.chmod(stat.S_IRWXU)
    assert result.exit_code == 1
    assert "Permission denied" in result.stderr
    assert content(target) == EARLIER


@pytest.mark.parametrize("args", [["--unknown"], ["extra"], ["--into", str(SCRIPT)]])
def test_wrong_usage_has_its_own_exit_code(args: list[str]) -> None:
    assert run(*args).exit_code == 2


@pytest.fixture
def interruptible() -> Iterator[None]:
    """SIGINT reaches a child even where the shell that started the tests ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_interrupting_a_download_leaves_nothing_behind(server: Server, target: Path) -> None:
    command = [sys.executable, str(SCRIPT), "--url", server.url("/stalled"), "--into", str(target)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        give_up = time.monotonic() + 5
        while not list(target.glob(f"{script.TEMP_PREFIX}*/download.zip")):
            assert process.poll() is None
            assert time.monotonic() < give_up
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=5)
    assert process.returncode == 1
    assert "Traceback" not in stderr
    assert content(target) == EARLIER
    assert sorted(path.name for path in target.iterdir()) == sorted(EARLIER)


@pytest.mark.skipif(
    not REAL_DATA,
    reason="set MOVIELENS to the ml-latest-small folder (make data MOVIELENS=PATH)",
)
def test_the_real_data_set_passes_with_the_real_checksums(tmp_path: Path) -> None:
    command = [
        sys.executable,
        str(SCRIPT),
        "--from",
        str(REAL_DATA),
        "--into",
        str(tmp_path / "ml"),
    ]
    first = subprocess.run(command, capture_output=True, text=True, check=True)
    second = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "fetched and verified" in first.stdout
    assert "already complete and verified" in second.stdout
    assert (tmp_path / "ml" / "movies.csv").read_bytes().startswith(b"movieId,title,genres\r\n1,")
