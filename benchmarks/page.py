"""How soon the page shows results: python -m benchmarks.page --artifacts DIR [--runs N].

Starts the service, opens the search page in headless Chromium (CHROMIUM, or one on the path) with a
fresh profile each time, and measures inside the page from the navigation's start: until the first
result is painted, as the server rendered it, and until the scripts have made it live; then from a
letter typed to the new list. Also counts the bytes of everything the page loads. Writes
benchmarks/results/page.json.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import click
import numpy as np
from playwright.sync_api import Browser, sync_playwright

from benchmarks import report
from benchmarks.server import running

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
FIRST, SECOND = "space travel and futuristic wars", "a heist that goes wrong"

_PAINTED = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
_BYTES = """() => [
  ...performance.getEntriesByType('navigation'),
  ...performance.getEntriesByType('resource').filter((one) => one.name.includes('/static/')),
].reduce((sum, one) => sum + one.decodedBodySize, 0)"""
_TYPED = """async (text) => {
  const list = document.querySelector('#results'), input = document.querySelector('#q');
  const changed = new Promise((done) =>
    new MutationObserver(() => done(performance.now())).observe(list, { childList: true }));
  input.value = text;
  const begun = performance.now();
  input.dispatchEvent(new Event('input'));
  return (await changed) - begun;
}"""


@click.command()
@click.option("--artifacts", required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--runs", default=15, show_default=True)
def main(artifacts: Path, runs: int) -> None:
    """Measure, print, write benchmarks/results/page.json."""
    found = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if not found:
        raise click.ClickException("no browser: install chromium or set CHROMIUM")
    with running(artifacts) as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=list(FLAGS))
        opened = [_opened(browser, f"http://127.0.0.1:{server.port}") for _ in range(runs + 1)][1:]
        browser.close()
    measured = {
        "machine": report.machine(),
        "runs": runs,
        **{name: _median([one[name] for one in opened]) for name in opened[0]},
    }
    text = json.dumps(measured, indent=1)
    (report.RESULTS / "page.json").write_text(f"{text}\n", encoding="utf-8")
    click.echo(text)


def _opened(browser: Browser, url: str) -> dict[str, float]:
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{url}/?q={FIRST.replace(' ', '+')}")
    page.wait_for_selector("#results .actions")
    live_ms = float(page.evaluate("performance.now()"))
    painted_ms = float(page.evaluate(_PAINTED))
    typed_ms = float(page.evaluate(_TYPED, SECOND))
    n_bytes = int(page.evaluate(_BYTES))
    context.close()
    return {
        "first_result_ms": painted_ms,
        "live_ms": live_ms,
        "typed_to_results_ms": typed_ms,
        "kilobytes": n_bytes / 1e3,
    }


def _median(values: list[Any]) -> float:
    return round(float(np.median(values)), 1)


if __name__ == "__main__":
    main()
