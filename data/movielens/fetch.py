"""Fetch the MovieLens ml-latest-small data set, verified, into a folder (`make data`).

Everything is downloaded, unpacked and checked in a temporary folder inside the target and only
then moved into place, so no half-written or unverified file ever appears under its real name.
The script stands alone: it imports nothing from the project and carries its own error.
"""

import hashlib
import http.client
import os
import shutil
import struct
import sys
import tempfile
import time
import urllib.error
import urllib.request
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path, PureWindowsPath
from typing import IO, NoReturn

import click
from tqdm import tqdm

HOMEPAGE = "https://grouplens.org/datasets/movielens/"
URL = "https://files.grouplens.org/datasets/movielens/ml-latest-small.zip"
ZIP_FOLDER = "ml-latest-small"
README = "README.txt"
CHECKSUMS: Mapping[str, str] = {
    "movies.csv": "5a5f32dd9bb3797b8e728a1b98958789d2b13f294a69fdfbc5727f8a9611aa07",
    "ratings.csv": "aa289ca83157595d0df6aea1be6a4ded676ddc4385472e8313a8ed9805352646",
    "tags.csv": "92a9f8bb7916dceef6151209845788c3643f794dfa79d1feaec7121b5960399d",
    "links.csv": "97ad18e4e56a09363c65676b6cb3482ce3e2cea2372a24620c1599c843325f31",
}
TIMEOUT_S = 30.0
DEADLINE_TIMEOUTS = 20  # a whole download may take this many timeouts: 10 minutes
MAX_DOWNLOAD_BYTES = 16 * 2**20  # the real zip has 1 MB
MAX_FILE_BYTES = 64 * 2**20  # the largest real file, ratings.csv, has 2.5 MB
CHUNK_BYTES = 64 * 2**10
TEMP_PREFIX = ".fetching-"

LICENCE = f"""\
Licence: for research; no commercial use without permission; redistribute only under the same
conditions. Cite: Harper & Konstan 2015, The MovieLens Datasets, doi.org/10.1145/2827872.
The full text is in {README}; more at {HOMEPAGE}"""
RETRY = (
    f"Try again later, or download ml-latest-small.zip by hand from {HOMEPAGE} and run "
    "`make data MOVIELENS=PATH` with the path of that zip or of the folder unpacked from it."
)
REPOINT = (
    "Set MOVIELENS=PATH (or --from PATH) to the ml-latest-small folder or zip, "
    f"or leave it unset to download; the data set is at {HOMEPAGE}"
)
BROKEN_ZIP = (zipfile.BadZipFile, RuntimeError, ValueError, EOFError, struct.error, zlib.error)


class FetchError(Exception):
    """The data set could not be fetched; the message says why and what to do next."""


def fetch(
    target: Path,
    source: Path | None = None,
    *,
    url: str = URL,
    checksums: Mapping[str, str] = CHECKSUMS,
    timeout_s: float = TIMEOUT_S,
) -> bool:
    """True once every file is in target, verified; False when they all were there already.

    The files come from source, a folder or a zip that is only read, or from url when source is
    None. checksums maps each required file name to its SHA-256 in hexadecimal; README.txt is
    taken along when there is one. Raises FetchError and leaves target as it was otherwise.
    """
    try:
        _remove_leftovers(target)
        if _is_complete(target, checksums):
            return False
        with _workspace(target) as work:
            staged = work / "new"
            staged.mkdir()
            if source is None:
                _stage_download(url, staged, wanted=[*checksums, README], timeout_s=timeout_s)
            else:
                _stage_local(source, staged, wanted=[*checksums, README])
            _verify(staged, checksums, origin=source or url)
            _install(staged, target, backup=work / "old")
    except OSError as error:
        raise FetchError(
            f"Cannot place the data set in {target}: {error}. Check that the path, its "
            "permissions and its free space allow it, then run the same command again."
        ) from error
    return True


def _remove_leftovers(target: Path) -> None:
    for folder in target.glob(f"{TEMP_PREFIX}*"):
        shutil.rmtree(folder)


def _is_complete(target: Path, checksums: Mapping[str, str]) -> bool:
    return all(_sha256(target / name) == expected for name, expected in checksums.items())


def _sha256(path: Path) -> str | None:
    """The file's SHA-256 in hexadecimal; None when there is no such file."""
    if not path.is_file():
        return None
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _workspace(target: Path) -> Iterator[Path]:
    """A temporary folder in target, gone afterwards, as are folders made for a failed run."""
    made = [folder for folder in (target, *target.parents) if not folder.exists()]
    try:
        target.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=TEMP_PREFIX, dir=target) as work:
            yield Path(work)
    except BaseException:
        with suppress(OSError):  # what the caller needs to see is the first failure
            for folder in made:
                folder.rmdir()
        raise


def _stage_download(url: str, staged: Path, *, wanted: Iterable[str], timeout_s: float) -> None:
    archive = staged.with_name("download.zip")
    _download(url, archive, timeout_s=timeout_s)
    _unpack(archive, staged, wanted=wanted, origin=url, next_step=RETRY)


def _stage_local(source: Path, staged: Path, *, wanted: Iterable[str]) -> None:
    if source.is_dir():
        _copy(source, staged, wanted=wanted)
    elif source.is_file():
        _unpack(source, staged, wanted=wanted, origin=str(source), next_step=REPOINT)
    else:
        raise FetchError(f"{source}: expected a folder or a zip, found neither. {REPOINT}")


def _download(url: str, path: Path, *, timeout_s: float) -> None:
    if not url.lower().startswith(("http://", "https://")):
        raise FetchError(f"{url!r}: expected an http:// or https:// address. {RETRY}")
    with _network_errors(url, timeout_s):
        response = urllib.request.urlopen(url, timeout=timeout_s)
    with response, path.open("wb") as file, _progress(response.length) as bar:
        for chunk in _chunks(response, url=url, timeout_s=timeout_s):
            file.write(chunk)
            bar.update(len(chunk))


def _progress(n_bytes: int | None) -> "tqdm[NoReturn]":
    """A bar on stderr when that is a terminal, otherwise nothing."""
    return tqdm(
        total=n_bytes, desc="ml-latest-small.zip", unit="B", unit_scale=True,
        file=sys.stderr, disable=None,
    )  # fmt: skip


def _chunks(response: http.client.HTTPResponse, *, url: str, timeout_s: float) -> Iterator[bytes]:
    """The body in pieces; FetchError when it is too large, too slow or cut short."""
    announced, received = response.length, 0
    deadline_s = DEADLINE_TIMEOUTS * timeout_s
    started = time.monotonic()
    _check_download_size(url, announced or 0)
    while chunk := _read(response, url=url, timeout_s=timeout_s):
        received += len(chunk)
        _check_download_size(url, received)
        if time.monotonic() - started > deadline_s:
            raise FetchError(f"{url} is too slow: not done after {deadline_s:g} s. {RETRY}")
        yield chunk
    if announced is not None and received != announced:
        raise FetchError(
            f"{url} closed the connection early: expected {announced:,} bytes, "
            f"found {received:,}. {RETRY}"
        )


def _read(response: http.client.HTTPResponse, *, url: str, timeout_s: float) -> bytes:
    with _network_errors(url, timeout_s):
        # read1 returns what has arrived; read would wait for a full chunk, past the deadline.
        return response.read1(CHUNK_BYTES)


def _check_download_size(url: str, n_bytes: int) -> None:
    if n_bytes > MAX_DOWNLOAD_BYTES:
        raise FetchError(
            f"{url} is too large: expected at most {MAX_DOWNLOAD_BYTES:,} bytes, "
            f"found {n_bytes:,} or more. {RETRY}"
        )


@contextmanager
def _network_errors(url: str, timeout_s: float) -> Iterator[None]:
    """Turns whatever urllib raises inside the block into a FetchError about url."""
    try:
        yield
    except urllib.error.HTTPError as error:
        error.close()  # it holds the connection
        raise FetchError(
            f"{url}: expected status 200, found {error.code} {error.reason}. {RETRY}"
        ) from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = getattr(error, "reason", error)
        if isinstance(reason, TimeoutError):
            reason = f"no answer within {timeout_s:g} s"
        raise FetchError(f"Cannot download {url}: {reason or repr(error)}. {RETRY}") from error


def _unpack(
    archive: Path, staged: Path, *, wanted: Iterable[str], origin: str, next_step: str
) -> None:
    """Write the wanted members into staged under their bare names; absent ones are passed over."""
    try:
        with zipfile.ZipFile(archive) as opened:
            for member in opened.infolist():
                _check_member(member, origin=origin, next_step=next_step)
            for name, member in _wanted_members(opened, wanted):
                with opened.open(member) as stream:
                    _write(stream, staged / name)
    except BROKEN_ZIP as error:
        raise FetchError(f"{origin} is not a readable zip: {error}. {next_step}") from error


def _wanted_members(
    opened: zipfile.ZipFile, wanted: Iterable[str]
) -> Iterator[tuple[str, zipfile.ZipInfo]]:
    members = {member.filename: member for member in opened.infolist()}
    for name in wanted:
        member = members.get(f"{ZIP_FOLDER}/{name}") or members.get(name)
        if member is not None:
            yield name, member


def _check_member(member: zipfile.ZipInfo, *, origin: str, next_step: str) -> None:
    """FetchError for a member that points outside, is huge or is packed in an unusual way."""
    where = f"{origin}, member {member.filename!r}"
    path = PureWindowsPath(member.filename)  # sees /, \ and drive letters on every system
    if path.drive or path.root or ".." in path.parts:
        raise FetchError(f"{where}: expected a path inside the zip, refused all of it. {next_step}")
    _check_file_size(where, member.file_size, next_step=next_step)
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise FetchError(
            f"{where}: expected compression 0 or 8, found {member.compress_type}. {next_step}"
        )


def _check_file_size(where: str, n_bytes: int, *, next_step: str) -> None:
    if n_bytes > MAX_FILE_BYTES:
        raise FetchError(
            f"{where}: expected at most {MAX_FILE_BYTES:,} bytes, found {n_bytes:,}. {next_step}"
        )


def _copy(source: Path, staged: Path, *, wanted: Iterable[str]) -> None:
    for path in (source / name for name in wanted):
        if path.is_file():
            _check_file_size(str(path), path.stat().st_size, next_step=REPOINT)
            with path.open("rb") as stream:
                _write(stream, staged / path.name)


def _write(stream: IO[bytes], path: Path) -> None:
    with path.open("wb") as file:
        shutil.copyfileobj(stream, file)
        file.flush()
        os.fsync(file.fileno())


def _verify(staged: Path, checksums: Mapping[str, str], *, origin: Path | str) -> None:
    found = {name: _sha256(staged / name) for name in checksums}
    problems = [
        f"  {name}: expected SHA-256 {expected}, found {found[name] or 'no such file'}"
        for name, expected in checksums.items()
        if found[name] != expected
    ]
    if problems:
        next_step = REPOINT if isinstance(origin, Path) else RETRY
        raise FetchError("\n".join([f"{origin} is not the data set:", *problems, next_step]))


def _install(staged: Path, target: Path, *, backup: Path) -> None:
    """Move every staged file into target; on any failure put back what was there before."""
    names = [path.name for path in staged.iterdir()]
    present = {name for name in names if os.path.lexists(target / name)}
    backup.mkdir()
    for name in present:
        shutil.copy2(target / name, backup / name, follow_symlinks=False)
    try:
        for name in names:
            (staged / name).replace(target / name)
    except BaseException:
        for name in names:
            with suppress(OSError):  # restore the others; the first failure is what is raised
                if name in present:
                    (backup / name).replace(target / name)
                else:
                    (target / name).unlink(missing_ok=True)
        raise


@click.command()
@click.option(
    "--from", "source", metavar="PATH", envvar="MOVIELENS", show_envvar=True,
    help="Use this local ml-latest-small folder or zip instead of downloading.",
)  # fmt: skip
@click.option("--url", default=URL, show_default=True, help="Where to download the zip.")
@click.option(
    "--into", "target", metavar="DIR", type=click.Path(file_okay=False, path_type=Path),
    default=Path(__file__).resolve().parent, show_default="the folder of this script",
    help="Where the files go.",
)  # fmt: skip
def main(source: str | None, url: str, target: Path) -> None:
    """Fetch the MovieLens ml-latest-small data set and verify it, unless it is there already."""
    path = Path(source).expanduser() if source else None  # an empty PATH means download
    try:
        fetched = fetch(target, path, url=url, checksums=CHECKSUMS, timeout_s=TIMEOUT_S)
    except FetchError as error:
        raise click.ClickException(str(error)) from error
    if fetched:
        click.echo(f"{target}: {', '.join(CHECKSUMS)} fetched and verified.\n{LICENCE}")
    else:
        click.echo(f"{target}: already complete and verified, nothing to do.")


if __name__ == "__main__":
    main()
