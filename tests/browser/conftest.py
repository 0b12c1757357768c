"""A real browser, and the service as a process for it to look at."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.serving import Serve, Service

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-first-run",
]  # fmt: skip
WAIT_MS = 20_000
expect.set_options(timeout=WAIT_MS)


@pytest.fixture(scope="session")
def chromium() -> str:
    """The browser's path: CHROMIUM, which must then be there, or one on the path, or a skip."""
    named = os.environ.get("CHROMIUM")
    if named:
        assert Path(named).is_file(), f"CHROMIUM={named}: there is no such file"
        return named
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    pytest.skip("no browser: install chromium (Debian: apt-get install chromium) or set CHROMIUM")


@pytest.fixture(scope="module")
def browser(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Chromium with a HOME and a profile of its own.

    Of one module only: while it runs, so does an event loop in this thread.
    """
    environment = {**os.environ, "HOME": str(tmp_path_factory.mktemp("browser-home"))}
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium, args=FLAGS, env=environment)
        yield launched
        launched.close()


class Visitor:
    """One person's browser: pages with their requests and complaints written down."""

    def __init__(self, context: BrowserContext, base: str, shots: Path) -> None:
        self.context = context
        self.base = base
        self.requested: list[str] = []
        self.complaints: list[str] = []
        self.expected: list[str] = []
        self._shots = shots

    def open(self, path: str = "/") -> Page:
        """A page, once its scripts have shown what there is to show."""
        page = self.context.new_page()
        page.set_default_timeout(WAIT_MS)
        page.on("request", lambda request: self.requested.append(request.url))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", self._heard)
        page.goto(self.base + path)
        return page

    def _heard(self, message: Any) -> None:
        told = message.text
        if message.type in {"error", "warning"} and not any(one in told for one in self.expected):
            self.complaints.append(told)

    def shoot(self, page: Page, name: str) -> Path:
        """A screenshot for a person to look at."""
        path = self._shots / f"{name}.png"
        page.screenshot(path=path, animations="disabled")
        return path


Visit = Callable[..., Visitor]


@pytest.fixture
def visit(browser: Browser, tmp_path: Path, serve: Serve) -> Iterator[Visit]:
    """Opens a visitor's browser on a service; no page may have complained in the end.

    Asks for `serve`, so that browsers are closed before the services that their pages look at.
    """
    shots = Path(os.environ.get("SCREENSHOTS") or tmp_path)
    shots.mkdir(parents=True, exist_ok=True)
    visitors: list[Visitor] = []

    def start(service: Service, **options: Any) -> Visitor:
        options.setdefault("viewport", {"width": 1280, "height": 900})
        context = browser.new_context(**options)
        visitors.append(Visitor(context, f"http://127.0.0.1:{service.port}", shots))
        return visitors[-1]

    yield start
    for visitor in visitors:
        visitor.context.close()
        assert visitor.complaints == []


@pytest.fixture(scope="session")
def axe() -> Axe:
    """The accessibility checker."""
    return Axe()


@pytest.fixture
def sample(sample_service: Service) -> Service:
    """The bundled sample, served."""
    return sample_service
