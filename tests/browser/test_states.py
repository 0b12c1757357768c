"""What the page shows when things change or fail: swaps, outages, keys, nothing to serve."""

from __future__ import annotations

import http.client
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Route, expect

from tests.browser.test_search_page import address, cards, shows, titles, told
from tests.publishing import publish

Visit = Callable[..., Any]
Serve = Callable[..., Any]

SECRET = "sw0rdfish"
HUGE = 9_007_199_254_740_993  # 2^53 + 1: as a number in JavaScript it would be 2^53


@pytest.fixture
def tiny(write_catalog: Callable[..., Path], minilm_export: Path, tmp_path: Path) -> Path:
    """An artifacts folder of its own with the five films published."""
    publish(write_catalog(), tmp_path / "artifacts")
    return tmp_path / "artifacts"


def test_a_swap_is_noticed_without_a_reload(
    visit: Visit, serve: Serve, tiny: Path, write_catalog: Callable[..., Path]
) -> None:
    service = serve(tiny, "--poll-s", "0.2").ready()
    visitor = visit(service)
    page = visitor.open("/?q=robots")
    assert len(titles(page)) == 5
    before = service.get("/readyz")[1]["version"]
    expect(page.locator("#status")).to_contain_text(before)
    page.evaluate("window.untouched = true")
    films = (write_catalog().parent / "movies.csv").read_text() + "6,Robot Choir (2024),Musical\n"
    publish(write_catalog(movies=films), tiny)
    expect(page.locator("#swap")).to_contain_text("is live now")
    expect(page.locator("#results .card")).to_have_count(6)
    after = service.get("/readyz")[1]["version"]
    assert after != before
    expect(page.locator("#status")).to_contain_text(after)
    expect(page.locator("#status")).to_contain_text("6 items")
    assert page.evaluate("window.untouched") is True
    visitor.shoot(page, "swap")


def test_a_service_that_is_gone_is_told_and_its_return_noticed(
    visit: Visit, serve: Serve, tiny: Path
) -> None:
    service = serve(tiny).ready()
    visitor = visit(service)
    visitor.expected.append("ERR_")
    page = visitor.open("/?q=robots")
    titles(page)
    service.kill()
    expect(page.locator("#status")).to_contain_text("cannot be reached")
    page.locator("#q").fill("space")
    expect(page.locator("#notice")).to_contain_text("The service cannot be reached.")
    expect(page.get_by_role("button", name="Try again")).to_be_visible()
    visitor.shoot(page, "gone")
    again = serve(tiny, "--port", str(service.port)).ready()
    shows(page, told(again, q="space"))
    expect(page.locator("#status")).to_contain_text("5 items")


def test_nothing_is_live_yet_and_then_something_is(
    visit: Visit, serve: Serve, tiny: Path, tmp_path: Path
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    service = serve(empty, "--poll-s", "0.2")
    visitor = visit(service)
    visitor.expected.append("503")
    page = visitor.open("/?q=robots")
    expect(page.locator("#notice")).to_contain_text("No index is live yet.")
    expect(page.locator("#status")).to_contain_text("No index is live yet")
    visitor.shoot(page, "not-ready")
    for path in tiny.iterdir():
        if path.is_dir():
            shutil.copytree(path, empty / path.name)
    shutil.copy(tiny / "CURRENT", empty / "CURRENT")
    expect(page.locator("#results .card")).to_have_count(5)


def test_a_slow_answer_shows_that_it_is_awaited(visit: Visit, sample: Any) -> None:
    page = visit(sample).open("/?q=love")
    titles(page)
    held = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/v1/search", hold)
    page.locator("#q").fill("space travel")
    expect(page.locator("#results")).to_have_attribute("aria-busy", "true")
    page.wait_for_timeout(100)
    for route in held:
        route.continue_()
    shows(page, told(sample, q="space travel"))
    expect(page.locator("#results")).not_to_have_attribute("aria-busy", "true")


def test_an_older_answer_never_replaces_a_newer_one(visit: Visit, sample: Any) -> None:
    page = visit(sample).open("/?q=love")
    titles(page)
    held = []
    page.route(
        "**/v1/search",
        lambda route: (
            held.append(route)
            if '"q":"space"' in (route.request.post_data or "")
            else route.continue_()
        ),
    )
    page.locator("#q").fill("space")
    expect(page.locator("#results")).to_have_attribute("aria-busy", "true")
    page.locator("#q").fill("a robot")
    shows(page, told(sample, q="a robot"))
    for route in held:
        route.abort()
    page.wait_for_timeout(200)
    shows(page, told(sample, q="a robot"))


def test_a_key_is_asked_for_and_kept_for_this_tab(visit: Visit, serve: Serve, tiny: Path) -> None:
    service = guarded(serve, tiny)
    visitor = visit(service)
    visitor.expected.append("401")
    page = visitor.open("/?q=robots")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("asks for a key")
    visitor.shoot(page, "key")
    page.get_by_label("API key").fill("wrong")
    page.get_by_role("button", name="Use this key").click()
    expect(dialog).to_contain_text("not the right one")
    page.get_by_label("API key").fill(SECRET)
    page.keyboard.press("Enter")
    assert len(titles(page)) == 5
    expect(dialog).to_have_count(0)
    assert page.evaluate("sessionStorage.getItem('shortlist-key')") == SECRET
    assert page.evaluate("localStorage.length") == 0
    page.reload()
    assert len(titles(page)) == 5


def guarded(serve: Serve, artifacts: Path) -> Any:
    """A service whose environment carries a key."""
    return serve(artifacts, environment={"SHORTLIST_API_KEY": SECRET}).ready()


def test_with_a_key_the_page_itself_shows_nothing(serve: Serve, tiny: Path) -> None:
    service = guarded(serve, tiny)
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=60)
    try:
        connection.request("GET", "/?q=robots")
        response = connection.getresponse()
        text = response.read().decode()
    finally:
        connection.close()
    assert response.status == 200
    assert "Robot Dawn" not in text
    assert '<li class="card"' not in text


def test_ids_beyond_2_to_the_53_stay_what_they_are(
    visit: Visit, serve: Serve, write_catalog: Callable[..., Path], minilm_export: Path,
    tmp_path: Path,
) -> None:  # fmt: skip
    films = (write_catalog().parent / "movies.csv").read_text().replace("4,Robot", f"{HUGE},Robot")
    ratings = "userId,movieId,rating,timestamp\n" + "".join(
        f"{user},{item},5.0,1\n" for user in (1, 2) for item in (HUGE, 1, 2)
    )
    catalog = write_catalog(movies=films, ratings=ratings)
    publish(catalog, tmp_path / "huge")
    service = serve(tmp_path / "huge").ready()
    visitor = visit(service)
    page = visitor.open("/?q=robot+dawn")
    assert titles(page)[0] == "Robot Dawn (2020)"
    page.get_by_role("button", name="More like Robot Dawn").click()
    expect(page.locator("#heading")).to_have_text("More like Robot Dawn (2020)")
    assert address(page) == {"like": [str(HUGE)]}
    shows(page, told(service, f"/v1/items/{HUGE}/similar"))
    page.go_back()
    titles(page)
    page.get_by_role("button", name="Like Robot Dawn (2020)", exact=True).click()
    page.get_by_role("button", name="For your taste").click()
    expect(page.locator("#heading")).to_have_text("For your taste: robot dawn")
    expect(cards(page)).to_have_count(4)
    expect(page.locator("#results")).not_to_contain_text("Robot Dawn")


@pytest.mark.parametrize("name", ["__proto__", "constructor", "toString"])
def test_an_attribute_may_have_any_name(
    visit: Visit, serve: Serve, write_catalog: Callable[..., Path], minilm_export: Path,
    tmp_path: Path, name: str,
) -> None:  # fmt: skip
    catalog = write_catalog()
    catalog.write_text(catalog.read_text().replace("\nyear = {", f"\n{name} = {{"))
    publish(catalog, tmp_path / "named")
    service = serve(tmp_path / "named").ready()
    page = visit(service).open("/?q=robots")
    shows(page, told(service, q="robots"))
    page.get_by_label("from", exact=True).fill("2020")
    shows(page, ["Robot Dawn (2020)"])
    page.get_by_label("from", exact=True).blur()
    page.wait_for_url("**range=**")
    assert address(page)["range"] == [f"{name}:2020:"]
    page.reload()
    shows(page, ["Robot Dawn (2020)"])
    page.get_by_label("from", exact=True).fill("")
    shows(page, told(service, q="robots"))


def test_a_catalogue_without_ratings_opens_on_its_items(
    visit: Visit, serve: Serve, write_catalog: Callable[..., Path], minilm_export: Path,
    tmp_path: Path,
) -> None:  # fmt: skip
    catalog = write_catalog()
    text = catalog.read_text()
    begin, end = text.index("[ratings]"), text.index("[document]")
    catalog.write_text(text[:begin] + text[end:])
    publish(catalog, tmp_path / "unrated")
    service = serve(tmp_path / "unrated").ready()
    page = visit(service).open()
    shows(page, told(service, "/v1/popular"))
    expect(page.locator("#heading")).to_have_text("From the catalogue")
    expect(page.get_by_label("Ratings at least")).to_have_count(0)
    page.locator("#q").fill("robots")
    shows(page, told(service, q="robots"))
    page.get_by_role("button", name="Like Robot Dawn (2020)", exact=True).click()
    page.get_by_role("button", name="For your taste").click()
    expect(page.locator("#notice")).to_contain_text("does not say who likes what")


def test_a_worker_that_is_killed_is_not_noticed_for_long(
    visit: Visit, serve: Serve, tiny: Path
) -> None:
    service = serve(tiny).ready()
    visitor = visit(service)
    visitor.expected.append("ERR_")
    visitor.expected.append("503")
    page = visitor.open("/?q=robots")
    titles(page)
    os.kill(service.children()[0].pid, signal.SIGKILL)
    page.locator("#q").fill("space")
    shows(page, told_when_back(service))
    expect(page.locator("#status")).to_contain_text("5 items")


def told_when_back(service: Any) -> list[str]:
    service.wait_for(lambda: service.status_of("/v1/search?q=space") == 200)
    return told(service, q="space")
