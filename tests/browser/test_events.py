"""What the pages tell the service of what people do, and where they must tell nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Page, Request, expect

from shortlist.bundle.articles import written
from shortlist.errors import EventStoreError
from shortlist.events.event import Event, EventType
from shortlist.events.store import EventStore
from tests.browser.test_search_page import cards, titles
from tests.event_stores import a_month
from tests.serving import Serve, Service, until

Visit = Callable[..., Any]
PRIVATE = "Object.defineProperty(Navigator.prototype, 'globalPrivacyControl', { get: () => true });"


@pytest.fixture
def taking(sample_artifacts: Path, serve: Serve, sqlite_events: str) -> Service:
    """A service that keeps events."""
    return serve(sample_artifacts, environment={"SHORTLIST_EVENTS": sqlite_events}).ready()


def wait_for(page: Page, look: Callable[[], object]) -> None:
    """Until `look` finds something, while the browser goes on."""
    for _ in range(400):
        if look():
            return
        page.wait_for_timeout(50)
    raise AssertionError("waited in vain")


class Told:
    """What the pages of a browser told the service, request by request."""

    def __init__(self, context: BrowserContext) -> None:
        self.requests: list[Request] = []
        context.on("request", self._seen)

    def _seen(self, request: Request) -> None:
        self.requests.append(request)

    def events(self) -> list[dict[str, Any]]:
        """Every event that was sent."""
        sent = [one for one in self.requests if one.url.endswith("/v1/events")]
        return [event for one in sent for event in json.loads(one.post_data or "")["events"]]

    def of(self, kind: str, page: Page, n: int) -> list[dict[str, Any]]:
        """The events of a kind, once there are so many."""

        def found() -> list[dict[str, Any]]:
            return [one for one in self.events() if one["type"] == kind]

        wait_for(page, lambda: len(found()) >= n)
        return found()

    def visits(self) -> set[str | None]:
        """The visits that requests below /v1 said they belong to."""
        asked = [one for one in self.requests if "/v1/" in one.url]
        return {one.headers.get("x-session-id") for one in asked}


def everything(url: str) -> list[Event]:
    """What the service has stored."""
    store = EventStore.open(url, writes=False)
    found = [one for batch in store.batches() for one in batch]
    store.close()
    return found


def of(url: str, kind: EventType) -> list[Event]:
    """What the service has stored of a kind."""
    return [one for one in everything(url) if one.type is kind]


def stored(url: str, n: int) -> list[Event]:
    """What the service has stored, once it has made the store and there are so many events."""

    def look() -> list[Event] | None:
        try:
            found = everything(url)
        except EventStoreError:
            return None
        return found if len(found) >= n else None

    return until(look)


def wait_for_store(url: str) -> None:
    """Until the service has made the store."""

    def made() -> bool:
        try:
            everything(url)
        except EventStoreError:
            return False
        return True

    until(made)


def in_view(page: Page) -> list[str]:
    """The ids of the cards of which half is in the window."""
    found: list[str] = page.evaluate(
        """() => [...document.querySelectorAll("#results .card")].filter((one) => {
          const { top, bottom, height } = one.getBoundingClientRect();
          return Math.min(bottom, innerHeight) - Math.max(top, 0) >= height / 2;
        }).map((one) => one.dataset.id)"""
    )
    return found


def test_what_is_seen_opened_and_judged_is_told(
    visit: Visit, taking: Service, sqlite_events: str
) -> None:
    visitor = visit(taking)
    told = Told(visitor.context)
    page = visitor.open("/?q=a+robot+left+alone+on+earth")
    shown = titles(page)
    expected = in_view(page)
    assert 0 < len(expected) < len(shown), "some cards are below the window"
    seen = told.of("impression", page, len(expected))
    assert [one["item_id"] for one in seen] == expected
    assert [one["rank"] for one in seen] == list(range(1, len(expected) + 1))
    (query_id,) = {one["query_id"] for one in seen}

    cards(page).last.scroll_into_view_if_needed()
    last = cards(page).last.get_attribute("data-id")
    wait_for(page, lambda: last in {one["item_id"] for one in told.events()})

    like = page.get_by_role("button", name=f"Like {shown[1]}", exact=True)
    like.click()
    like.click()  # off again: that is nothing to tell
    page.get_by_role("button", name=f"Dislike {shown[2]}", exact=True).click()
    ids = [one.get_attribute("data-id") for one in cards(page).all()]
    (liked,) = told.of("like", page, 1)
    (disliked,) = told.of("dislike", page, 1)
    assert (liked["item_id"], liked["rank"]) == (ids[1], 2)
    assert (disliked["item_id"], disliked["rank"]) == (ids[2], 3)

    cards(page).first.locator("h3 a").click()
    expect(page.locator("#item h2")).to_have_text(shown[0])
    # sent while the page was left: the browser's tools do not see that
    (clicked,) = until(lambda: of(sqlite_events, EventType.CLICK))
    assert (clicked.item_id, clicked.rank, clicked.query_id) == (ids[0], 1, query_id)

    (session,) = {one["session_id"] for one in told.events()} | {clicked.session}
    assert told.visits() == {session}
    assert page.evaluate("sessionStorage.getItem('shortlist-visit')") == session
    kinds = {one.type for one in stored(sqlite_events, len(told.events()))}
    assert kinds == {EventType.IMPRESSION, EventType.CLICK, EventType.LIKE, EventType.DISLIKE}
    store = EventStore.open(sqlite_events, writes=False)
    answers = {one.query_id: one for batch in store.query_batches() for one in batch}
    store.close()
    assert {one.type for one in answers[query_id].outcomes} == kinds
    assert answers[query_id].session == session
    assert answers[query_id].shown[0] == ids[0]


def test_the_page_of_an_item_tells_what_is_thought_of_it(visit: Visit, taking: Service) -> None:
    visitor = visit(taking)
    told = Told(visitor.context)
    (item,) = taking.get("/v1/popular", k=1)[1]["results"]
    page = visitor.open(f"/items/{item['item_id']}")
    name = f"Like {written(item['title'])}"
    page.locator("#item").get_by_role("button", name=name, exact=True).click()
    (liked,) = told.of("like", page, 1)
    assert liked["item_id"] == str(item["item_id"])
    assert "query_id" not in liked and "rank" not in liked


def test_what_could_not_be_sent_is_sent_again_by_the_same_ids(
    visit: Visit, taking: Service, sqlite_events: str
) -> None:
    visitor = visit(taking)
    visitor.expected.append("503")
    tries: list[list[str]] = []

    def answer(route: Any) -> None:
        events = json.loads(route.request.post_data)["events"]
        tries.append([one["event_id"] for one in events])
        if len(tries) == 1:
            route.fulfill(status=503, body="{}")
        else:
            route.continue_()

    visitor.context.route("**/v1/events", answer)
    page = visitor.open("/?q=love")
    first = titles(page)[0]
    wait_for(page, lambda: tries)
    page.get_by_role("button", name=f"Like {first}", exact=True).click()
    wait_for(page, lambda: len(tries) > 1)
    assert set(tries[0]) < set(tries[1])
    assert {one.event_id for one in stored(sqlite_events, len(tries[1]))} >= set(tries[1])


def silent(visitor: Any, told: Told) -> None:
    """Searches, thumbs and the shelf work, and nothing is told."""
    page = visitor.open("/?q=love")
    first = titles(page)[0]
    page.get_by_role("button", name=f"Like {first}", exact=True).click()
    expect(page.locator("#shelf")).to_contain_text(first)
    page.get_by_role("button", name="For your taste").click()
    expect(page.locator("#heading")).to_contain_text("For your taste")
    cards(page).first.locator("h3 a").click()
    expect(page.locator("#item h2")).to_be_visible()
    page.wait_for_timeout(2500)  # longer than the page collects what it sends
    assert told.events() == []
    assert told.visits() == {None}
    assert page.evaluate("sessionStorage.length") == 0


def test_nothing_is_told_where_the_browser_says_no(
    visit: Visit, taking: Service, sqlite_events: str
) -> None:
    visitor = visit(taking)
    visitor.context.add_init_script(PRIVATE)
    silent(visitor, Told(visitor.context))
    assert everything(sqlite_events) == []


def test_nothing_is_told_where_the_service_keeps_nothing(visit: Visit, sample: Service) -> None:
    visitor = visit(sample)
    silent(visitor, Told(visitor.context))


def test_with_a_key_events_show_it(
    visit: Visit, sample_artifacts: Path, serve: Serve, sqlite_events: str
) -> None:
    key = {"SHORTLIST_EVENTS": sqlite_events, "SHORTLIST_API_KEY": "s3cret"}
    service = serve(sample_artifacts, environment=key).ready()
    visitor = visit(service)
    visitor.expected.append("401")
    page = visitor.open("/?q=love")
    page.locator("#key").fill("s3cret")
    page.get_by_role("button", name="Use this key").click()
    titles(page)
    assert stored(sqlite_events, len(in_view(page)))


@pytest.mark.parametrize("width", [360, 1200])
def test_insights_can_be_read_at_any_width(
    visit: Visit, sample_artifacts: Path, serve: Serve, sqlite_events: str, axe: Axe, width: int
) -> None:
    key = {
        "SHORTLIST_EVENTS": sqlite_events, "SHORTLIST_API_KEY": "s3cret",
        "SHORTLIST_LOG_QUERIES": "on",
    }  # fmt: skip
    service = serve(sample_artifacts, environment=key).ready()
    visitor = visit(
        service,
        viewport={"width": width, "height": 800},
        http_credentials={"username": "staff", "password": "s3cret"},
    )
    wait_for_store(sqlite_events)
    store = EventStore.open(sqlite_events)
    a_month(store)
    store.close()
    page = visitor.open("/insights")
    expect(page.locator("svg.chart")).to_have_count(5)
    expect(page.get_by_role("region", name="Most frequent")).to_contain_text("space travel")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    smallest = page.evaluate(
        """() => Math.min(...[...document.querySelectorAll("svg.chart text")].map(
          (one) => one.getBoundingClientRect().height))"""
    )
    assert smallest >= 10, "letters of the charts"
    assert axe.run(page).violations_count == 0, axe.run(page).generate_report()
    visitor.shoot(page, f"insights-{width}")
