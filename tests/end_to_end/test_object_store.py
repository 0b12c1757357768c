"""Every command over an object store, as a user calls it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from shortlist.command import main
from tests.catalogues import add_a_rating
from tests.object_stores import KEY, SECRET, Bucket


@pytest.mark.usefixtures("quick_locks")
def test_the_commands_do_there_what_they_do_in_a_folder(
    bucket: Bucket, toys: Path, tiny_export: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog = Path(shutil.copytree(toys.parent, tmp_path / "catalogue")) / toys.name
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    said: list[str] = []

    def call(*arguments: str) -> str:
        done = CliRunner().invoke(main, [*arguments, "--artifacts", bucket.url])
        assert done.exit_code == 0, done.output
        said.append(done.output)
        return done.stdout

    def live() -> str:
        return call("versions", "--live").strip()

    assert f"shortlist serve --artifacts {bucket.url}" in call("build", "--catalog", str(catalog))
    one = live()
    add_a_rating(catalog)
    call("build", "--catalog", str(catalog))
    two = live()
    changes = tmp_path / "changes.jsonl"
    change = {"op": "patch", "item_id": 20, "set": {"title": "Kitchen of the Stars, The"}}
    changes.write_text(json.dumps({"sequence": 1, **change}) + "\n", encoding="utf-8")
    assert "1 changes, 3 items" in call("apply", str(changes))
    three = live()
    assert "Kitchen of the Stars" in call("search", "kitchen stars", "-k", "1")
    assert "stays live" in call("compact")
    rows = json.loads(call("versions", "--json"))
    assert [(row["version"], row["problem"]) for row in rows] == [
        (three, None),
        (two, None),
        (one, None),
    ]
    assert call("verify") == f"{three} is sound\n"
    assert json.loads(call("diff", two, three, "--json"))["changed"] == 1
    assert call("rollback") == f"rolled back from {three} to {two}\n"
    assert call("prune", "--keep", "0") == f"removed 1: {three}\n"
    done = CliRunner().invoke(main, ["follow", "--artifacts", bucket.url])
    assert (done.exit_code, "publish them with `shortlist apply`" in done.output) == (1, True)
    assert list(Path.cwd().iterdir()) == []
    assert (SECRET in str(said), KEY in str(said)) == (False, False)
