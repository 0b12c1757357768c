"""The page for whoever runs the service: what is searched for, found and opened."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any, Literal

from flask import Blueprint, Response, render_template, request
from pydantic import Field

from service.insights.charts import Bar, bar_chart
from service.recorder import Recorder
from service.requests import read_parameters
from service.wsgi.admission import INSIGHTS_PATH
from shortlist.engine.conditions import Options
from shortlist.errors import EventStoreError, EventsUnavailable

log = logging.getLogger(__name__)

_KEPT_S = 30.0


class Period(Options):
    """How far back to look."""

    days: int = Field(30, ge=1, le=366, description="How many days, today included.")


class Table(Period):
    """Which facts of a period to give as CSV."""

    table: Literal["days", "texts", "profiles", "slow"] = Field(
        "days", description="One of days, texts, profiles, slow."
    )


def insights_blueprint(recorder: Recorder) -> Blueprint:
    """The page, and the same as JSON and CSV. It asks for the API key: see `Credentials`."""
    from shortlist.events import printed

    routes = Blueprint(
        "insights",
        __name__,
        template_folder="templates",
        static_folder="static",
        static_url_path=f"{INSIGHTS_PATH}/static",
    )
    counted = _Counted(recorder)

    @routes.get(INSIGHTS_PATH)
    def page() -> str:
        period = read_parameters(Period, request.query_string)
        found = counted.of(period.days)
        return render_template("insights.html", found=found, charts=_charts(found), period=period)

    @routes.get(f"{INSIGHTS_PATH}/data.json")
    def as_json() -> Response:
        period = read_parameters(Period, request.query_string)
        return Response(printed.as_json(counted.of(period.days)), mimetype="application/json")

    @routes.get(f"{INSIGHTS_PATH}/data.csv")
    def as_csv() -> Response:
        wanted = read_parameters(Table, request.query_string)
        text = printed.as_csv(counted.of(wanted.days), wanted.table)
        named = {"Content-Disposition": f'attachment; filename="{wanted.table}.csv"'}
        return Response(text, mimetype="text/csv", headers=named)

    @routes.after_request
    def private(response: Response) -> Response:
        response.headers["Cache-Control"] = "no-store"
        return response

    return routes


class _Counted:
    """What was counted a moment ago; one request counts, the others wait for it."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._mutex = threading.Lock()
        self._known: dict[int, tuple[float, Any]] = {}

    def of(self, days: int) -> Any:
        """The facts of so many days, up to half a minute old. Raises EventsUnavailable."""
        from shortlist.events.analytics import analyse

        with self._mutex:
            at, found = self._known.get(days, (0.0, None))
            if found is None or time.monotonic() - at > _KEPT_S:
                try:
                    found = analyse(self._recorder.store(), days=days)
                except EventStoreError as error:
                    log.warning("insights: %s", error)
                    raise EventsUnavailable("the store of events cannot be read") from error
                self._known = {days: (time.monotonic(), found)}
            return found


def _charts(found: Any) -> list[tuple[str, str]]:
    """Titles and pictures."""
    shares: dict[str, Callable[[Any], int]] = {
        "Without a result": lambda one: one.without_results,
        "Without a good match": lambda one: one.without_good_match,
        "Without a click": lambda one: one.without_click,
    }
    searches = [Bar(one.day, one.searches, f"{one.day}: {one.searches:,}") for one in found.days]
    ranks = [
        Bar(one.day, one.reciprocal_rank or 0.0, f"{one.day}: {_rank(one.reciprocal_rank)}")
        for one in found.days
    ]
    return [
        ("Searches a day", bar_chart("Searches a day", searches)),
        *((name, _share(name, found.days, number)) for name, number in shares.items()),
        ("Reciprocal rank of clicks", bar_chart("Reciprocal rank of clicks", ranks, most=1.0)),
    ]


def _share(name: str, days: Sequence[Any], number: Callable[[Any], int]) -> str:
    bars = [_percent(one.day, number(one), one.searches) for one in days]
    return bar_chart(name, bars, most=100, unit=" %")


def _percent(day: date, number: int, of: int) -> Bar:
    share = 100 * number / of if of else 0.0
    return Bar(day, share, f"{day}: {number:,} of {of:,}, {share:.0f} %")


def _rank(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
