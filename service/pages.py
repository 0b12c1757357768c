"""The HTML pages, made live by scripts; the search and the page of an item without them too."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from flask import Blueprint, render_template, request
from werkzeug.exceptions import NotFound

from service.api import note_answer
from service.documentation import documented
from service.live import SnapshotHolder
from service.paths import ITEM_PAGES, item_id_of, path_of_item, segments_behind
from service.problems import problem_of
from service.requests import read_parameters, spelled
from service.shown import arithmetic_of, heading_of, live_of, meta_of, summary_of
from service.wsgi.admission import API_PREFIX
from service.wsgi.exchange import exchange_of
from service.wsgi.headers import is_below
from shortlist.bundle.articles import ARTICLES, written
from shortlist.engine.answer import Answer
from shortlist.engine.features import Source, features_from
from shortlist.engine.query import PopularQuery, SearchQuery, SimilarQuery
from shortlist.engine.search import Asked, ask, item
from shortlist.errors import InvalidParameter, ItemUnknown, QueryError


def pages_blueprint(
    holder: SnapshotHolder, *, shows_results: bool, writes: bool = False, events: bool = False
) -> Blueprint:
    """The pages over the holder's snapshot.

    Without `shows_results` the answer is left to the page's scripts, which ask for the API key.
    With `events` they send what people do, unless they are asked not to.
    """
    has = {"writes": writes, "events": events}
    pages = Blueprint(
        "pages",
        __name__,
        template_folder="templates",
        static_folder="static",
        static_url_path="/static",
    )

    @pages.get("/")
    def search_page() -> tuple[str, int]:
        text = request.args.get("q", "")
        answer, problem, status = _answer(holder) if shows_results else (None, None, 200)
        shown: dict[str, Any] = {"answer": answer, "problem": problem, "snapshot": holder.peek()}
        shown["modules"] = _MODULES
        like = request.args.get("like")
        return render_template("search.html", q=text, like=like, **shown), status

    @pages.get(f"{ITEM_PAGES}<path:item_id>")
    def item_page(item_id: str) -> tuple[str, int]:  # noqa: ARG001  # decoded: see segments_behind
        given = item_id_of(segments_behind(ITEM_PAGES))
        found: dict[str, Any] = {"item": None, "similar": None, "problem": None, "status": 200}
        found |= _known(holder, given) if shows_results else {}
        return render_template("item.html", item_id=given, **found), found["status"]

    @pages.get("/compare")
    def compare_page() -> str:
        return render_template("compare.html", q=request.args.get("q", ""))

    @pages.get("/docs")
    def docs_page() -> str:
        snapshot = holder.peek() if shows_results else None
        item_id = snapshot.bundle.ids.id_of(0) if snapshot and snapshot.bundle.n_items else None
        return render_template("docs.html", operations=documented(item_id, **has))

    for name, said in _FILTERS.items():
        pages.add_app_template_filter(said, name)
    articles = " ".join(sorted(ARTICLES))
    pages.app_context_processor(lambda: {"articles": articles, "events": events})
    return pages


_MODULES = sorted(
    path.name
    for path in (Path(__file__).parent / "static").glob("*.js")
    if path.stem not in {"compare", "docs", "item", "search"}
)
"""The scripts that the search page's own one asks for: fetched without waiting for it."""

_FILTERS: dict[str, Callable[..., str]] = {
    "written": written,
    "item_page": path_of_item,
    "live": live_of,
    "heading": heading_of,
    "summary": summary_of,
    "meta": meta_of,
    "arithmetic": arithmetic_of,
}


def problem_page(title: str, detail: str) -> str:
    """What a person sees where a program gets a problem."""
    return render_template("problem.html", title=title, detail=detail)


def wants_page() -> bool:
    """Whether a person's browser asks, for something that is not below the API."""
    asked = request.accept_mimetypes
    best = asked.best_match(["application/json", "text/html"])
    return best == "text/html" and not is_below(request.path, API_PREFIX)


def _answer(holder: SnapshotHolder) -> tuple[Answer | None, str | None, int]:
    """The answer to show, or what to say instead, and the page's status."""
    try:
        snapshot = holder.get()
        query = _query()
        if query is None:
            return None, None, 200
        exchange = exchange_of(request.environ)
        answer = ask(snapshot, query, clock=exchange.clock)
        note_answer(exchange, answer)
        return answer, None, 200
    except QueryError as error:
        shown = spelled(error) if isinstance(error, InvalidParameter) else error
        return None, str(shown), problem_of(error)[0]


def _known(holder: SnapshotHolder, item_id: str) -> dict[str, Any]:
    """An item and what is like it; or the problem and its status."""
    try:
        snapshot = holder.get()
        found = item(snapshot, item_id)
        query = read_parameters(SimilarQuery, b"", item_id=item_id)
        return {
            "item": found,
            "similar": ask(snapshot, query, clock=exchange_of(request.environ).clock),
        }
    except ItemUnknown as error:
        raise NotFound(str(error)) from error
    except QueryError as error:
        return {"problem": str(error), "status": problem_of(error)[0]}


def _query() -> Asked | None:
    """Items like one, a search, or what is popular or new; None for a taste.

    What a query does not take is passed over: the address also has what belongs to the page, and
    what another of its lists takes. A taste is kept in the browser: that list is the scripts'.
    """
    address = request.query_string
    if request.args.get("taste") == "true":
        return None
    if like := request.args.get("like"):
        return read_parameters(SimilarQuery, address, lenient=True, item_id=like)
    if request.args.get("q", "").strip():
        query = read_parameters(SearchQuery, address, lenient=True)
        of_taste = features_from(Source.LIKES)
        weights = {name: weight for name, weight in query.weights.items() if name not in of_taste}
        return query.model_copy(update={"weights": weights, "reads": "apply"})
    return read_parameters(PopularQuery, address, lenient=True)
