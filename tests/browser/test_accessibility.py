"""Every state of every page without a finding of axe-core, in both colour schemes, also narrow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.test_search_page import cards, titles
from tests.serving import Service

Visit = Callable[..., Any]
NARROW = {"width": 360, "height": 740}


def nothing_found(axe: Axe, page: Page) -> None:
    found = axe.run(page)
    assert found.violations_count == 0, found.generate_report()
    assert len(found.response["passes"]) > 15


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [{"width": 1280, "height": 900}, NARROW])
def test_search_with_reasons_and_a_taste(
    visit: Visit, sample: Service, axe: Axe, scheme: str, viewport: dict[str, int]
) -> None:
    visitor = visit(sample, color_scheme=scheme, viewport=viewport, reduced_motion="reduce")
    page = visitor.open("/?q=space+travel&category=Drama&range=year:1950:2010")
    titles(page)
    cards(page).first.get_by_role("button", name="Why here?").click()
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    nothing_found(axe, page)
    page.locator("#q").press_sequentially(" s")
    page.locator(".thumb.yes").first.click()
    expect(page.locator("#shelf .chips li")).to_have_count(1)
    nothing_found(axe, page)
    visitor.shoot(page, f"accessible-{scheme}-{viewport['width']}")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", ["/", "/compare?q=love", "/docs", "/?q=love&range=year:1800:1801"])
def test_the_other_pages_and_states(
    visit: Visit, sample: Service, axe: Axe, scheme: str, path: str
) -> None:
    page = visit(sample, color_scheme=scheme).open(path)
    page.wait_for_load_state("networkidle") if path == "/docs" else expect(
        page.locator("#notice")
    ).not_to_be_empty()
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    nothing_found(axe, page)


def test_suggestions_are_a_listbox(visit: Visit, sample: Service, axe: Axe) -> None:
    page = visit(sample).open()
    page.locator("#q").press_sequentially("nosf", delay=20)
    expect(page.locator("#suggestions li").first).to_be_visible()
    page.keyboard.press("ArrowDown")
    nothing_found(axe, page)


@pytest.mark.parametrize("path", ["/?q=space+travel", "/compare?q=space+travel", "/docs"])
def test_a_narrow_screen_never_scrolls_sideways(visit: Visit, sample: Service, path: str) -> None:
    visitor = visit(sample, viewport=NARROW, color_scheme="dark")
    page = visitor.open(path)
    if path != "/docs":
        expect(page.locator(".card h3").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    visitor.shoot(page, f"narrow{path[:2].strip('/?') or '-search'}")


def test_settings_are_folded_away_on_a_narrow_screen(visit: Visit, sample: Service) -> None:
    page = visit(sample, viewport=NARROW).open("/?q=space+travel")
    titles(page)
    for name, inside in (
        ("Filters", page.get_by_label("Drama")),
        ("Tune", page.get_by_label("Ranking")),
    ):
        expect(inside).to_be_hidden()
        page.get_by_text(name, exact=True).click()
        expect(inside).to_be_visible()


def test_news_are_spoken(visit: Visit, sample: Service) -> None:
    page = visit(sample).open("/?q=space+travel")
    titles(page)
    expect(page.get_by_role("status").filter(has_text="items are about this")).to_have_count(1)
    expect(page.get_by_role("search")).to_be_visible()
    expect(page.get_by_role("combobox", name="Search")).to_be_focused()
    expect(page.get_by_role("main")).to_have_count(1)
