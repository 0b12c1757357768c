"""The search page as a person uses it: typing, dragging, filtering, going back, by keyboard."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Locator, Page, expect

from shortlist.bundle.articles import written
from tests.serving import Serve, Service

LEAST_CONTENT = 1_000


Visit = Callable[..., Any]


def cards(page: Page) -> Locator:
    return page.locator("#results .card")


def titles(page: Page) -> list[str]:
    """The titles shown, once the scripts have drawn them."""
    expect(page.locator("#results .actions").first).to_be_visible()
    found: list[str] = page.locator("#results h3").evaluate_all(
        "all => all.map(one => one.lastChild.textContent)"
    )
    return found


def told(service: Service, path: str = "/v1/search", **parameters: object) -> list[str]:
    """The titles that the API gives, with the page's ten, as people write them."""
    status, body = service.get(path, **parameters)
    assert status == 200, body
    return [written(one["title"]) for one in body["results"]]


def tune(page: Page) -> None:
    """Opens what steps back behind "Tune"."""
    page.get_by_text("Tune", exact=True).click()


def address(page: Page) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.url).query)


def shows(page: Page, expected: list[str]) -> None:
    """Waits until exactly these titles are shown, in this order."""
    expect(page.locator("#results h3")).to_have_text(
        [re.compile(re.escape(title)) for title in expected]
    )


def drag(page: Page, element: Locator, begin: float, end: float) -> None:
    """Press at one share of an element's width, let go at another."""
    element.scroll_into_view_if_needed()
    box = element.bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + begin * box["width"], middle)
    page.mouse.down()
    for step in range(1, 9):
        at = begin + (end - begin) * step / 8
        page.mouse.move(box["x"] + at * box["width"], middle)
    before = page.url
    page.mouse.up()
    page.wait_for_function("url => location.href !== url", arg=before)


def test_results_come_while_one_types(visit: Visit, sample: Service) -> None:
    page = visit(sample).open()
    page.locator("#q").press_sequentially("space trav", delay=20)
    shows(page, told(sample, q="space trav"))
    page.locator("#q").press_sequentially("el", delay=20)
    shows(page, told(sample, q="space travel"))
    assert address(page) == {"q": ["space travel"]}
    expect(page.locator("#heading")).to_have_text("Results for space travel")


def test_a_card_shows_the_item_and_keeps_its_numbers_back(visit: Visit, sample: Service) -> None:
    visitor = visit(sample)
    page = visitor.open("/?q=space+travel")
    titles(page)
    _, body = sample.get("/v1/search", q="space travel", explain="true")
    for place, result in enumerate(body["results"]):
        card = cards(page).nth(place)
        assert f"({result['attributes']['year']})" in result["title"]
        expect(card.locator(".meta")).to_have_text(" · ".join(result["categories"]))
        expect(card.locator("h3 a")).to_have_attribute("href", f"/items/{result['item_id']}")
        expect(card.locator(".bar, .standing, table")).to_have_count(0)
    visitor.shoot(page, "search")


def test_a_title_is_written_as_people_write_it(visit: Visit, sample: Service) -> None:
    page = visit(sample).open("/?q=a+robot+raises+a+gosling")
    assert "The Wild Robot (2024)" in titles(page)


def test_scripts_and_server_write_every_title_alike(
    visit: Visit, sample: Service, repository: Path
) -> None:
    page = visit(sample).open()
    with (repository / "data/sample/movies.csv").open(encoding="utf-8", newline="") as file:
        given = [row["title"] for row in csv.DictReader(file)]
    given += ["Vitamin, a", "Twelve, Step (Tale, A)", "Atalante, L'", "One, Two (Three)", ""]
    of_scripts = page.evaluate(
        "async (all) => { const { written } = await import('/static/words.js');"
        " return all.map(written); }",
        given,
    )
    assert of_scripts == [written(title) for title in given]
    assert of_scripts[-5:-1] == [
        "Vitamin, a", "Twelve, Step (A Tale)", "L'Atalante", "One, Two (Three)"
    ]  # fmt: skip


def test_why_here_shows_what_the_score_is_made_of(visit: Visit, sample: Service) -> None:
    page = visit(sample).open("/?q=space+travel")
    titles(page)
    _, body = sample.get("/v1/search", q="space travel", explain="true")
    whole = max(1.0, *(one["score"] for one in body["results"]))
    for place, result in enumerate(body["results"]):
        card = cards(page).nth(place)
        card.get_by_role("button", name="Why here?").click()
        expect(card.locator(".standing strong")).to_have_text(f"{result['score']:.3f}")
        expect(card.locator(".why")).to_contain_text(
            f"It is number {result['retrieval_rank']} by closeness in meaning to what you typed."
        )
        widths = card.locator(".bar span").evaluate_all(
            "all => all.map(one => parseFloat(one.style.width))"
        )
        parts = [one["contribution"] for one in result["components"] if one["contribution"] > 0]
        assert widths == pytest.approx([100 * part / whole for part in parts], abs=0.01)


CALLED = {"similarity": "meaning", "popularity": "rating"}
"""What the page calls the features of the sample's default profile in these tests."""


def test_why_here_is_told_in_words_and_numbers(visit: Visit, sample: Service) -> None:
    page = visit(sample).open("/?q=space+travel")
    titles(page)
    _, body = sample.get("/v1/search", q="space travel", explain="true", highlights="true")
    result = body["results"][0]
    card = cards(page).first
    card.get_by_role("button", name="Why here?").click()
    why = card.locator(".why")
    for part in result["components"]:
        row = why.get_by_role("row").filter(has_text=CALLED[part["feature"]])
        expect(row).to_contain_text(f"{part['value']:.3f}")
        expect(row).to_contain_text(f"= {part['contribution']:.3f}")
    for feature, rank in result["explanation"]["rank_without"].items():
        sentence = f"Without “{CALLED[feature]}” it would be number {rank}."
        expect(why.get_by_text(sentence)).to_have_count(int(rank != result["rank"]))
    limits = result["explanation"]["popularity_range"]
    expect(why).to_contain_text(
        f"while “rating” weighs {limits['low']:.2f} to {limits['high']:.2f}"
    )
    expect(why).to_contain_text(f"{result['rating_count']} people rated it")
    for one in result["highlights"]:
        expect(why).to_contain_text(f"“{' '.join(one['words'])}” in its {one['field']}")
    card.get_by_role("button", name="Why here?").click()
    expect(why).to_be_hidden()


def test_why_here_speaks_of_no_weight_that_the_profile_lacks(visit: Visit, sample: Service) -> None:
    page = visit(sample).open("/?q=space+travel&profile=similarity")
    titles(page)
    cards(page).first.get_by_role("button", name="Why here?").click()
    why = cards(page).first.locator(".why")
    expect(why.get_by_role("row")).to_have_count(2)
    expect(why).not_to_contain_text("weighs")
    expect(why).not_to_contain_text("“rating”")


def test_the_order_moves_while_a_weight_is_dragged(visit: Visit, sample: Service) -> None:
    page = visit(sample).open("/?q=space+travel")
    tune(page)
    assert titles(page) == told(sample, q="space travel")
    drag(page, page.get_by_label("Rating", exact=True), 0.15, 0.99)
    (weight,) = address(page)["w_popularity"]
    assert float(weight) > 1.8
    moved = told(sample, q="space travel", w_popularity=weight)
    assert moved != told(sample, q="space travel")
    shows(page, moved)
    page.get_by_role("button", name="Back to the usual").click()
    shows(page, told(sample, q="space travel"))
    assert address(page) == {"q": ["space travel"]}


def test_while_it_is_dragged_not_only_when_let_go(visit: Visit, sample: Service) -> None:
    page = visit(sample).open("/?q=space+travel")
    tune(page)
    titles(page)
    slider = page.get_by_label("Rating", exact=True)
    box = slider.bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 0.15 * box["width"], middle)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.99 * box["width"], middle, steps=5)
    shows(page, told(sample, q="space travel", w_popularity=slider.input_value()))
    page.mouse.up()


def test_profile_depth_and_variety(visit: Visit, sample: Service) -> None:
    page = visit(sample).open("/?q=a+heist+that+goes+wrong")
    tune(page)
    titles(page)
    page.get_by_label("Ranking").select_option("tuned")
    shows(page, told(sample, q="a heist that goes wrong", profile="tuned"))
    page.get_by_label("How many are compared").fill("200")
    page.get_by_label("Variety").fill("0.6")
    asked = {"profile": "tuned", "n_candidates": 200, "diversity": 0.6}
    shows(page, told(sample, q="a heist that goes wrong", **asked))
    assert address(page) == {
        "q": ["a heist that goes wrong"],
        **{name: [str(value)] for name, value in asked.items()},
    }


def test_filters_by_category_year_and_ratings(visit: Visit, sample: Service) -> None:
    visitor = visit(sample)
    page = visitor.open("/?q=love")
    titles(page)
    page.locator("[data-category=Comedy]").check()
    shows(page, told(sample, q="love", category="Comedy"))
    drag(page, page.locator("[data-histogram=year]"), 0.5, 0.75)
    (limits,) = address(page)["range"]
    name, low, high = limits.split(":")
    assert name == "year"
    assert 1900 < int(low) < int(high) < 2030
    shows(page, told(sample, q="love", category="Comedy", range=limits))
    visitor.shoot(page, "filtered")
    page.get_by_label("Ratings at least").fill("20")
    shows(page, told(sample, q="love", category="Comedy", range=limits, min_rating_count=20))
    page.get_by_label("from", exact=True).fill("1990")
    page.get_by_label("to", exact=True).fill("1999")
    shows(page, told(
        sample, q="love", category="Comedy", range="year:1990:1999", min_rating_count=20
    ))  # fmt: skip
    page.get_by_role("button", name="Any year").click()
    shows(page, told(sample, q="love", category="Comedy", min_rating_count=20))


def test_counts_are_those_of_the_matches(visit: Visit, sample: Service) -> None:
    page = visit(sample).open("/?q=love&range=year:1990:1999")
    titles(page)
    _, body = sample.get("/v1/search", q="love", range="year:1990:1999", facet="categories")
    first = body["facets"]["categories"][0]
    expect(page.locator(f"[data-count='{first['name']}']")).to_have_text(f"{first['count']:,}")


def test_nothing_passes_the_filters_and_they_can_be_cleared(visit: Visit, sample: Service) -> None:
    visitor = visit(sample)
    page = visitor.open("/?q=love&range=year:1800:1801")
    expect(page.locator("#notice")).to_contain_text("Nothing passes these filters.")
    expect(cards(page)).to_have_count(0)
    visitor.shoot(page, "nothing")
    page.get_by_role("button", name="Clear the filters").click()
    shows(page, told(sample, q="love"))


def test_a_query_about_other_things_is_told(visit: Visit, sample: Service) -> None:
    page = visit(sample).open("/?q=regular+expression+to+validate+a+postcode")
    titles(page)
    expect(page.locator("#notice")).to_contain_text("Nothing here seems to be about this.")


def test_going_back_and_reloading_bring_the_same_list(visit: Visit, sample: Service) -> None:
    page = visit(sample).open("/?q=space+travel")
    page.locator("[data-category=Drama]").check()
    dramas = told(sample, q="space travel", category="Drama")
    shows(page, dramas)
    page.locator("#q").fill("a robot")
    page.locator("#q").press("Enter")
    shows(page, told(sample, q="a robot", category="Drama"))
    page.go_back()
    shows(page, dramas)
    expect(page.locator("#q")).to_have_value("space travel")
    expect(page.locator("[data-category=Drama]")).to_be_checked()
    page.go_back()
    shows(page, told(sample, q="space travel"))
    expect(page.locator("[data-category=Drama]")).not_to_be_checked()
    page.go_forward()
    shows(page, dramas)
    page.reload()
    shows(page, dramas)


def test_back_undoes_a_slider_a_brush_and_typing(visit: Visit, sample: Service) -> None:
    page = visit(sample).open("/?q=love")
    tune(page)
    usual = told(sample, q="love")
    shows(page, usual)
    drag(page, page.get_by_label("Rating", exact=True), 0.15, 0.99)
    (weight,) = address(page)["w_popularity"]
    weighed = told(sample, q="love", w_popularity=weight)
    shows(page, weighed)
    drag(page, page.locator("[data-histogram=year]"), 0.5, 0.75)
    assert "range" in address(page)
    page.go_back()
    shows(page, weighed)
    page.locator("#q").fill("")
    page.locator("#q").press_sequentially("space", delay=10)
    page.locator("#q").press("Enter")
    shows(page, told(sample, q="space", w_popularity=weight))
    page.go_back()
    shows(page, weighed)
    page.go_back()
    shows(page, usual)


def test_a_year_typed_digit_by_digit_is_one_step(visit: Visit, sample: Service) -> None:
    page = visit(sample).open("/?q=love")
    titles(page)
    page.get_by_label("from", exact=True).press_sequentially("1990", delay=10)
    page.get_by_label("to", exact=True).press_sequentially("1999", delay=10)
    page.keyboard.press("Tab")
    shows(page, told(sample, q="love", range="year:1990:1999"))
    assert address(page)["range"] == ["year:1990:1999"]
    page.go_back()
    shows(page, told(sample, q="love", range="year:1990:"))
    page.go_back()
    shows(page, told(sample, q="love"))


def test_an_address_is_the_whole_state_for_somebody_else(visit: Visit, sample: Service) -> None:
    path = (
        "/?q=love&profile=similarity&w_popularity=0.4&n_candidates=120&diversity=0.3"
        "&category=Drama&category=Comedy&range=year%3A1980%3A&min_rating_count=5"
    )
    page = visit(sample).open(path)
    tune(page)
    _, body = sample.get(path.replace("/?", "/v1/search?"))
    shows(page, [written(one["title"]) for one in body["results"]])
    expect(page.get_by_label("Variety")).to_have_value("0.3")
    expect(page.get_by_label("How many are compared")).to_have_value("120")
    expect(page.get_by_label("Ranking")).to_have_value("similarity")
    expect(page.get_by_label("Rating", exact=True)).to_have_value("0.4")
    expect(page.get_by_label("from", exact=True)).to_have_value("1980")
    expect(page.get_by_label("Ratings at least")).to_have_value("5")


def test_more_results_go_on_with_the_list(visit: Visit, sample: Service) -> None:
    page = visit(sample).open("/?q=love")
    titles(page)
    page.get_by_role("button", name="More results").click()
    shows(page, told(sample, q="love", k=20))
    expect(cards(page).nth(10)).to_be_focused()


def test_the_end_of_the_candidates_is_told_and_can_be_gone_beyond(
    visit: Visit, sample: Service
) -> None:
    page = visit(sample).open("/?q=love")
    titles(page)
    for shown in (20, 30, 40, 50):
        page.get_by_role("button", name="More results").click()
        expect(cards(page)).to_have_count(shown)
    expect(page.locator("#more")).to_be_hidden()
    expect(page.locator("#end")).to_contain_text("The end: these 50 were compared closely.")
    page.get_by_role("button", name="Go deeper").click()
    shows(page, told(sample, q="love", n_candidates=200))
    assert address(page) == {"q": ["love"], "n_candidates": ["200"]}
    expect(page.get_by_role("button", name="More results")).to_be_visible()


def test_filters_read_from_the_text_are_chips_that_can_be_taken_off(
    visit: Visit, sample: Service
) -> None:
    page = visit(sample).open("/")
    page.locator("#q").fill("80s action without comedy")
    chips = page.locator("#read li")
    expect(chips).to_have_text([
        re.compile("year 1980–1989"), re.compile("^Action"), re.compile("no Comedy")
    ])  # fmt: skip
    read = {"q": "80s action without comedy", "reads": "apply"}
    shows(page, told(sample, **read))
    years = [int(one[-5:-1]) for one in titles(page)]
    assert years
    assert all(1980 <= year <= 1989 for year in years)
    page.get_by_role("button", name="Do not filter by 80s").click()
    expect(chips).to_have_text([re.compile("^Action"), re.compile("no Comedy")])
    assert address(page)["unread"] == ["80s"]
    shows(page, told(sample, **read, unread="80s"))
    page.go_back()
    expect(chips).to_have_count(3)
    shows(page, told(sample, **read))
    page.go_forward()
    page.reload()
    expect(chips).to_have_count(2)
    shows(page, told(sample, **read, unread="80s"))


def test_without_scripts_filters_are_read_too(visit: Visit, sample: Service) -> None:
    page = visit(sample, java_script_enabled=False).open("/?q=80s+action")
    expect(page.locator("#read li")).to_have_text([
        re.compile("year 1980–1989"), re.compile("^Action")
    ])  # fmt: skip
    page.get_by_role("link", name="Do not filter by 80s").click()
    expect(page.locator("#read li")).to_have_text([re.compile("^Action")])
    assert address(page)["unread"] == ["80s"]


def test_suggestions_by_arrow_keys(visit: Visit, sample: Service) -> None:
    visitor = visit(sample)
    page = visitor.open()
    _, body = sample.get("/v1/suggest", q="nosf", k=6)
    offered = [written(one["title"]) for one in body["suggestions"]]
    page.locator("#q").press_sequentially("nosf", delay=20)
    options = page.locator("#suggestions li")
    expect(options).to_have_text(offered)
    expect(page.locator("#q")).to_have_attribute("aria-expanded", "true")
    visitor.shoot(page, "suggestions")
    page.keyboard.press("ArrowDown")
    expect(options.first).to_have_attribute("aria-selected", "true")
    expect(page.locator("#q")).to_have_attribute("aria-activedescendant", "s-0")
    page.keyboard.press("Enter")
    expect(page.locator("#item h2")).to_have_text(offered[0])
    assert page.url == f"{visitor.base}/items/{body['suggestions'][0]['item_id']}"


def test_a_category_is_offered_as_such_and_searched_for(visit: Visit, sample: Service) -> None:
    page = visit(sample).open()
    page.locator("#q").press_sequentially("come", delay=20)
    first = page.locator("#suggestions li").first
    expect(first).to_have_text("Comedy (category)")
    first.click()
    expect(page.locator("#q")).to_have_value("Comedy")
    shows(page, told(sample, q="Comedy"))


def test_a_pointer_picks_and_escape_closes_suggestions(visit: Visit, sample: Service) -> None:
    page = visit(sample).open()
    page.locator("#q").press_sequentially("nosf", delay=20)
    expect(page.locator("#suggestions li").first).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#suggestions")).to_be_hidden()
    page.locator("#q").press_sequentially("e", delay=20)
    title = written(sample.get("/v1/suggest", q="nosfe", k=6)[1]["suggestions"][0]["title"])
    first = page.locator("#suggestions li").first
    expect(first).to_have_text(title)
    first.click()
    expect(page.locator("#item h2")).to_have_text(title)


def test_everything_by_keyboard(visit: Visit, sample: Service) -> None:
    page = visit(sample).open("/?q=space+travel")
    page.locator("#q").blur()
    expected = titles(page)
    page.keyboard.press("/")
    expect(page.locator("#q")).to_be_focused()
    page.keyboard.type("love")
    shows(page, told(sample, q="love"))
    expect(page.locator("#suggestions li").first).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("ArrowDown")
    expect(cards(page).first).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(cards(page).nth(1)).to_be_focused()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    expect(cards(page).first.locator(".why")).to_be_visible()
    page.keyboard.press("ArrowUp")
    expect(page.locator("#q")).to_be_focused()
    assert expected != titles(page)


def test_a_slash_in_a_text_is_a_slash(visit: Visit, sample: Service) -> None:
    page = visit(sample).open("/?q=space")
    titles(page)
    page.locator("#q").focus()
    page.keyboard.press("End")
    page.keyboard.type("/x")
    expect(page.locator("#q")).to_have_value("space/x")


def test_more_like_this_shows_similar_items(visit: Visit, sample: Service) -> None:
    page = visit(sample).open("/?q=space+travel")
    first = titles(page)[0]
    _, body = sample.get("/v1/search", q="space travel", k=1)
    item_id = body["results"][0]["item_id"]
    page.get_by_role("button", name=f"More like {first}").click()
    shows(page, told(sample, f"/v1/items/{item_id}/similar"))
    expect(page.locator("#heading")).to_have_text(f"More like {first}")
    assert address(page) == {"like": [str(item_id)]}
    tune(page)
    expect(page.get_by_label("Liked by the same people", exact=True)).to_be_visible()
    page.reload()
    expect(page.locator("#heading")).to_have_text(f"More like {first}")
    page.go_back()
    shows(page, told(sample, q="space travel"))


def test_without_a_query_the_popular_are_listed(visit: Visit, sample: Service) -> None:
    page = visit(sample).open()
    shows(page, told(sample, "/v1/popular"))
    expect(page.locator("#ranking")).to_be_hidden()
    page.locator("[data-category=Horror]").check()
    shows(page, told(sample, "/v1/popular", category="Horror"))
    expect(page.locator("#heading")).to_have_text("Most popular of these")


def test_markup_in_a_query_is_text(visit: Visit, sample: Service) -> None:
    page = visit(sample).open("/?q=%3Cimg+src%3Dx+onerror%3Dalert(1)%3E")
    titles(page)
    expect(page.locator("#heading")).to_have_text("Results for <img src=x onerror=alert(1)>")
    expect(page.locator("img")).to_have_count(0)


@pytest.mark.parametrize("name", ["gone", "toString", "constructor", "__proto__"])
def test_a_profile_that_is_not_there_is_forgotten(visit: Visit, sample: Service, name: str) -> None:
    visitor = visit(sample)
    visitor.expected.append("422")
    page = visitor.open(f"/?q=love&profile={name}")
    shows(page, told(sample, q="love"))
    expect(page.locator("#profile")).to_have_value("")
    page = visitor.open(f"/compare?q=love&a.profile={name}&b.profile={name}")
    expect(page.locator("#list-a h3")).to_have_text(told(sample, q="love", k=20))


def test_without_scripts_the_form_searches(visit: Visit, sample: Service) -> None:
    page = visit(sample, java_script_enabled=False).open()
    page.locator("#q").fill("space travel")
    page.get_by_role("button", name="Search").click()
    assert address(page) == {"q": ["space travel"]}
    assert page.locator("#results h3").all_inner_texts() == told(sample, q="space travel")
    page.get_by_text("Why here?").first.click()
    expect(page.locator("#results .standing").first).to_contain_text("similarity +")


def test_no_other_host_is_asked_and_the_page_is_small(visit: Visit, sample: Service) -> None:
    visitor = visit(sample)
    page = visitor.open("/?q=space+travel")
    titles(page)
    page.goto(f"{visitor.base}/compare?q=space+travel")
    expect(page.locator("#list-a .card").first).to_be_visible()
    page.goto(f"{visitor.base}/docs")
    assert len(visitor.requested) > 10
    assert [url for url in visitor.requested if not url.startswith(visitor.base)] == []


def test_every_file_of_the_pages_together_is_below_85_kb(repository: Path) -> None:
    files = [
        *(repository / "service/static").iterdir(),
        *(repository / "service/templates").iterdir(),
    ]
    sizes = {path.name: path.stat().st_size for path in files}
    assert sum(sizes.values()) >= LEAST_CONTENT
    assert sum(sizes.values()) < 85_000, json.dumps(sizes)


def test_the_policy_forbids_everything_from_elsewhere(visit: Visit, sample: Service) -> None:
    visitor = visit(sample)
    page = visitor.open("/?q=space+travel")
    titles(page)
    response = page.request.get(f"{visitor.base}/")
    policy = response.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    visitor.expected.append("Content Security Policy")
    page.evaluate("document.body.append(Object.assign(document.createElement('script'), "
                  "{textContent: 'window.ran = true'}))")  # fmt: skip
    assert page.evaluate("window.ran") is None


def test_stylesheet_and_scripts_are_served_from_here(visit: Visit, sample: Service) -> None:
    page = visit(sample).open("/?q=love")
    titles(page)
    loaded = page.evaluate("performance.getEntriesByType('resource').map(one => one.name)")
    assert any(re.search(r"/static/search\.js$", url) for url in loaded)
    assert any(re.search(r"/static/style\.css$", url) for url in loaded)


@pytest.mark.parametrize(
    ("place", "asked"),
    [
        ("?q=space&k=1", {"q": "space", "k": 1}),
        ("?q=space&n_candidates=1", {"q": "space", "n_candidates": 1}),
        (
            "?q=a+robot+left+alone+on+earth&min_score=0.5",
            {"q": "a robot left alone on earth", "min_score": 0.5},
        ),
    ],
)
def test_the_page_takes_what_its_address_says(
    visit: Visit, sample: Service, place: str, asked: dict[str, object]
) -> None:
    page = visit(sample).open(f"/{place}")
    expect(page.locator("#took")).to_contain_text(" ms")
    expected = told(sample, **asked)
    assert 0 < len(expected) < 10
    shows(page, expected)


def test_values_of_attributes_can_be_ticked_and_stand_in_the_address(
    visit: Visit, serve: Serve, shop_artifacts: Path
) -> None:
    service = serve(shop_artifacts).ready()
    page = visit(service).open("/?q=shoe")
    titles(page)
    page.get_by_label("North: Face").check()
    shows(page, told(service, q="shoe", attr="brand:North: Face"))
    assert address(page)["attr"] == ["brand:North: Face"]
    brands = page.get_by_role("group", name="Brand")
    brands.get_by_label("Nike").check()
    page.get_by_role("group", name="In stock").get_by_label("Yes").check()
    both = ["brand:North: Face", "brand:Nike"]
    expected = told(service, q="shoe", attr=[*both, "in_stock:true"])
    shows(page, expected)
    expect(brands.locator(".n").first).to_have_text(re.compile(r"^\d+$"))
    page.reload()
    shows(page, expected)
    expect(page.get_by_role("checkbox", name="North: Face")).to_be_checked()
