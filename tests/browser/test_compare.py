"""Two settings side by side."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, expect

from tests.browser.test_search_page import address, told
from tests.serving import Service

Visit = Callable[..., Any]


def listed(page: Page, side: str, expected: list[str]) -> None:
    expect(page.locator(f"#list-{side} h3")).to_have_text(expected)


def test_what_moved_and_by_how_much(visit: Visit, sample: Service) -> None:
    visitor = visit(sample)
    page = visitor.open("/compare?q=space+travel&b.profile=similarity")
    left = told(sample, q="space travel", k=20)
    right = told(sample, q="space travel", k=20, profile="similarity")
    listed(page, "a", left)
    listed(page, "b", right)
    both = [title for title in right if title in left]
    shifts = [left.index(title) - right.index(title) for title in both]
    moved = [abs(shift) for shift in shifts if shift]
    expect(page.locator("#notice")).to_have_text(
        f"{len(both)} of 20 in both; {len(moved)} moved, by {sum(moved) / len(moved):.1f} places"
        f" on average; {20 - len(both)} only on the right, {20 - len(both)} only on the left."
    )
    for title, shift in zip(both, shifts, strict=True):
        sign = f"▲{shift}" if shift > 0 else f"▼{-shift}" if shift < 0 else "="
        row = page.locator("#list-b .card").nth(right.index(title))
        expect(row.locator(".was")).to_contain_text(sign)
    visitor.shoot(page, "compare")


def test_each_side_has_its_own_settings_in_the_address(visit: Visit, sample: Service) -> None:
    page = visit(sample).open("/compare?q=love&b.profile=notebook")
    listed(page, "a", told(sample, q="love", k=20))
    expect(page.locator("#notice")).to_have_text("The same 20 in the same order.")
    page.locator("#b-w-popularity").fill("1.5")
    page.locator("#a-diversity").fill("0.5")
    listed(page, "b", told(sample, q="love", k=20, w_popularity=1.5))
    listed(page, "a", told(sample, q="love", k=20, diversity=0.5))
    assert address(page) == {
        "q": ["love"], "b.profile": ["notebook"], "b.w_popularity": ["1.5"],
        "a.diversity": ["0.5"],
    }  # fmt: skip
    page.reload()
    listed(page, "b", told(sample, q="love", k=20, w_popularity=1.5))
    expect(page.locator("#a-diversity")).to_have_value("0.5")


def test_the_search_page_leads_here_with_its_query(visit: Visit, sample: Service) -> None:
    page = visit(sample).open("/?q=love")
    expect(page.locator("#results .actions").first).to_be_visible()
    page.locator("#q").fill("a robot")
    page.get_by_role("link", name="Compare").click()
    expect(page.locator("#q")).to_have_value("a robot")
    listed(page, "a", told(sample, q="a robot", k=20))


def test_pointing_at_an_item_marks_it_on_the_other_side(visit: Visit, sample: Service) -> None:
    page = visit(sample).open("/compare?q=love&b.profile=notebook")
    listed(page, "b", told(sample, q="love", k=20))
    page.locator("#list-a .card").first.hover()
    expect(page.locator("#list-b .card.marked")).to_have_count(1)


def test_without_a_query_it_asks_for_one(visit: Visit, sample: Service) -> None:
    page = visit(sample).open("/compare")
    expect(page.locator("#notice")).to_have_text("Type a query to compare both settings on it.")
    page.locator("#q").fill("love")
    listed(page, "a", told(sample, q="love", k=20))
