"""What people searched for in a time, what they found, and what they did with it.

A search is the first page of an answer to a text or a filter. Of what somebody types letter by
letter only the last counts: a search that the same visit follows with another one within two
seconds is none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from shortlist.events.event import micros_of
from shortlist.events.facts import Counts, Day, Profile, Slow, Text
from shortlist.events.searches import Searches
from shortlist.events.store import EventStore

DEFAULT_DAYS, MOST_DAYS = 30, 366
MOST_LISTED = 20
PERCENTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


@dataclass(frozen=True, kw_only=True)
class Analytics:
    """The searches from `since` to before `until`.

    `answers` counts all answers by kind, every page of them. `percentiles_ms` says what half, 95
    and 99 of a hundred searches took at most. `texts_kept` says whether any text is known; without,
    the lists of texts are empty. `unanswered`, `poor` and `unopened` are texts by how often they
    had no result, no good match, no click.
    """

    since: datetime
    until: datetime
    answers: dict[str, int]
    searches: Counts
    percentiles_ms: dict[str, float]
    days: list[Day]
    profiles: list[Profile]
    texts_kept: bool
    frequent: list[Text]
    unanswered: list[Text]
    poor: list[Text]
    unopened: list[Text]
    slow: list[Slow]


def analyse(
    store: EventStore, *, days: int = DEFAULT_DAYS, until: datetime | None = None
) -> Analytics:
    """So many days, the last of them the day of `until`, which is now if not given.

    Raises EventStoreError.
    """
    end = until or datetime.now(UTC)
    begin = end.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=days - 1)
    with store.database.reading() as connection:
        searches = Searches(connection, micros_of(begin), micros_of(end))
        texts = searches.texts()
        return Analytics(
            since=begin,
            until=end,
            answers=searches.answers(),
            searches=searches.all(),
            percentiles_ms={name: searches.at_most(one) for name, one in PERCENTILES.items()},
            days=searches.days(),
            profiles=searches.profiles(),
            texts_kept=bool(texts),
            frequent=_most(texts, lambda one: one.searches),
            unanswered=_most(texts, lambda one: one.without_results),
            poor=_most(texts, lambda one: one.without_good_match),
            unopened=_most(texts, lambda one: one.without_click),
            slow=searches.slow(),
        )


def _most(texts: Sequence[Text], number: Callable[[Text], int]) -> list[Text]:
    """Those with the highest numbers, of which each has one."""
    found = [one for one in texts if number(one)]
    return sorted(found, key=lambda one: (-number(one), one.text))[:MOST_LISTED]
