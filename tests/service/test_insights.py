"""The page of what is searched for: behind the key, the same facts as the command prints."""

from __future__ import annotations

import base64
import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from service.insights.charts import Bar, bar_chart
from shortlist.errors import EventStoreError
from shortlist.events import printed
from shortlist.events.analytics import analyse
from shortlist.events.store import EventStore
from tests.service.test_api import problem
from tests.service.test_events import Taking

KEY = {"X-API-Key": "s3cret"}
Take = Callable[..., Taking]


@pytest.fixture
def take(sqlite_events: str, tiny_artifacts: Path) -> Iterator[Take]:
    """Starts the service over the five films with a store and a key; stopped in the end."""
    started: list[Taking] = []

    def start(**more: Any) -> Taking:
        settings = {"api_key": "s3cret", "log_queries": True, **more}
        started.append(Taking(tiny_artifacts, sqlite_events, **settings))
        return started[-1]

    yield start
    for one in started:
        one.stop()


@pytest.fixture
def taking(take: Take) -> Taking:
    """A service that was asked three things, of which one was clicked."""
    taking = take()
    for text in ("robots", "<b>love</b>", "Robots"):
        answer = taking.client.get("/v1/search", query_string={"q": text}, headers=KEY).get_json()
    click = {
        "type": "click", "item_id": answer["results"][1]["item_id"], "session_id": "s",
        "query_id": answer["query_id"], "rank": 2,
    }  # fmt: skip
    assert taking.post(click, headers=KEY).status_code == 202
    taking.answers(3)
    return taking


def test_the_page_shows_what_the_command_prints(taking: Taking) -> None:
    page = taking.client.get("/insights?days=7", headers=KEY)
    assert (page.status_code, page.mimetype) == (200, "text/html")
    assert page.headers["Cache-Control"] == "no-store"
    store = EventStore.open(taking.url, writes=False)
    found = analyse(store, days=7)
    store.close()
    assert [(one.text, one.searches) for one in found.frequent] == [
        ("robots", 2),
        ("<b>love</b>", 1),
    ]
    assert "3 searches: 0 without a result" in " ".join(page.text.split())
    rows = re.findall(r'<th scope="row">(.*?)</th><td>(\d+)</td>', page.text)
    assert ("robots", "2") in rows
    assert ("&lt;b&gt;love&lt;/b&gt;", "1") in rows
    told = taking.client.get("/insights/data.json?days=7", headers=KEY).get_json()
    expected = json.loads(printed.as_json(found))
    for moment in (told, expected):
        del moment["until"]
    assert told == expected
    assert told["searches"]["reciprocal_rank"] == pytest.approx(0.5 / 3)
    sheet = taking.client.get("/insights/data.csv?days=7&table=texts", headers=KEY)
    assert sheet.mimetype == "text/csv"
    assert 'filename="texts.csv"' in sheet.headers["Content-Disposition"]
    assert [row["text"] for row in csv.DictReader(io.StringIO(sheet.text))] == [
        "robots", "<b>love</b>"
    ]  # fmt: skip


def test_it_asks_for_the_key_in_a_way_that_browsers_know(taking: Taking) -> None:
    for path in ("/insights", "/insights/data.json", "/insights/data.csv"):
        response = taking.client.get(path)
        problem(response, 401, "unauthorized")
        assert response.headers["WWW-Authenticate"].startswith('Basic realm="shortlist"')
        shown = base64.b64encode(b"anybody:s3cret").decode()
        known = taking.client.get(path, headers={"Authorization": f"Basic {shown}"})
        assert known.status_code == 200


def test_it_is_there_only_with_a_store_and_a_key(take: Take, sample_client: Any) -> None:
    assert take(api_key="").client.get("/insights").status_code == 404
    assert sample_client.get("/insights").status_code == 404


def test_parameters_are_checked_like_everywhere(taking: Taking) -> None:
    for address, field in (("?days=0", "days"), ("?days=367", "days"), ("?q=1", "q")):
        response = taking.client.get(f"/insights{address}", headers=KEY)
        assert [one["field"] for one in problem(response, 422, "invalid_parameter")["errors"]] == [
            field
        ]
    response = taking.client.get("/insights/data.csv?table=people", headers=KEY)
    problem(response, 422, "invalid_parameter")


def test_a_store_that_is_away_is_told(taking: Taking, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object, **__: object) -> None:
        raise EventStoreError("the SQLite file /srv/events.db cannot be read: it is away")

    monkeypatch.setattr("shortlist.events.analytics.analyse", away)
    response = taking.client.get("/insights/data.json?days=3", headers=KEY)
    assert "/srv" not in problem(response, 503, "events_unavailable")["detail"]


def test_what_was_counted_a_moment_ago_is_not_counted_again(
    taking: Taking, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = taking.client.get("/insights/data.json?days=9", headers=KEY).get_json()
    monkeypatch.setattr("shortlist.events.analytics.analyse", lambda *_, **__: pytest.fail())
    assert taking.client.get("/insights/data.json?days=9", headers=KEY).get_json() == first


def test_a_chart_has_a_bar_a_day_as_high_as_its_number() -> None:
    first = date(2026, 5, 1)
    bars = [
        Bar(first + timedelta(days=place), number, f"{number} <searches>")
        for place, number in enumerate((0, 5, 10, 0.001))
    ]
    chart = bar_chart("Searches & more", bars)
    heights = [float(one) for one in re.findall(r'<rect [^>]*height="([\d.]+)"', chart)]
    # the height is 130 - 18 - 18 = 94; what is not 0 can be seen
    assert heights == [0.0, 47.0, 94.0, 1.0]
    assert 'aria-label="Searches &amp; more, 2026-05-01 to 2026-05-04, at most 10"' in chart
    assert "<title>5 &lt;searches&gt;</title>" in chart
    assert ">May 01</text>" in chart and ">May 04</text>" in chart
    assert re.findall(r'height="([\d.]+)"', bar_chart("x", bars[:1])) == ["0.00"]
    assert "style=" not in chart, "the policy forbids it"
