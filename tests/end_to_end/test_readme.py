"""Every command in the README is run, in a copy of the checkout."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from indexing.catalog.config import CatalogConfig
from indexing.measure.systems import OURS
from tests.serving import Service

# Run by .ci/run itself, of which this test is a part.
RUN_ELSEWHERE = {"make test"}


def shell_blocks(text: str) -> list[str]:
    blocks = re.findall(r"```sh\n(.*?)```", text, flags=re.DOTALL)
    return [line for block in blocks for line in block.strip().splitlines()]


@pytest.fixture(scope="module")
def readme(repository: Path) -> str:
    return (repository / "README.md").read_text(encoding="utf-8")


@pytest.fixture
def checkout(repository: Path, tmp_path: Path) -> Path:
    """A copy of the tracked files that shares the checkout's .venv."""
    if not (repository / ".venv/.indexing").exists():
        pytest.skip("runs the README's commands in .venv: run the tests by `make test`")
    target = tmp_path / "checkout"
    target.mkdir()
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=repository,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in listed.stdout.splitlines():
        if (repository / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(repository / name, target / name)
    (target / ".venv").symlink_to(repository / ".venv")
    for name in ("setup.cfg", "setup.py", "pyproject.toml", ".ci/constraints.txt"):
        os.utime(target / name, (0, 0))  # else make would install the copy into the shared .venv
    return target


def surroundings(**more: str) -> dict[str, str]:
    """The environment without what a make above passes down."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    return {**kept, "HF_HUB_OFFLINE": "1", **more}


def run(command: str, checkout: Path, **more: str) -> str:
    environment = surroundings(**more)
    done = subprocess.run(
        ["/bin/sh", "-c", command],
        cwd=checkout,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


@contextmanager
def serving(command: str, checkout: Path) -> Iterator[Service]:
    """What a command of the README serves, on a free port."""
    environment = surroundings(PORT="0")
    service = Service(command.split(), folder=checkout, environment=environment, log=checkout / "l")
    try:
        yield service.listening(within_s=120).ready()
    finally:
        service.kill()


def curl(command: str, service: Service) -> dict[str, object]:
    match = re.fullmatch(r"curl '(http://127\.0\.0\.1:8000(/\S*))'", command)
    assert match, f"not a plain curl of the local service: {command}"
    answer: dict[str, object] = service.get(match[2])[1]
    return answer


def test_the_readme_has_these_commands_and_each_is_tested(readme: str) -> None:
    assert shell_blocks(readme) == [
        "make run",
        "make test",
        "curl 'http://127.0.0.1:8000/v1/search?q=a+robot+left+alone+on+earth&profile=notebook&k=3'",
        "make index CATALOG=data/sample/catalog.toml",
        "make serve",
        "make data",
        "make index CATALOG=data/movielens/catalog.toml REPLACE=1",
        "make apply CHANGES=changes.jsonl",
    ]
    assert set(shell_blocks(readme)) >= RUN_ELSEWHERE


def test_run_builds_the_sample_and_the_curl_gives_the_printed_answer(
    readme: str, checkout: Path
) -> None:
    with serving("make run", checkout) as service:
        command = next(line for line in shell_blocks(readme) if line.startswith("curl"))
        results = curl(command, service)["results"]
    assert isinstance(results, list)
    printed = re.findall(r"^\d  (.+?) {2,}([\d.]+) = ", readme, flags=re.MULTILINE)
    assert [title for title, _ in printed] == [_spoken(result["title"]) for result in results]
    scores = [result["score"] for result in results]
    assert scores == pytest.approx([float(score) for _, score in printed], abs=2e-3)


def _spoken(title: str) -> str:
    return re.sub(r"^(.*), (The|A|An) \((\d{4})\)$", r"\2 \1 (\3)", title)


def test_index_then_serve_answers(checkout: Path) -> None:
    printed = run("make index CATALOG=data/sample/catalog.toml", checkout)
    assert re.search(r"published \S+: 1350 items", printed)
    with serving("make serve", checkout) as service:
        assert service.status_of("/healthz") == 200


def test_the_changes_it_shows_are_published(readme: str, checkout: Path) -> None:
    run("make index CATALOG=data/sample/catalog.toml", checkout)
    (changes,) = re.findall(r"```jsonl\n(.*?)```", readme, re.DOTALL)
    (checkout / "changes.jsonl").write_text(changes, encoding="utf-8")
    printed = run("make apply CHANGES=changes.jsonl", checkout)
    assert re.search(r"published \S+: 3 changes, 1350 items, 2 encoded", printed)


def test_run_serves_the_example_shop_beside_what_is_published(checkout: Path) -> None:
    run("make index CATALOG=data/sample/catalog.toml", checkout)
    with serving("make run CATALOG=data/shop/catalog.toml", checkout) as service:
        readiness = service.readiness()
    assert (readiness["catalog"], readiness["items"]) == ("example-shop", 160)


def test_data_then_index_publishes_movielens(checkout: Path, movielens: Path) -> None:
    run("make index CATALOG=data/sample/catalog.toml", checkout)
    run("make data", checkout, MOVIELENS=str(movielens))
    printed = run("make index CATALOG=data/movielens/catalog.toml REPLACE=1", checkout)
    assert re.search(r"published \S+: 9742 items", printed)


def test_the_readmes_catalogues_are_valid(readme: str) -> None:
    blocks = re.findall(r"```toml\n(.*?)```", readme, flags=re.DOTALL)
    of_files, of_queries = (
        CatalogConfig.model_validate({**tomllib.loads(block), "folder": Path()}) for block in blocks
    )
    for config in (of_files, of_queries):
        assert config.items.id == "sku"
        assert config.items.text == ("description",)
    assert of_files.items.file == "products.parquet"
    assert of_queries.items.url is not None
    assert of_queries.items.url.get_secret_value() == "${SHOP_DB}"


def test_every_path_the_readme_links_to_exists(readme: str, repository: Path) -> None:
    links = [link for link in re.findall(r"\]\(([^)]+)\)", readme) if "://" not in link]
    assert links
    assert [one for one in links if not (repository / one.split("#")[0]).exists()] == []


@pytest.mark.parametrize("name", ["movielens-latest-small", "sample-films"])
def test_the_relevance_tables_are_what_the_evaluation_printed(repository: Path, name: str) -> None:
    shown = (repository / "docs/relevance.md").read_text(encoding="utf-8")
    for kind in ("evaluation", "tuning"):
        printed = (repository / f"benchmarks/results/{kind}-{name}.md").read_text(encoding="utf-8")
        assert printed.strip() in shown


def test_the_readmes_relevance_is_the_held_out_half_of_the_evaluation(
    readme: str, repository: Path
) -> None:
    found = json.loads(
        (repository / "benchmarks/results/evaluation-movielens-latest-small.json").read_text()
    )
    known, _, tags, _ = (
        {line["system"]: line["held_out"] for line in one["lines"]} for one in found["measured"]
    )
    rows = {"BM25": "BM25", "similarity alone": "similarity alone"}
    rows |= {f"profile {name}": f"profile `{name}`" for name in ("notebook", "tuned")}
    for system, shown in rows.items():
        row = next(line for line in readme.splitlines() if line.startswith(f"| {shown} "))
        figures = (known[system]["exact"], known[system]["one typo"])
        figures += (tags[system]["nDCG@10"], tags[system]["Recall@50"])
        assert row.endswith(f"| {' | '.join(f'{figure:.3f}' for figure in figures)} |")


def test_the_readmes_tastes_are_those_of_the_evaluation(readme: str, repository: Path) -> None:
    found = json.loads(
        (repository / "benchmarks/results/evaluation-movielens-latest-small.json").read_text()
    )
    item, personal = (
        {line["system"]: line["every"] for line in one["lines"]} for one in found["tastes"][:2]
    )
    names = ("popularity", "text alone", "implicit ItemKNN", "implicit ALS", "EASE")
    for system, label in {**dict(zip(names, names, strict=True)), OURS: "Shortlist"}.items():
        figures = [item[system][name] for name in ("nDCG@10", "Recall@20")]
        figures += [personal[system][name] for name in ("nDCG@10", "Recall@20", "coverage@10")]
        row = f"| {label} | {' | '.join(f'{figure:.3f}' for figure in figures)} |"
        assert row in readme.splitlines()


def test_the_tables_of_neighbours_are_what_the_benchmark_wrote(repository: Path) -> None:
    found = json.loads((repository / "benchmarks/results/neighbours.json").read_text())
    shown = (repository / "docs/scaling.md").read_text(encoding="utf-8")
    for one in found["learning"]:
        row = f"| {one['items']:,} | {one['liked_items']:,} | {one['users']:,} | {one['likes']:,} |"
        row += f" {one['model']} | {one['seconds']} | {one['peak_mb']} | {one['bytes_per_item']} |"
        assert row in shown
    for one in found["requests"]:
        row = f"| {one['query']} | {one['with_ms']} | {one['without_ms']} |"
        assert f"{row} {one['neighbours_ms']} |" in shown


def test_the_table_of_models_is_what_the_benchmark_wrote(repository: Path) -> None:
    found = json.loads((repository / "benchmarks/results/encoders.json").read_text())
    shown = (repository / "docs/relevance.md").read_text(encoding="utf-8")
    layers = {shape["like"]: shape["layers"] for shape in found["shapes"]}
    for one in found["models"]:
        row = f"| {one['model']} | {one['parameters_m']} | {layers.get(one['model'], 6)} |"
        row += f" {one['dimension']} | {one['export_mb']:,} | {one['query_ms']} |"
        row += f" {one['documents_s']} | {one['worker_own_mb']:,} | {one['worker_pss_mb']:,} |"
        assert row in shown
    flat = " ".join(shown.split())
    assert f"On {found['machine']}, in {found['precision']}:" in flat
    queries, documents = found["tokens_a_query"], found["tokens_a_document"]
    assert f"({queries} a query, {documents} a document" in flat


def test_the_figures_of_the_page_are_what_the_benchmark_wrote(repository: Path) -> None:
    found = json.loads((repository / "benchmarks/results/page.json").read_text())
    shown = " ".join((repository / "docs/scaling.md").read_text(encoding="utf-8").split())
    assert (
        f"the first result is painted after {found['first_result_ms']} ms, live after"
        f" {found['live_ms']} ms; a letter typed brings the new list after"
        f" {found['typed_to_results_ms']} ms; the page and its files are {found['kilobytes']} kB"
    ) in shown


def test_help_lists_every_target(checkout: Path) -> None:
    text = (checkout / "Makefile").read_text(encoding="utf-8")
    targets = re.findall(r"^([a-z][a-z-]*):", text, flags=re.MULTILINE)
    listed = [line.split()[0] for line in run("make help", checkout).splitlines()]
    assert sorted(listed) == sorted(targets)


def test_the_table_is_what_the_benchmark_printed(readme: str, repository: Path) -> None:
    printed = (repository / "benchmarks/results/movielens.md").read_text(encoding="utf-8")
    assert printed.strip() in readme


def test_the_bodies_it_shows_are_answered(readme: str, sample_client: FlaskClient) -> None:
    bodies = [json.loads(text) for text in re.findall(r"```json\n(.*?)```", readme, re.DOTALL)]
    assert len(bodies) == 2
    for body in bodies:
        path = "/v1/search" if "q" in body else "/v1/recommend"
        response = sample_client.post(path, json=body)
        assert response.status_code == 200, response.text
        assert len(response.get_json()["results"]) == body["k"]


def test_its_lines_of_python_run(
    readme: str, sample_artifacts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (lines,) = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    (tmp_path / "data").mkdir()
    (tmp_path / "data/artifacts").symlink_to(sample_artifacts)
    monkeypatch.chdir(tmp_path)
    *setup, last = lines.strip().splitlines()
    names: dict[str, object] = {}
    exec("\n".join(setup), names)
    assert "WALL·E (2008)" in str(eval(last, names))
