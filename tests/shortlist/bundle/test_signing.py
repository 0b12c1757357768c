"""Versions signed by their builder, and taken by those who trust that builder alone."""

from __future__ import annotations

import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

import shortlist
from indexing.job import build
from indexing.versions import list_versions, roll_back, verify
from shortlist.bundle.reader import open_bundle
from shortlist.bundle.signing import make_key, read_private_key, read_trusted_keys, sign
from shortlist.bundle.store import ArtifactStore
from shortlist.engine.snapshot import load_snapshot
from shortlist.errors import BundleCorrupt, BundleUntrusted, SigningError
from tests.catalogues import with_another_rating
from tests.publishing import OPTIONS, reseal


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A private key; the public one lies beside it."""
    path = tmp_path_factory.mktemp("keys") / "signing.key"
    make_key(path)
    return path


@pytest.fixture(scope="module")
def other_key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Somebody else's private key."""
    path = tmp_path_factory.mktemp("keys") / "other.key"
    make_key(path)
    return path


@pytest.fixture
def signed(live_folder: Path, key: Path) -> Path:
    """A version that is signed with `key`."""
    sign(live_folder, read_private_key(key))
    return live_folder


def public(*keys: Path) -> list[str]:
    return [f"{key}.pub" for key in keys]


def test_the_private_key_is_its_owners_alone(key: Path) -> None:
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert key.read_text().startswith("-----BEGIN PRIVATE KEY-----\n")
    assert Path(f"{key}.pub").read_text().startswith("-----BEGIN PUBLIC KEY-----\n")


def test_no_key_is_written_over_another(key: Path) -> None:
    before = key.read_bytes()
    with pytest.raises(SigningError, match=r"signing\.key: cannot be used as a key: .*exists"):
        make_key(key)
    assert key.read_bytes() == before


def test_what_a_trusted_key_signed_is_taken(signed: Path, key: Path, other_key: Path) -> None:
    keys = read_trusted_keys(public(other_key, key))
    assert open_bundle(signed, trusted_keys=keys).n_items == 3
    assert (signed / "manifest.sig").stat().st_size == 64


def test_the_text_between_the_marks_of_a_public_key_will_do(signed: Path, key: Path) -> None:
    _, text, _ = Path(f"{key}.pub").read_text().splitlines()
    assert open_bundle(signed, trusted_keys=read_trusted_keys([text])).n_items == 3


def test_what_is_not_signed_is_refused_where_keys_are_trusted(live_folder: Path, key: Path) -> None:
    assert open_bundle(live_folder).n_items == 3
    with pytest.raises(BundleUntrusted, match=r"^manifest\.sig: .*the version is not signed"):
        open_bundle(live_folder, trusted_keys=read_trusted_keys(public(key)))


def test_what_another_key_signed_is_refused(signed: Path, other_key: Path) -> None:
    with pytest.raises(BundleUntrusted, match=r"^manifest\.sig: no trusted key has signed"):
        open_bundle(signed, trusted_keys=read_trusted_keys(public(other_key)))


def test_a_manifest_that_was_changed_and_named_again_is_refused(signed: Path, key: Path) -> None:
    changed = reseal(signed, change=lambda manifest: manifest["catalog"].update(name="other"))
    assert open_bundle(changed).manifest.catalog.name == "other"
    with pytest.raises(BundleUntrusted, match=r"no trusted key has signed"):
        open_bundle(changed, trusted_keys=read_trusted_keys(public(key)))


@pytest.mark.parametrize("content", [b"", b"x" * 64, b"x" * 1_000_000])
def test_a_signature_that_is_none_is_refused(signed: Path, key: Path, content: bytes) -> None:
    (signed / "manifest.sig").unlink()
    (signed / "manifest.sig").write_bytes(content)
    with pytest.raises(BundleUntrusted, match=r"no trusted key has signed"):
        open_bundle(signed, trusted_keys=read_trusted_keys(public(key)))


def test_a_signature_that_is_a_link_is_refused(signed: Path, key: Path, tmp_path: Path) -> None:
    path = signed / "manifest.sig"
    path.symlink_to(path.rename(tmp_path / "elsewhere"))
    with pytest.raises(BundleCorrupt, match=r"^manifest\.sig: a symbolic link"):
        open_bundle(signed, trusted_keys=read_trusted_keys(public(key)))


def test_a_build_signs_and_what_it_signed_lives_like_any_version(
    toys: Path, live: Path, key: Path, tmp_path: Path
) -> None:
    store = ArtifactStore(live)
    unsigned = store.current()
    version = build(toys, live, signing_key=key).version
    assert stat.S_IMODE((store.folder(version) / "manifest.sig").stat().st_mode) == 0o444
    assert verify(store, None, trusted_keys=public(key)) == version
    assert roll_back(store, None) == (version, unsigned)
    with pytest.raises(BundleUntrusted):
        verify(store, None, trusted_keys=public(key))
    with pytest.raises(BundleUntrusted):
        shortlist.open(live, trusted_keys=public(key))
    assert roll_back(store, version) == (unsigned, version)
    assert len(shortlist.open(live, precision="f32", trusted_keys=public(key))) == 3
    assert [row.problem for row in list_versions(store)] == [None, None]
    build(with_another_rating(toys, tmp_path / "again"), live)
    with store.lock():
        assert store.prune(0) == [unsigned]
    with store.lock():
        store.rollback(str(store.previous()))
    assert not (live / str(unsigned)).exists()


def test_a_snapshot_takes_only_what_its_options_trust(signed: Path, key: Path) -> None:
    from dataclasses import replace

    trusting = replace(OPTIONS, trusted_keys=read_trusted_keys(public(key)))
    assert load_snapshot(signed, trusting).bundle.n_items == 3
    (signed / "manifest.sig").unlink()
    with pytest.raises(BundleUntrusted):
        load_snapshot(signed, trusting)


@pytest.mark.parametrize(
    "text", ["/nowhere/signing.key.pub", "AAAA", "", "MCowBQYDK2VuAyEA" + "A" * 43 + "="]
)
def test_what_is_no_public_key_is_named(text: str) -> None:
    with pytest.raises(SigningError, match=r"cannot be used as a key|expected an Ed25519 key"):
        read_trusted_keys([text])


def test_a_key_of_another_kind_is_refused(tmp_path: Path, key: Path) -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed")
    command = [openssl, "genpkey", "-algorithm", "x25519", "-out", str(tmp_path / "x.key")]
    subprocess.run(command, check=True, capture_output=True)
    with pytest.raises(SigningError, match=r"x\.key: expected an Ed25519 key, found X25519"):
        read_private_key(tmp_path / "x.key")
    with pytest.raises(SigningError, match=r"signing\.key\.pub: cannot be used as a key"):
        read_private_key(Path(f"{key}.pub"))


def test_nothing_of_it_is_loaded_without_a_key(live_folder: Path) -> None:
    program = (
        "import sys\nfrom pathlib import Path\nfrom shortlist.bundle.reader import open_bundle\n"
        "from shortlist.bundle import signing\n"
        "print(open_bundle(Path(sys.argv[1])).n_items, 'cryptography' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(live_folder)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        cwd=Path(shortlist.__file__).parents[1],
    )
    assert done.stdout == "3 False\n"


def test_a_host_without_the_library_is_told_what_to_install(
    key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [one for one in sys.modules if one.split(".")[0] == "cryptography"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "cryptography", None)
    with pytest.raises(SigningError, match=r"install shortlist\[signing\]"):
        read_trusted_keys(public(key))
