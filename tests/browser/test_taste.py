"""Thumbs, the shelf and recommendations."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from shortlist.bundle.articles import written
from tests.browser.test_search_page import address, cards, shows, titles, told
from tests.serving import Service

Visit = Callable[..., Any]


def recommended(service: Service, **body: Any) -> list[str]:
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=60)
    try:
        connection.request(
            "POST", "/v1/recommend", json.dumps(body), {"Content-Type": "application/json"}
        )
        answer = json.loads(connection.getresponse().read())
    finally:
        connection.close()
    return [written(one["title"]) for one in answer["results"]]


def like(page: Page, title: str) -> None:
    page.get_by_role("button", name=f"Like {title}", exact=True).click()


def dislike(page: Page, title: str) -> None:
    page.get_by_role("button", name=f"Dislike {title}", exact=True).click()


@pytest.fixture
def popular(sample: Service) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = sample.get("/v1/popular")[1]["results"]
    return found


def open_taste(page: Page) -> None:
    page.get_by_role("button", name="For your taste").click()
    expect(page.locator("#heading")).to_contain_text("For your taste")


def test_a_thumb_fills_the_shelf_and_changes_nothing_else(
    visit: Visit, sample: Service, popular: list[dict[str, Any]]
) -> None:
    page = visit(sample).open()
    before = titles(page)
    thumb = page.get_by_role("button", name=f"Like {written(popular[3]['title'])}", exact=True)
    thumb.scroll_into_view_if_needed()
    page.evaluate("scrollBy(0, 100)")
    place = thumb.bounding_box()
    thumb.click()
    expect(page.locator("#shelf")).to_contain_text(written(popular[3]["title"]))
    expect(thumb).to_have_attribute("aria-pressed", "true")
    expect(thumb).to_be_focused()
    assert titles(page) == before
    assert thumb.bounding_box() == pytest.approx(place, abs=1)
    assert address(page) == {}
    thumb.click()
    expect(page.locator("#shelf")).to_be_empty()


def test_the_taste_is_a_list_that_follows_the_shelf_once_it_is_opened(
    visit: Visit, sample: Service, popular: list[dict[str, Any]]
) -> None:
    visitor = visit(sample)
    page = visitor.open()
    titles(page)
    like(page, written(popular[0]["title"]))
    open_taste(page)
    shows(page, recommended(sample, liked=[popular[0]["item_id"]]))
    expect(page.locator("#shelf")).to_contain_text(written(popular[0]["title"]))
    assert address(page) == {"taste": ["true"]}
    second = titles(page)[1]
    disliked = sample.get("/v1/search", q=second, profile="tuned", k=1)[1]["results"][0]["item_id"]
    dislike(page, second)
    shows(page, recommended(
        sample, liked=[popular[0]["item_id"]], disliked=[disliked]
    ))  # fmt: skip
    visitor.shoot(page, "taste")


def test_text_joins_the_taste_and_filters_hold(
    visit: Visit, sample: Service, popular: list[dict[str, Any]]
) -> None:
    page = visit(sample).open()
    titles(page)
    like(page, written(popular[0]["title"]))
    open_taste(page)
    expect(page.locator("#heading")).to_have_text("For your taste")
    page.locator("#q").fill("a robot")
    liked = [popular[0]["item_id"]]
    shows(page, recommended(sample, liked=liked, text="a robot"))
    page.locator("[data-category=Drama]").check()
    shows(page, recommended(
        sample, liked=liked, text="a robot",
        filters={"categories": {"any": ["Drama"]}},
    ))  # fmt: skip


def test_the_shelf_stays_in_this_browser_and_out_of_the_address(
    visit: Visit, sample: Service, popular: list[dict[str, Any]]
) -> None:
    page = visit(sample).open()
    titles(page)
    like(page, written(popular[0]["title"]))
    open_taste(page)
    expected = recommended(sample, liked=[popular[0]["item_id"]])
    shows(page, expected)
    page.reload()
    shows(page, expected)
    assert str(popular[0]["item_id"]) not in page.url
    other = visit(sample).open("/?taste=true")
    shows(other, told(sample, "/v1/popular"))
    expect(other.locator("#shelf")).to_be_empty()


def test_leaving_and_coming_back_to_the_taste(
    visit: Visit, sample: Service, popular: list[dict[str, Any]]
) -> None:
    page = visit(sample).open("/?q=love")
    first = titles(page)[0]
    like(page, first)
    open_taste(page)
    expect(page.locator("#heading")).to_have_text("For your taste: love")
    page.get_by_role("button", name="Back to search").click()
    shows(page, told(sample, q="love"))
    expect(page.get_by_role("button", name=f"Like {first}", exact=True)).to_have_attribute(
        "aria-pressed", "true"
    )
    page.get_by_role("button", name="For your taste").click()
    expect(page.locator("#heading")).to_have_text("For your taste: love")
    page.get_by_role("button", name=f"Take {first} off the shelf").click()
    shows(page, told(sample, q="love"))
    expect(page.locator("#shelf")).to_be_empty()


def test_clearing_the_shelf_ends_recommendations(
    visit: Visit, sample: Service, popular: list[dict[str, Any]]
) -> None:
    page = visit(sample).open()
    titles(page)
    like(page, written(popular[0]["title"]))
    open_taste(page)
    expect(page.locator("#heading")).to_have_text("For your taste")
    page.get_by_role("button", name="Empty the shelf").click()
    shows(page, told(sample, "/v1/popular"))


def test_why_here_speaks_of_what_others_like(
    visit: Visit, sample: Service, popular: list[dict[str, Any]]
) -> None:
    page = visit(sample).open(f"/?like={popular[0]['item_id']}")
    titles(page)
    cards(page).first.get_by_role("button", name="Why here?").click()
    _, body = sample.get(f"/v1/items/{popular[0]['item_id']}/similar", k=1)
    (share,) = [
        one["value"] for one in body["results"][0]["components"] if one["feature"] == "co_liked"
    ]
    title = written(popular[0]["title"])
    expect(cards(page).first.locator(".why")).to_contain_text(
        f"About {round(100 * share)} % of those who like {title} like it too."
    )


def test_a_taste_that_nobody_shares_says_so(visit: Visit, sample: Service) -> None:
    _, body = sample.get("/v1/search", q="love", k=1000, n_candidates=1000)
    cold = next(one for one in body["results"] if not one["rating_count"])
    page = visit(sample).open(f"/?like={cold['item_id']}")
    titles(page)
    expect(page.locator("#notice")).to_contain_text("nobody else likes what was given")
