"""The wheel in a fresh environment: it has all its files, builds the sample and answers."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.serving import Private, Serve

SOURCES = ("setup.cfg", "setup.py", "pyproject.toml", "README.md", "LICENSE")
PACKAGES = ("shortlist", "indexing", "service")


def run(*command: object, folder: Path, environment: dict[str, str]) -> tuple[str, str]:
    """What a command prints on stdout and stderr."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout, done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory, repository: Path) -> Path:
    """The wheel, built from a copy without the network."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in SOURCES:
        shutil.copy2(repository / name, folder / name)
    for name in PACKAGES:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(repository / name, folder / name, ignore=ignored)
    offline = ("--no-deps", "--no-build-isolation", "--no-index", "--quiet")
    pip = (sys.executable, "-m", "pip", "wheel", *offline, "--wheel-dir", folder / "dist", folder)
    run(*pip, folder=folder, environment=dict(os.environ))
    (built,) = (folder / "dist").glob("*.whl")
    return built


@dataclass
class Installed:
    """An environment in which the wheel is installed, and a user who has nothing else."""

    programs: Path
    folder: Path
    environment: dict[str, str]

    def run(self, *arguments: object) -> tuple[str, str]:
        """What the command `shortlist` prints on stdout and stderr."""
        command = (self.programs / "shortlist", *arguments)
        return run(*command, folder=self.folder, environment=self.environment)


@pytest.fixture
def installed(wheel: Path, tmp_path: Path) -> Installed:
    """The wheel in an environment that takes its dependencies, and only those, from this one.

    A path in a .pth file is searched for packages but for no further .pth file: so what is
    installed here in editable mode is not found there.
    """
    target, private = tmp_path / "venv", Private.below(tmp_path)
    venv.create(target, symlinks=True)
    pip = (sys.executable, "-m", "pip", "--python", target / "bin/python", "install")
    offline = ("--no-deps", "--no-index", "--quiet", wheel)
    run(*pip, *offline, folder=tmp_path, environment=dict(os.environ))
    (packages,) = (target / "lib").glob("python*/site-packages")
    (packages / "dependencies.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    environment = {**private.environment(tmp_path), "PYTHONPATH": "", "HF_HUB_OFFLINE": "1"}
    return Installed(target / "bin", tmp_path, environment)


def test_the_wheel_has_every_file_of_the_packages_and_nothing_else(
    wheel: Path, repository: Path
) -> None:
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert names == {
        path.relative_to(repository).as_posix()
        for package in PACKAGES
        for path in (repository / package).rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    assert {"shortlist/py.typed", "service/templates/search.html", "service/static/search.js"} <= (
        names
    )


def test_a_fresh_environment_builds_the_sample_and_answers(
    installed: Installed, serve: Serve, repository: Path, tmp_path: Path
) -> None:
    shutil.copytree(repository / "data/sample", tmp_path / "sample")
    assert re.fullmatch(r"shortlist \d+\.\d+\.\d+\n", installed.run("--version")[0])
    found, _ = run(
        installed.programs / "python", "-c", "import shortlist; print(shortlist.__file__)",
        folder=tmp_path, environment=installed.environment,
    )  # fmt: skip
    assert Path(found).is_relative_to(installed.programs.parent)

    where = ("--catalog", "sample/catalog.toml", "--artifacts", "artifacts")
    out, told = installed.run("build", *where, "--precision", "f32")
    published, following = out.splitlines()
    assert re.match(r"published \S+: 1350 items \(1350 encoded, ", published)
    assert following == "next: shortlist serve --artifacts artifacts"
    unknown = [line for line in told.splitlines() if not re.match(r" *\d+\.\d s  ", line)]
    assert [line.split(" ")[0] for line in unknown] == ["exporting", "export", "encoding"]

    service = serve(
        tmp_path / "artifacts",
        command=(str(installed.programs / "shortlist"), "serve"),
        environment={"PYTHONPATH": ""},
    ).ready()
    status, answer = service.get("/v1/search", q="a robot left alone on earth", k=1)
    assert (status, answer["results"][0]["title"]) == (200, "WALL·E (2008)")
    table = installed.run("versions", "--artifacts", "artifacts")[0]
    assert re.search(r"sample-films +1,350 .* yes$", table, flags=re.MULTILINE)
