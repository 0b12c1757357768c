"""What an event says of an item, on a catalogue's scale of ratings: for builds and for services."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from shortlist.bundle.tables import ItemId
from shortlist.events.event import Event, EventType

WEIGHTS: Mapping[str, float] = {
    **dict.fromkeys((EventType.LIKE, EventType.PURCHASE, EventType.RATING, EventType.DISLIKE), 1.0),
    **{EventType.CLICK: 0.2, EventType.VIEW: 0.1},
}
"""How much of a like an event is, unless a catalogue says otherwise; an impression is none."""

Scale = tuple[float, float]


def rating_of(kind: EventType, value: float | None, scale: Scale) -> float | None:
    """The rating that an event comes to; None for one by which nothing is said.

    A like and a purchase are the highest, a dislike is the lowest; a rating is cut to the scale.
    """
    match kind:
        case EventType.LIKE | EventType.PURCHASE:
            return scale[1]
        case EventType.DISLIKE:
            return scale[0]
        case EventType.RATING if value is not None:
            return min(max(value, scale[0]), scale[1])
    return None


def hinted_rating(weight: float, scale: Scale) -> float:
    """The rating of what is so much of a like (0 to 1): that far from the middle to the top."""
    middle = (scale[0] + scale[1]) / 2
    return middle + weight * (scale[1] - middle)


def ratings_of(
    newest_first: Iterable[Event],
    scale: Scale,
    *,
    weights: Mapping[str, float] = WEIGHTS,
) -> list[tuple[ItemId, float]]:
    """What somebody's events say of items, each once, earliest first.

    What is said last counts; where nothing is said, what the strongest hint does: a click, a view.
    """
    said: dict[ItemId, float] = {}
    hints: dict[ItemId, float] = {}
    for event in newest_first:
        item_id, rating = event.item_id, rating_of(event.type, event.value, scale)
        if rating is not None:
            said.setdefault(item_id, rating)
        elif weight := weights.get(event.type, 0.0):
            hints[item_id] = max(hints.get(item_id, 0.0), hinted_rating(weight, scale))
    unsaid = [(item_id, one) for item_id, one in hints.items() if item_id not in said]
    return [*reversed(unsaid), *reversed(said.items())]
