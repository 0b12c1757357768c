"""What setup.cfg declares is what the code imports, and its ranges hold what is tested."""

from __future__ import annotations

import configparser
import re
import sys
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.test_architecture import FLASK, ROOMS, SERVE, imports_of, modules_of, run_fresh

Declared = dict[str, list[Requirement]]


@pytest.fixture(scope="module")
def declared(repository: Path) -> Declared:
    """The requirements of serving, and of each extra."""
    settings = configparser.ConfigParser()
    settings.read(repository / "setup.cfg")
    texts = dict(settings["options.extras_require"])
    texts["serving"] = settings["options"]["install_requires"]
    return {name: [Requirement(line) for line in text.split()] for name, text in texts.items()}


def names(requirements: Iterable[Requirement]) -> set[str]:
    return {canonicalize_name(one.name) for one in requirements}


def closure(requirements: Iterable[Requirement]) -> set[str]:
    """All that these bring with them, in this environment and without extras."""
    found: set[str] = set()
    waiting = list(names(requirements))
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            needed = [Requirement(line) for line in metadata.requires(name) or ()]
            waiting += names(
                one for one in needed if not one.marker or one.marker.evaluate({"extra": ""})
            )
    return found


def distributions_of(modules: Iterable[str]) -> set[str]:
    """The installed distributions that these modules belong to, without the project's own."""
    known = metadata.packages_distributions()
    tops = {module.split(".")[0] for module in modules} - sys.stdlib_module_names - set(ROOMS)
    found = {canonicalize_name(name) for top in tops for name in known.get(top, ())}
    return found - {"shortlist"}


WITHOUT = """
import sys

class Missing:
    def find_spec(name, *_):
        if name in {missing!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Missing)
"""


def test_a_plain_install_serves(
    declared: Declared, sample_artifacts: Path, repository: Path
) -> None:
    """Where nothing can be imported but what the requirements of serving bring with them."""
    brought = closure(declared["serving"])
    missing = {
        module
        for module, owners in metadata.packages_distributions().items()
        if not brought & {canonicalize_name(owner) for owner in owners} and module not in ROOMS
    }
    assert {"pandas", "torch", "transformers", "setuptools"} <= missing
    script = WITHOUT.format(missing=missing) + SERVE
    assert run_fresh(script, sample_artifacts, repository=repository)["results"] == 1


@pytest.mark.parametrize(
    ("packages", "extras"),
    [
        (("shortlist", "service"), {"signing", "events", "s3", "milvus"}),
        (("indexing",), {"evaluation", "databases", "dask", "milvus"}),
    ],
)
def test_every_package_that_is_imported_is_declared(
    declared: Declared, repository: Path, packages: tuple[str, ...], extras: set[str]
) -> None:
    """But for Flask's parts, which come with it and are its interface too."""
    imported = {
        one.target
        for module, path in modules_of(repository).items()
        if module.split(".")[0] in packages
        for one in imports_of(module, path.read_text(), is_package=path.stem == "__init__")
    }
    outside = {name for name in imported if name.split(".")[0] not in FLASK}
    allowed = names(one for extra in {"serving", *extras} for one in declared[extra])
    assert distributions_of(outside) <= allowed


@pytest.mark.parametrize(
    "extra", ["serving", "s3", "signing", "events", "dask", "indexing", "databases", "evaluation"]
)
def test_every_range_begins_at_the_tested_minor_version_and_ends_before_the_next_major(
    declared: Declared, repository: Path, extra: str
) -> None:
    lines = (repository / ".ci/constraints.txt").read_text().splitlines()
    pins = {canonicalize_name(name): at for name, at in (one.split("==") for one in lines[1:])}
    for one in declared[extra]:
        major, minor, *_ = pins[canonicalize_name(one.name)].split(".")
        assert str(one.specifier) == f"<{int(major) + 1},>={major}.{minor}", one.name


def test_every_constraint_is_an_exact_version(repository: Path) -> None:
    comment, *lines = (repository / ".ci/constraints.txt").read_text().splitlines()
    assert comment.startswith("# Exact versions")
    assert [line for line in lines if not re.fullmatch(r"[\w.-]+==[\d.]+", line)] == []
