"""The page on a catalogue of things to buy, without ratings: cards, filters, order, the end."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import APIResponse, Page, Route, expect

from tests.browser.test_accessibility import NARROW, nothing_found
from tests.browser.test_search_page import address, cards, shows, titles, told
from tests.serving import Service, services

Visit = Callable[..., Any]


@pytest.fixture(scope="module")
def shop(
    example_shop: Path, tmp_path_factory: pytest.TempPathFactory, repository: Path
) -> Iterator[Service]:
    """The made-up shop, served."""
    with services(tmp_path_factory, repository) as start:
        yield start(example_shop).ready()


def test_it_opens_on_the_newest(visit: Visit, shop: Service) -> None:
    page = visit(shop).open()
    expect(page.locator("#heading")).to_have_text("The newest")
    assert titles(page)[:2] == ["Insulated skirt", "Stormhut four-season tent"]
    expect(page.locator("#notice")).to_have_text("160 items, 10 shown.")


def test_a_card_shows_what_a_shop_has_to_say(visit: Visit, shop: Service) -> None:
    page = visit(shop).open("/?q=ice+for+three+days")
    card = cards(page).filter(has_text="Cool box")
    expect(card.locator(".meta")).to_have_text(
        "149.00 EUR · blue, cream · in stock · 7,200 g · here since 2023-07-04 · Bolzano"
        " · Camp kitchen · Storage · Family"
    )
    expect(card).to_contain_text("Brightwater")
    link = card.get_by_role("link", name="Website of Cool box 24 litres")
    expect(link).to_have_attribute("href", "https://shop.example/products/ck-877")
    expect(card.locator(".said mark")).to_have_text(["ice", "three", "days"])


def test_the_item_has_a_page_of_its_own(visit: Visit, shop: Service, axe: Axe) -> None:
    visitor = visit(shop)
    page = visitor.open("/?q=whetstone")
    page.get_by_role("link", name="Whetstone 1000/3000", exact=True).click()
    expect(page.locator("#item h2")).to_have_text("Whetstone 1000/3000")
    assert page.url.endswith("/items/KN-714")
    facts = page.locator("#item dl")
    expect(facts).to_contain_text("Price44.00 EUR")
    expect(facts).to_contain_text("In stockyes")
    shows(page, told(shop, "/v1/items/KN-714/similar"))
    expect(page.get_by_role("link", name="What a program gets")).to_have_attribute(
        "href", "/v1/items/KN-714"
    )
    nothing_found(axe, page)
    visitor.shoot(page, "item")
    page.get_by_role("button", name="Like Whetstone 1000/3000", exact=True).click()
    page.get_by_role("link", name="Knives").click()
    assert address(page) == {"category": ["Knives"]}
    expect(page.locator("#shelf")).to_contain_text("Whetstone")


def test_filters_that_hold_are_chips_and_can_be_cleared(visit: Visit, shop: Service) -> None:
    path = (
        "/?q=tent&category=Camping&attr=brand:Tarnhollow&attr=in_stock:true"
        "&range=price:50:400&range=added:2023-01-01:"
    )
    page = visit(shop).open(path)
    chips = page.locator("#active li")
    expect(chips).to_have_text([
        re.compile("^Camping"), re.compile("^Tarnhollow"), re.compile("^In stock: yes"),
        re.compile("^Price 50.00 EUR – 400.00 EUR"), re.compile("^Here since from 2023-01-01"),
        "Clear all",
    ])  # fmt: skip
    asked = {
        "q": "tent", "category": "Camping", "attr": ["brand:Tarnhollow", "in_stock:true"],
        "range": ["price:50:400", "added:2023-01-01:"],
    }  # fmt: skip
    expected = told(shop, **asked)
    shows(page, expected)
    page.get_by_role("button", name="Clear Tarnhollow").click()
    expect(chips).to_have_count(5)
    assert address(page)["attr"] == ["in_stock:true"]
    page.get_by_role("button", name="Clear all").click()
    expect(chips).to_have_count(0)
    assert address(page) == {"q": ["tent"]}
    shows(page, told(shop, q="tent"))


def test_several_values_of_a_facet_can_be_ticked_by_their_counts(
    visit: Visit, shop: Service
) -> None:
    page = visit(shop).open("/?category=Knives")
    brands = page.get_by_role("group", name="Brand")
    count = brands.locator("[data-count='Saltmarsh']")
    expect(count).to_have_text("2")
    brands.get_by_label("Varga & Sons").check()
    expect(page.locator("#notice")).to_contain_text("6 items")
    expect(count).to_have_text("2")
    brands.get_by_label("Saltmarsh").check()
    expect(page.locator("#notice")).to_contain_text("8 items")


def test_a_list_is_sorted_and_goes_on_to_its_end(visit: Visit, shop: Service) -> None:
    page = visit(shop).open("/?category=Camp+kitchen")
    titles(page)
    page.get_by_label("Sort by").select_option("Price, lowest first")
    asked = {"category": "Camp kitchen", "sort": "price:asc"}
    shows(page, told(shop, "/v1/popular", **asked))
    assert address(page)["sort"] == ["price:asc"]
    expect(page.locator("#heading")).to_have_text("By price")
    assert titles(page)[0] == "Spork, set of four"
    for _ in range(2):
        page.get_by_role("button", name="More results").click()
    shows(page, told(shop, "/v1/popular", **asked, k=100))
    expect(cards(page)).to_have_count(22)
    expect(page.locator("#more")).to_be_hidden()
    expect(page.locator("#end")).to_contain_text("The end: all 22 items.")
    page.locator("#end").get_by_role("button", name="Clear the filters").click()
    expect(page.locator("#active li")).to_have_count(0)


def test_a_new_query_is_looked_at_from_its_first_result(visit: Visit, shop: Service) -> None:
    page = visit(shop).open("/?q=knife")
    titles(page)
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    page.locator("#q").fill("lamp")
    shows(page, told(shop, q="lamp"))
    expect(cards(page).first).to_be_in_viewport()


def test_dates_are_brushed_and_typed(visit: Visit, shop: Service) -> None:
    page = visit(shop).open("/?q=lamp")
    titles(page)
    page.locator("#added-from").fill("2024-01-01")
    page.locator("#added-from").blur()
    shows(page, told(shop, q="lamp", range="added:2024-01-01:"))
    assert address(page)["range"] == ["added:2024-01-01:"]
    page.get_by_role("button", name="Any here since").click()
    shows(page, told(shop, q="lamp"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_narrow_screen_shows_more_than_two_cards(
    visit: Visit, shop: Service, axe: Axe, scheme: str
) -> None:
    visitor = visit(shop, viewport=NARROW, color_scheme=scheme, reduced_motion="reduce")
    page = visitor.open("/?q=warm+in+winter")
    titles(page)
    boxes = [one.bounding_box() for one in cards(page).all()]
    assert max(box["height"] for box in boxes) <= NARROW["height"] / 2.5
    for one in cards(page).first.locator("button").all():
        box = one.bounding_box()
        assert box["height"] >= 40, one
        assert box["width"] >= 40, one
        assert box["y"] == cards(page).first.locator("button").first.bounding_box()["y"]
    for one in page.locator("header button, summary, nav a").all():
        if one.is_visible():
            assert one.bounding_box()["height"] >= 40
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    nothing_found(axe, page)
    visitor.shoot(page, f"shop-narrow-{scheme}")
    page.get_by_text("Filters", exact=True).click()
    nothing_found(axe, page)


def test_the_shop_without_a_finding(visit: Visit, shop: Service, axe: Axe) -> None:
    visitor = visit(shop)
    page = visitor.open("/?q=rain&attr=in_stock:true&sort=price:desc")
    titles(page)
    visitor.shoot(page, "shop")
    nothing_found(axe, page)


def test_the_page_of_an_item_asks_for_a_key_too(
    visit: Visit, serve: Callable[..., Service], example_shop: Path
) -> None:
    service = serve(example_shop, environment={"SHORTLIST_API_KEY": "sw0rdfish"}).ready()
    visitor = visit(service)
    visitor.expected.append("401")
    page = visitor.open("/items/KN-714")
    page.get_by_label("API key").fill("sw0rdfish")
    page.keyboard.press("Enter")
    expect(page.locator("#item h2")).to_have_text("Whetstone 1000/3000")
    expect(cards(page)).to_have_count(10)


def test_a_refusal_that_comes_after_the_key_was_given_asks_for_none(
    visit: Visit, serve: Callable[..., Service], example_shop: Path
) -> None:
    service = serve(example_shop, environment={"SHORTLIST_API_KEY": "sw0rdfish"}).ready()
    visitor = visit(service)
    visitor.expected.append("401")
    held: list[tuple[Route, APIResponse]] = []

    def hold(route: Route) -> None:
        if held:
            route.continue_()
        else:
            held.append((route, route.fetch()))

    visitor.context.route("**/v1/catalog", hold)
    page = visitor.open("/items/KN-714")
    page.get_by_label("API key").fill("sw0rdfish")
    with page.expect_response(lambda found: found.url.endswith("/v1/items/KN-714") and found.ok):
        page.keyboard.press("Enter")
    ((route, refusal),) = held
    assert refusal.status == 401
    route.fulfill(response=refusal)
    expect(page.locator("#item h2")).to_have_text("Whetstone 1000/3000")
    expect(cards(page)).to_have_count(10)


def test_a_page_that_is_not_there_leads_back(visit: Visit, shop: Service, axe: Axe) -> None:
    visitor = visit(shop)
    visitor.expected.append("404")
    page = visitor.open("/items/nothing")
    expect(page.get_by_role("heading", name="Not Found")).to_be_visible()
    expect(page.get_by_text("no item has the id 'nothing'")).to_be_visible()
    nothing_found(axe, page)
    page.get_by_role("link", name="Search, or look at what there is").click()
    expect(page.locator("#heading")).to_have_text("The newest")


def run_example(page: Page, heading: str) -> Any:
    section = page.locator("section").filter(has=page.get_by_role("heading", name=heading))
    section.get_by_role("button", name="Try it").click()
    expect(section.get_by_role("status")).to_have_text("200 OK")
    return section


def test_the_api_is_tried_on_its_own_page(visit: Visit, shop: Service, axe: Axe) -> None:
    visitor = visit(shop, permissions=["clipboard-read", "clipboard-write"])
    page = visitor.open("/docs")
    section = run_example(page, "GET /v1/search")
    expect(section.get_by_label("Answer", exact=True)).to_contain_text('"query": "space travel"')
    posted = run_example(page, "POST /v1/recommend")
    posted.get_by_role("button", name="Copy as curl").click()
    expect(posted.get_by_role("status")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == (
        'curl -H \'Content-Type: application/json\' -d \'{"text": "space travel", "k": 3}\''
        f" '{visitor.base}/v1/recommend'"
    )
    posted.get_by_label("Body").fill('{"k": 0}')
    visitor.expected.append("422")
    posted.get_by_role("button", name="Try it").click()
    expect(posted.get_by_role("status")).to_contain_text("422: k: ")
    similar = run_example(page, "/v1/items/{item_id}/similar")
    expect(similar.get_by_label("Answer", exact=True)).to_contain_text('"results"')
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    nothing_found(axe, page)
