"""What the pages say of items and of lists where no script does; the scripts say it alike."""

from __future__ import annotations

from collections.abc import Iterator

from shortlist.bundle.attributes import Shown
from shortlist.engine.answer import Answer, Item, Result
from shortlist.engine.snapshot import Snapshot

_ORDERS = {"popularity": "Most popular", "recency": "The newest"}


def live_of(snapshot: Snapshot | None) -> str:
    """What is live, in short."""
    if snapshot is None:
        return "No index is live yet"
    return f"{snapshot.bundle.n_items:,} items · version {snapshot.version}"


def heading_of(answer: Answer | None) -> str:
    """What a list is, or that there is none yet."""
    if answer is None:
        return "Search"
    return (
        f"Results for {answer.query}" if answer.query else _ORDERS.get(answer.ordered_by, "Items")
    )


def summary_of(answer: Answer | None) -> str:
    """How much there is of it."""
    if answer is None:
        return "Ask in your own words: what it is for, what it is about, a name."
    if answer.no_good_match:
        return "Nothing here seems to be about this. These come nearest:"
    return f"{len(answer.results)} of {answer.matched:,} items are shown."


def meta_of(item: Item | Result) -> str:
    """What is known of an item, in one line, without what its titles say already."""
    said = [
        text
        for name, value in item.attributes.items()
        if f"({value})" not in item.title and value != item.display["subtitle"]
        for text in _told(name.replace("_", " "), value)
    ]
    return " · ".join([*said, *item.categories])


def arithmetic_of(result: Result) -> str:
    """The terms that add up to its score, and where similarity alone would place it."""
    terms = [
        f"{term['weight']:.2g} × {term['value']:.3f} {term['feature'].replace('_', ' ')}"
        for term in result.components
        if term["contribution"]
    ]
    return " + ".join(terms) + "".join(_alone(result))


def _told(name: str, value: Shown) -> Iterator[str]:
    if isinstance(value, bool):
        yield name if value else f"not {name}"
    elif isinstance(value, str):
        yield value
    elif isinstance(value, list):
        yield ", ".join(value)
    elif isinstance(value, int | float):
        yield f"{name} {value}"


def _alone(result: Result) -> Iterator[str]:
    if result.retrieval_score is None:
        return
    if not result.retrieval_rank:
        yield "; not found by similarity"
    elif result.retrieval_rank != result.rank:
        yield f"; by similarity alone {result.retrieval_rank}"
