"""docs/operations.md lists all there is, and its example files are what their programs accept."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from service.app import create_app, load_options
from service.config import ENVIRONMENT_PREFIX, Settings, read_settings, shown_default
from service.metrics import Metrics


@pytest.fixture(scope="module")
def guide(repository: Path) -> str:
    return (repository / "docs/operations.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def examples(repository: Path) -> Path:
    return repository / "docs/examples"


def rows(guide: str, heading: str) -> list[list[str]]:
    """The cells of the first table below a heading, without its head."""
    section = guide.split(f"\n## {heading}\n")[1].split("\n## ", maxsplit=1)[0]
    table = section[section.index("\n|") :].strip().split("\n\n", maxsplit=1)[0]
    return [
        [cell.strip() for cell in line.strip("|").split(" | ")] for line in table.splitlines()[2:]
    ]


def test_every_setting_is_listed_with_its_variable_and_default(guide: str) -> None:
    listed = {cells[0]: cells[1] for cells in rows(guide, "Settings")}
    assert listed == {
        f"`{ENVIRONMENT_PREFIX}{setting.name.upper()}`": f"`{shown_default(setting)}`"
        for setting in fields(Settings)
    }


def test_every_endpoint_is_listed(guide: str, tmp_path: Path) -> None:
    settings = Settings(
        artifacts=tmp_path,
        poll_s=60,
        writes=True,
        write_key="wr1te",
        events=f"sqlite:///{tmp_path}/events.db",
        api_key="s3cret",
    )
    app = create_app(settings)
    app.extensions["reloader"].stop()
    app.extensions["recorder"].stop()
    rules = {rule.rule for rule in app.url_map.iter_rules()}
    assert {cells[0].strip("`") for cells in rows(guide, "Endpoints")} == rules


def test_every_metric_is_listed(guide: str) -> None:
    metrics = Metrics()
    metrics.observe_swap(0)
    names = set(
        re.findall(r"^# TYPE (\S+)", metrics.exposition(n_pending=0).decode(), flags=re.MULTILINE)
    )
    names = {name for name in names if not name.endswith("_created")}
    assert {cells[0].strip("`") for cells in rows(guide, "Monitoring")} == names


def test_every_file_the_guide_links_to_exists(guide: str, repository: Path) -> None:
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", guide) if "://" not in link]
    assert {"examples/nginx.conf", "examples/shortlist.service"} <= set(links)
    assert [link for link in links if not (repository / "docs" / link).exists()] == []


def program(name: str, package: str) -> str:
    """The program's path; skips where it is not installed."""
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
    if path is None:
        pytest.skip(f"{name} is not installed: install your system's package {package}")
    return path


def test_nginx_accepts_its_example(examples: Path, tmp_path: Path) -> None:
    nginx = program("nginx", "nginx")
    whole = tmp_path / "nginx.conf"
    temporary = "".join(
        f"{name}_temp_path {tmp_path}/{name};"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    whole.write_text(
        f"pid {tmp_path}/pid; error_log stderr; events {{}}\n"
        f"http {{ access_log off; {temporary} include {examples}/nginx.conf; }}\n"
    )
    done = subprocess.run(
        [nginx, "-t", "-p", str(tmp_path), "-c", str(whole)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_systemd_accepts_its_example(examples: Path, tmp_path: Path) -> None:
    verify = program("systemd-analyze", "systemd")
    unit = tmp_path / "shortlist.service"
    text = (examples / "shortlist.service").read_text()
    unit.write_text(text.replace("/opt/shortlist/.venv/bin/python", sys.executable))
    done = subprocess.run(
        [verify, "verify", str(unit)], capture_output=True, text=True, check=False
    )
    complaints = [line for line in done.stderr.splitlines() if "shortlist.service" in line]
    assert (done.returncode, complaints) == (0, [])


def test_settings_in_the_examples_exist(examples: Path) -> None:
    known = {f"{ENVIRONMENT_PREFIX}{setting.name.upper()}" for setting in fields(Settings)}
    used = set[str]()
    for path in examples.iterdir():
        used |= set(
            re.findall(rf"^[^#]*?({ENVIRONMENT_PREFIX}\w+)=", path.read_text(), re.MULTILINE)
        )
    assert used
    assert used <= known


def test_the_cron_job_is_a_command_the_builder_knows(examples: Path, repository: Path) -> None:
    (line,) = [
        line
        for line in (examples / "shortlist.cron").read_text().splitlines()
        if re.match(r"\d", line)
    ]
    _, _, _, _, _, user, command = line.split(" ", 6)
    assert user == "shortlist"
    options = re.findall(r"--[\w-]+", command)
    printed = subprocess.run(
        [sys.executable, "-m", "indexing", "build", "--help"],
        cwd=repository,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert [option for option in options if option not in printed] == []
    assert options == ["--catalog", "--artifacts"]


def test_the_commands_for_signed_versions_do_what_they_say(
    guide: str, toys: Path, tiny_export: Path, tmp_path: Path, repository: Path
) -> None:
    program("openssl", "openssl")
    section = guide.split("\n## Signed versions\n")[1].split("\n## ", maxsplit=1)[0]
    blocks = re.findall(r"```sh\n(.*?)```", section, flags=re.DOTALL)
    commands = [line for block in blocks for line in block.splitlines()]
    (serving,) = [line for line in commands if " serve " in line]
    commands.remove(serving)
    shutil.copytree(toys.parent, tmp_path, dirs_exist_ok=True)
    script = f'shortlist() {{ "{sys.executable}" -m shortlist "$@"; }}\nset -e\n'
    done = subprocess.run(
        ["sh", "-c", script + "\n".join(commands)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(repository), *sys.path])},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert " is sound\n" in done.stdout
    assert "Signature Verified Successfully" in done.stdout
    variable, value = serving.split(" ")[0].split("=")
    settings = read_settings({variable: str(tmp_path / value)}, artifacts=str(tmp_path))
    assert len(load_options(settings).trusted_keys) == 1
