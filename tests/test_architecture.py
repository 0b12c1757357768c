"""What may import what, how large a module may grow, and what may not be loaded at run time."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOMS = ("shortlist", "indexing", "service")
MOST_LINES = 300
NOT_A_CONCEPT = {"utils", "util", "common", "helpers", "helper", "misc"}

LAYERS = (
    "shortlist.errors",
    "shortlist.encoder",
    "shortlist.bundle",
    "shortlist.engine",
    "shortlist.events",
)
"""The core from the bottom up; the public face stands above them."""

PROGRAMS = ("indexing", "service")
EXPORT = ("indexing.export",)
FLASK = ("flask", "werkzeug", "jinja2")
DATABASES = ("sqlalchemy", "alembic", "psycopg")
DASK = ("dask", "distributed")
MILVUS = ("pymilvus", "milvus", "milvus_lite", "grpc")
MILVUS_ROOMS = ("shortlist.engine.remote.server", "shortlist.engine.remote.collection",
                "indexing.collecting")  # fmt: skip
TORCH = ("torch", "transformers", "sentence_transformers")


@dataclass(frozen=True)
class Import:
    """One name that a module imports; `lazy` when only a function or a type checker does."""

    importer: str
    target: str
    line: int
    lazy: bool

    def __str__(self) -> str:
        return f"{self.importer}:{self.line} imports {self.target}"


def inside(name: str, packages: Iterable[str]) -> bool:
    """Whether a dotted name is one of these packages or lies in one."""
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def imports_of(module: str, source: str, *, is_package: bool = False) -> list[Import]:
    """Every import of a module, wherever it stands in it."""
    package = module if is_package else module.rpartition(".")[0]
    return [
        Import(module, target, getattr(node, "lineno", 0), lazy)
        for node, lazy in nodes_of(ast.parse(source))
        for target in targets_of(node, package)
    ]


def nodes_of(tree: ast.AST, *, lazy: bool = False) -> Iterator[tuple[ast.AST, bool]]:
    """Every node, and whether it stands in a function or below `if TYPE_CHECKING`."""
    for node in ast.iter_child_nodes(tree):
        yield node, lazy
        later = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) or (
            isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
        )
        yield from nodes_of(node, lazy=lazy or later)


def targets_of(node: ast.AST, package: str) -> list[str]:
    """The dotted names that a node imports: a statement, or a call with a literal name."""
    match node:
        case ast.Import(names=names):
            return [alias.name for alias in names]
        case ast.ImportFrom(module=module, names=names, level=level):
            base = package.split(".")[: len(package.split(".")) - level + 1] if level else []
            whole = ".".join([*base, *([module] if module else [])])
            return [f"{whole}.{alias.name}" for alias in names]
        case ast.Call(func=function, args=[ast.Constant(value=str(name)), *_]):
            called = ast.unparse(function)
            return [name] if called.split(".")[-1] in {"import_module", "__import__"} else []
    return []


def modules_of(root: Path) -> dict[str, Path]:
    """Every module of the two programs, by its dotted name."""
    found = {}
    for room in ROOMS:
        for path in sorted((root / room).rglob("*.py")):
            parts = path.relative_to(root).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@pytest.fixture(scope="module")
def modules(repository: Path) -> dict[str, Path]:
    """Every module of the two programs, by its dotted name."""
    return modules_of(repository)


@pytest.fixture(scope="module")
def imports(modules: dict[str, Path]) -> list[Import]:
    """Every import of the two programs."""
    return [
        found
        for module, path in modules.items()
        for found in imports_of(module, path.read_text(), is_package=path.stem == "__init__")
    ]


def program_of(name: str) -> str | None:
    """The program a dotted name belongs to, None for the core and for other packages."""
    return next((program for program in PROGRAMS if inside(name, [program])), None)


def turns_back(one: Import) -> bool:
    """The core knows no program, and no program knows the other."""
    to = program_of(one.target)
    return to is not None and to != program_of(one.importer)


def climbs(one: Import) -> bool:
    """Inside the core: errors < encoder < bundle < engine < events."""
    places = [
        next((n for n, layer in enumerate(LAYERS) if inside(name, [layer])), None)
        for name in (one.importer, one.target)
    ]
    importer, target = places
    if not inside(one.target, ["shortlist"]) or importer is None:
        return False
    return target is None or target > importer


def speaks_http(one: Import) -> bool:
    """Flask appears only in the service."""
    return inside(one.target, FLASK) and not inside(one.importer, ["service"])


def loads_torch(one: Import) -> bool:
    """Only the export imports torch, and lazily."""
    return inside(one.target, TORCH) and not (inside(one.importer, EXPORT) and one.lazy)


def loads_pandas(one: Import) -> bool:
    """Pandas belongs to the offline job."""
    return inside(one.target, ["pandas"]) and not inside(one.importer, ["indexing"])


def loads_databases(one: Import) -> bool:
    """The libraries of databases belong to the events."""
    return inside(one.target, DATABASES) and not inside(one.importer, ["shortlist.events"])


def loads_dask(one: Import) -> bool:
    """Dask belongs to the one module that speaks to a cluster."""
    return inside(one.target, DASK) and one.importer != "indexing.dask_chunks"


def loads_milvus(one: Import) -> bool:
    """Only what speaks with Milvus imports its client, and lazily."""
    return inside(one.target, MILVUS) and not (inside(one.importer, MILVUS_ROOMS) and one.lazy)


Rule = Callable[[Import], bool]
RULES: list[Rule] = [
    turns_back,
    climbs,
    speaks_http,
    loads_torch,
    loads_pandas,
    loads_databases,
    loads_dask,
    loads_milvus,
]


@pytest.mark.parametrize("rule", RULES)
def test_no_import_breaks_the_rule(rule: Rule, imports: list[Import]) -> None:
    assert [str(one) for one in imports if rule(one)] == [], rule.__doc__


@pytest.mark.parametrize(
    ("rule", "module", "source"),
    [
        (turns_back, "shortlist.engine", "from indexing.job import build"),
        (turns_back, "shortlist", "from service import app"),
        (turns_back, "service.api", "from indexing import catalog"),
        (turns_back, "service.api", "import indexing.export"),
        (turns_back, "service.api", "def f():\n    from indexing.popularity import x"),
        (turns_back, "indexing.job", "from service.app import create_app"),
        (turns_back, "indexing.measure", "import service.requests"),
        (climbs, "shortlist.errors", "from shortlist.bundle import manifest"),
        (climbs, "shortlist.encoder.runtime", "import shortlist.bundle.layout"),
        (climbs, "shortlist.bundle.reader", "from shortlist.engine.query import Query"),
        (climbs, "shortlist.bundle.reader", "from shortlist import open"),
        (climbs, "shortlist.engine.search", "def f():\n    import shortlist"),
        (climbs, "shortlist.engine.search", "from shortlist.events.store import EventStore"),
        (loads_databases, "service.app", "from sqlalchemy import select"),
        (loads_databases, "indexing.job", "def f():\n    import psycopg"),
        (loads_dask, "indexing.workplace", "def f():\n    from distributed import Client"),
        (loads_dask, "indexing.dask_worker", "import dask.config"),
        (loads_milvus, "shortlist.engine.remote.server", "import pymilvus"),
        (loads_milvus, "shortlist.engine.pool", "def f():\n    from pymilvus import MilvusClient"),
        (speaks_http, "shortlist.engine", "import flask"),
        (speaks_http, "shortlist.engine.ranking", "def f():\n    import flask.json as j"),
        (speaks_http, "indexing.job", "from werkzeug.exceptions import NotFound"),
        (loads_torch, "indexing.export", "import torch"),
        (loads_torch, "shortlist.encoder.runtime", "def f():\n    import torch.nn"),
        (loads_torch, "indexing.job", "from sentence_transformers import SentenceTransformer"),
        (loads_torch, "shortlist.engine", "import importlib\nimportlib.import_module('torch')"),
        (loads_torch, "service.app", "try:\n    __import__('transformers')\nfinally: pass"),
        (loads_pandas, "shortlist.engine.snapshot", "import pandas as pd"),
        (loads_pandas, "service.api", "if 1:\n    from pandas import DataFrame"),
    ],
)
def test_a_planted_violation_is_found(rule: Rule, module: str, source: str) -> None:
    assert any(rule(one) for one in imports_of(module, source))


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("service.api", "from shortlist.bundle.manifest import Profile"),
        ("shortlist.engine", "from shortlist.encoder import runtime"),
        ("shortlist.bundle.store", "from shortlist.bundle.sections import titles"),
        ("shortlist", "from shortlist.engine.search import search"),
        ("indexing.gate.recall", "from shortlist.engine import search"),
        ("service.api", "import flask"),
        ("indexing.export", "def f():\n    import torch"),
        ("indexing.export", "if TYPE_CHECKING:\n    from transformers import AutoModel"),
        ("indexing.popularity", "import pandas"),
        ("shortlist.events.store", "from sqlalchemy import select"),
        ("shortlist.engine", "import flaskish, torchless, pandasonic, servicepart"),
        ("shortlist.engine", "x = 'import torch'  # import pandas"),
    ],
)
def test_what_is_allowed_is_not_taken_for_a_violation(module: str, source: str) -> None:
    assert not [one for one in imports_of(module, source) for rule in RULES if rule(one)]


def test_relative_imports_are_followed() -> None:
    source = "from . import parity\nfrom ..bundle import reader\nfrom .. import errors"
    targets = [one.target for one in imports_of("shortlist.encoder.runtime", source)]
    assert targets == ["shortlist.encoder.parity", "shortlist.bundle.reader", "shortlist.errors"]
    (inner,) = imports_of("shortlist.encoder", "from .parity import x", is_package=True)
    assert inner.target == "shortlist.encoder.parity.x"


def reached(start: str, imports: Iterable[Import], modules: Iterable[str]) -> set[str]:
    """All that a module imports, itself or through modules of the two programs."""
    known, by_importer = set(modules), dict[str, list[str]]()
    for one in imports:
        by_importer.setdefault(one.importer, []).append(one.target)
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            prefixes = [name.rsplit(".", n)[0] for n in range(1, name.count(".") + 1)]
            waiting += [prefix for prefix in prefixes if prefix in known]
            waiting += by_importer.get(name, [])
    return seen


@pytest.mark.parametrize(
    ("starts", "never"),
    [
        (("shortlist", "shortlist.engine"), (*FLASK, *TORCH, *DATABASES, "pandas")),
        (("indexing.documents", "indexing.popularity"), (*FLASK, *TORCH)),
        (("shortlist.engine.ranking",), (*FLASK, *TORCH)),
        (("service.__main__", "service.server", "service.app"), (*TORCH, "pandas")),
    ],
)
def test_nothing_forbidden_is_reached_by_a_detour(
    starts: tuple[str, ...],
    never: tuple[str, ...],
    imports: list[Import],
    modules: dict[str, Path],
) -> None:
    for start in starts:
        assert [name for name in reached(start, imports, modules) if inside(name, never)] == []


def test_a_planted_detour_is_found() -> None:
    sources = {
        "shortlist.engine.ranking": "from service.order import sort",
        "service.order": "from service.deep import index",
        "service.deep": "",
        "service.deep.index": "def f():\n    import faiss",
    }
    found = [one for module, source in sources.items() for one in imports_of(module, source)]
    assert "faiss" in reached("shortlist.engine.ranking", found, sources)
    assert "faiss" not in reached("shortlist.engine.ranking", found[:1], sources)


def too_long(modules: dict[str, Path]) -> list[str]:
    """Modules of more than 300 lines."""
    sizes = {module: len(path.read_text().splitlines()) for module, path in modules.items()}
    return [f"{module}: {size} lines" for module, size in sizes.items() if size > MOST_LINES]


def named_after_nothing(modules: Iterable[str]) -> list[str]:
    """Modules with a part of their name that names no concept."""
    return [module for module in modules if NOT_A_CONCEPT & set(module.split("."))]


def without_docstring(module: str, source: str) -> list[str]:
    """The module, public classes, functions and methods that lack a docstring."""
    tree = ast.parse(source)
    missing = [] if ast.get_docstring(tree) else [module]
    return missing + undescribed(tree, module)


def undescribed(parent: ast.Module | ast.ClassDef, name: str) -> list[str]:
    """Public definitions directly in a module or class, and in its public classes."""
    found = []
    for node in parent.body:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        if node.name.startswith("_"):
            continue
        if not ast.get_docstring(node):
            found.append(f"{name}.{node.name}")
        if isinstance(node, ast.ClassDef):
            found += undescribed(node, f"{name}.{node.name}")
    return found


def test_no_module_is_too_long(modules: dict[str, Path]) -> None:
    assert too_long(modules) == []


def test_every_module_is_named_after_a_concept(modules: dict[str, Path]) -> None:
    assert named_after_nothing(modules) == []


def test_everything_public_has_a_docstring(modules: dict[str, Path]) -> None:
    missing = [
        name
        for module, path in modules.items()
        for name in without_docstring(module, path.read_text())
    ]
    assert missing == []


def test_planted_untidiness_is_found(tmp_path: Path) -> None:
    (tmp_path / "indexing").mkdir()
    (tmp_path / "service" / "utils").mkdir(parents=True)
    (tmp_path / "indexing" / "long.py").write_text("x = 1\n" * 301)
    (tmp_path / "service" / "utils" / "__init__.py").write_text("x = 1\n" * 300)
    modules = modules_of(tmp_path)
    assert too_long(modules) == ["indexing.long: 301 lines"]
    assert named_after_nothing(modules) == ["service.utils"]
    source = '''
        class Shown:
            """Described."""

            def method(self): ...
            def _own(self): ...

        class _Own:
            def method(self): ...

        async def function(): ...
    '''
    assert without_docstring("m", textwrap.dedent(source)) == ["m", "m.Shown.method", "m.function"]


def test_both_programs_were_looked_at(modules: dict[str, Path], imports: list[Import]) -> None:
    assert {"shortlist", "indexing.job", "indexing.export", "service.app"} <= set(modules)
    found = {(one.importer, one.target) for one in imports}
    assert ("service.app", "flask.Flask") in found
    assert ("indexing.export", "torch") in found
    assert ("shortlist.encoder.runtime", "openvino") in found


SERVE = """
import json, sys
from pathlib import Path
from shortlist.encoder.machine import Precision
from service.app import create_app
from service.config import Settings

app = create_app(Settings(artifacts=Path(sys.argv[1]), precision=Precision.F32, poll_s=60))
answer = app.test_client().get("/v1/search?q=space+travel&k=1").get_json()
app.extensions["reloader"].stop()
print(json.dumps({"results": len(answer["results"]), "modules": sorted(sys.modules)}))
"""

BUILD = """
import json, sys
from pathlib import Path
from indexing.job import build

report = build(Path(sys.argv[1]), Path(sys.argv[2]))
print(json.dumps({"items": report.manifest.counts.items, "modules": sorted(sys.modules)}))
"""


def run_fresh(script: str, *arguments: Path, repository: Path) -> dict[str, list[str] | int]:
    """What a script prints as JSON when it runs in a process of its own."""
    result = subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)],
        cwd=repository,
        env={**os.environ, "PYTHONPATH": str(repository)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    answer: dict[str, list[str] | int] = json.loads(result.stdout.splitlines()[-1])
    return answer


def loaded(modules: object, packages: tuple[str, ...]) -> list[str]:
    """Which of these packages are among the loaded modules."""
    assert isinstance(modules, list)
    return [package for package in packages if package in modules]


def test_a_process_that_answers_a_query_has_neither_torch_nor_pandas(
    sample_artifacts: Path, repository: Path
) -> None:
    answer = run_fresh(SERVE, sample_artifacts, repository=repository)
    assert answer["results"] == 1
    assert loaded(answer["modules"], (*TORCH, *DATABASES, *MILVUS, "pandas")) == []
    assert loaded(answer["modules"], ("faiss", "flask", "openvino")) == [
        "faiss",
        "flask",
        "openvino",
    ]


def test_a_process_that_builds_with_a_cached_export_has_no_torch(
    write_catalog: Callable[..., Path], minilm_export: Path, tmp_path: Path, repository: Path
) -> None:
    answer = run_fresh(BUILD, write_catalog(), tmp_path / "artifacts", repository=repository)
    assert answer["items"] == 5
    assert loaded(answer["modules"], (*TORCH, *DATABASES, *MILVUS)) == []
    assert loaded(answer["modules"], ("pandas", "openvino")) == ["pandas", "openvino"]
