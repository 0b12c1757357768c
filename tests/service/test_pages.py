"""The search page works without a script and escapes what it shows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from service.app import create_app
from tests.publishing import publish
from tests.serving import patient


@pytest.fixture(scope="module")
def client(sample_artifacts: Path) -> Iterator[FlaskClient]:
    app = create_app(patient(sample_artifacts))
    yield app.test_client()
    app.extensions["reloader"].stop()


def test_the_empty_page_says_how_many_items_there_are(client: FlaskClient) -> None:
    response = client.get("/")
    assert response.status_code == 200
    assert "1,350 items · version" in response.text


def test_an_answer_shows_its_arithmetic(client: FlaskClient) -> None:
    query = "q=a+robot+left+alone+on+earth"
    first = client.get(f"/v1/search?{query}").get_json()["results"][0]
    assert first["title"] == "WALL·E (2008)"
    text = client.get(f"/?{query}").text
    assert "WALL·E (2008)" in text
    assert f"<strong>{first['score']:.3f}</strong> =" in text
    assert f"0.7 × {first['retrieval_score']:.3f} similarity" in text
    assert f"0.3 × {first['popularity_score']:.3f} popularity" in text


def test_what_was_typed_is_escaped(client: FlaskClient) -> None:
    text = client.get("/?q=%3Cscript%3Ealert(1)%3C/script%3E").text
    assert "<script>" not in text
    assert "&lt;script&gt;alert(1)" in text


def test_a_query_that_is_too_long_is_explained(client: FlaskClient) -> None:
    response = client.get(f"/?q={'x' * 1001}")
    assert response.status_code == 422
    assert "expected at most 1000 characters, found 1001" in response.text


def test_without_a_bundle_the_page_says_what_to_run(tmp_path: Path) -> None:
    app = create_app(patient(tmp_path))
    try:
        response = app.test_client().get("/?q=robots")
    finally:
        app.extensions["reloader"].stop()
    assert response.status_code == 503
    assert "make index" in response.text


def test_the_stylesheet_is_served_from_here(client: FlaskClient) -> None:
    response = client.get("/static/style.css")
    assert response.status_code == 200
    assert response.mimetype == "text/css"
    response.close()


def test_without_a_query_the_popular_are_listed(client: FlaskClient) -> None:
    popular = client.get("/v1/popular").get_json()["results"]
    text = client.get("/").text
    assert "Most popular" in text
    assert f'data-id="{popular[0]["item_id"]}"' in text


def test_the_address_of_the_scripts_is_rendered_without_them(client: FlaskClient) -> None:
    query = "q=love&profile=similarity&category=Comedy&range=year:1990:1999&utm_source=mail"
    asked = query.replace("&utm_source=mail", "")
    expected = client.get(f"/v1/search?{asked}").get_json()["results"]
    text = client.get(f"/?{query}").text
    places = [text.index(f'data-id="{one["item_id"]}"') for one in expected]
    assert places == sorted(places)
    assert text.count('<li class="card"') == len(expected)


def test_items_like_one_are_rendered_too_and_an_unknown_one_is_explained(
    client: FlaskClient,
) -> None:
    expected = client.get("/v1/items/5/similar").get_json()["results"]
    text = client.get("/?like=5").text
    assert all(f'data-id="{one["item_id"]}"' in text for one in expected)
    response = client.get("/?like=nothing")
    assert response.status_code == 404
    assert "no item has the id &#39;nothing&#39;" in response.text


def test_a_taste_is_left_to_the_browser_that_keeps_it(client: FlaskClient) -> None:
    assert '<li class="card"' not in client.get("/?taste=true&q=love").text


def test_what_makes_no_sense_in_an_address_is_explained(client: FlaskClient) -> None:
    response = client.get("/?q=love&w_similarity=much")
    assert response.status_code == 422
    assert "w_similarity" in response.text


@pytest.mark.parametrize(
    "query",
    ["k=1", "k=3&category=Western", "n_candidates=5", "min_score=0.85", "k=4&diversity=0.5"],
)
def test_a_list_by_popularity_takes_what_the_api_takes(client: FlaskClient, query: str) -> None:
    expected = client.get(f"/v1/popular?{query}").get_json()["results"]
    text = client.get(f"/?{query}").text
    assert text.count('<li class="card"') == len(expected) < 10
    assert all(f'data-id="{one["item_id"]}"' in text for one in expected)


def test_what_only_a_taste_weighs_does_not_keep_a_search_from_being_shown(
    client: FlaskClient,
) -> None:
    response = client.get("/?q=love&w_co_liked=1&n_neighbours=5")
    assert response.status_code == 200
    assert response.text.count('<li class="card"') == 10


def test_with_a_key_no_result_is_rendered(sample_artifacts: Path) -> None:
    settings = patient(sample_artifacts, api_key="secret")
    app = create_app(settings)
    try:
        text = app.test_client().get("/?q=love").text
    finally:
        app.extensions["reloader"].stop()
    assert '<li class="card"' not in text
    assert 'value="love"' in text


def test_the_comparison_keeps_its_query(client: FlaskClient) -> None:
    text = client.get("/compare?q=%22love%22").text
    assert 'value="&#34;love&#34;"' in text
    assert "needs JavaScript" in text


def test_an_item_has_a_page_with_what_is_like_it(client: FlaskClient) -> None:
    text = client.get("/items/1347").text
    assert "<h2>The Wild Robot (2024)</h2>" in text
    assert "Adventure · Animation · Sci-Fi" in text
    assert 'href="/v1/items/1347"' in text
    similar = client.get("/v1/items/1347/similar").get_json()["results"]
    places = [text.index(f'href="/items/{one["item_id"]}"') for one in similar]
    assert places == sorted(places)


def test_without_ratings_and_scripts_the_newest_are_listed(
    client_of: Callable[[Path], FlaskClient], example_shop: Path
) -> None:
    text = client_of(example_shop).get("/").text
    assert "The newest" in text
    assert text.index("Insulated skirt") < text.index("Stormhut four-season tent")
    assert "10 of 160 items are shown." in text
    assert "slate, berry · not in stock · " in text
    assert '<a href="https://shop.example/products/cl-420" rel="noopener">Website</a>' in text


def test_an_id_with_a_slash_has_a_page_too(
    client_of: Callable[[Path], FlaskClient],
    films: Callable[..., Path],
    tmp_path: Path,
) -> None:
    path = films(
        movies="movieId,title,genres\nA/1,Star Voyage (1999),Sci-Fi\n",
        tags="movieId,tag\n",
        ratings="userId,movieId,rating,timestamp\n",
    )
    publish(path, tmp_path / "slashes")
    client = client_of(tmp_path / "slashes")
    assert "Star Voyage (1999)" in client.get("/items/A%2F1").text
    assert client.get("/items/A/1").status_code == 404


def test_people_get_pages_of_problems_and_programs_get_json(client: FlaskClient) -> None:
    browser = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    for path in ("/nothing", "/items/987654321", "/static/nothing.js"):
        page = client.get(path, headers=browser)
        assert (page.status_code, page.mimetype) == (404, "text/html")
        assert "<h2>Not Found</h2>" in page.text
        assert "Content-Security-Policy" in page.headers
        assert client.get(path).mimetype == "application/problem+json"
    assert client.get("/v1/nothing", headers=browser).mimetype == "application/problem+json"


def test_the_icon_of_the_page_is_served_from_here(client: FlaskClient) -> None:
    assert 'href="/static/favicon.svg"' in client.get("/").text
    icon = client.get("/static/favicon.svg")
    assert icon.mimetype == "image/svg+xml"
    assert icon.data.startswith(b"<svg ")
    icon.close()


def test_with_a_key_the_page_of_an_item_shows_nothing_of_it(sample_artifacts: Path) -> None:
    settings = patient(sample_artifacts, api_key="secret")
    app = create_app(settings)
    try:
        text = app.test_client().get("/items/1347").text
    finally:
        app.extensions["reloader"].stop()
    assert "Wild Robot" not in text
    assert 'data-id="1347"' in text
