"""docs/notebook.ipynb runs from its first cell to its last and finds what it says it finds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

RUN = """
import sys
import nbformat
from nbclient import NotebookClient

notebook = nbformat.read(sys.argv[1], 4)
client = NotebookClient(notebook, timeout=300, resources={"metadata": {"path": sys.argv[2]}})
nbformat.write(client.execute(), sys.argv[3])
"""


def printed(notebook: Path) -> list[str]:
    """What its code cells print, cell by cell."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return [
        "".join(output.get("text", output.get("data", {}).get("text/plain", "")))
        for cell in cells
        if cell["cell_type"] == "code"
        for output in cell["outputs"]
        if output.get("name") != "stderr"
    ]


def test_the_notebook_runs_and_its_scores_are_those_of_the_reference(
    repository: Path, tmp_path: Path, minilm_export: Path
) -> None:
    stored = repository / "docs/notebook.ipynb"
    names = ("HOME", "TMPDIR", "IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR")
    folders = {name: str(tmp_path / name.lower()) for name in names}
    for folder in folders.values():
        Path(folder).mkdir()
    run = tmp_path / "run.ipynb"
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(stored), str(repository / "docs"), str(run)],
        env={**os.environ, **folders, "HF_HUB_OFFLINE": "1", "PYTHONPATH": str(repository)},
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    now, before = printed(run), printed(stored)
    assert "the same ten films; scores agree to five decimals\n" in now
    assert len(now) == len(before)
    # titles do not depend on the machine, the last digits of a score may
    titles = [line.split("  ")[-3] for line in before[1].splitlines()[1:4]]
    assert all(title in now[1] for title in titles)
