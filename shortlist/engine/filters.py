"""Filters to the rows of a bundle that they let pass."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from hashlib import blake2b
from operator import and_, or_

from shortlist.bundle.arrays import RowArray
from shortlist.bundle.reader import Bundle
from shortlist.bundle.tables import ItemId
from shortlist.engine.attribute_filters import has_any, in_range, is_near, near_attribute
from shortlist.engine.conditions import Filters
from shortlist.engine.kept import Kept
from shortlist.engine.lanes.phrases import rows_with
from shortlist.engine.row_sets import RowSet, distinct
from shortlist.engine.value_sets import CATEGORIES, categories_of
from shortlist.errors import FeatureUnavailable, InvalidParameter

_OTHER = ""
"""What a condition is about that no facet counts."""


@dataclass(frozen=True)
class Passing:
    """Which rows pass a filter, part by part.

    `parts` are sets of rows by the facet that they are a condition on: `categories`, the name of an
    attribute, "" for everything else. `whole` are the rows that pass them all.
    """

    wanted: Filters
    parts: dict[str, RowSet]
    whole: RowSet

    @property
    def digest(self) -> bytes:
        """16 bytes that tell this filter from every other."""
        written = repr(self.wanted.model_dump(exclude_defaults=True))  # JSON has no half characters
        return blake2b(written.encode(), digest_size=16).digest()

    def rows(self, *, without: str | None = None) -> RowArray:
        """The rows that pass all parts, int64, rising; but the part of one facet if so wanted."""
        return self.row_set(without=without).rows

    def row_set(self, *, without: str | None = None) -> RowSet:
        """What passes all parts; but the part of one facet if so wanted."""
        if without not in self.parts:
            return self.whole
        others = (part for about, part in self.parts.items() if about != without)
        return reduce(and_, others).afresh()


def passing(
    bundle: Bundle, wanted: Filters, blocked: RowArray, kept: Kept | None = None
) -> Passing:
    """Which rows pass each part of a filter, none of those that are blocked.

    What is found for its conditions is looked for among what is `kept` of this bundle, and kept
    there. Raises InvalidParameter for a category or an attribute that is unknown, one of another
    type than the condition is for, a value that is none of its type, and a range that is empty;
    FeatureUnavailable for a condition on ratings or words of a catalogue without.
    """
    allowed = RowSet.every(bundle.n_items).without(blocked)
    parts = {_OTHER: allowed}
    for about, found in _conditions(bundle, Kept() if kept is None else kept, wanted):
        parts[about] = parts[about] & found if about in parts else found
    return Passing(wanted, parts, reduce(and_, parts.values()).afresh())


def _conditions(bundle: Bundle, kept: Kept, wanted: Filters) -> Iterator[tuple[str, RowSet]]:
    """Every condition of a filter: what it is about, and which rows meet it."""
    yield from ((CATEGORIES, rows) for rows in _by_categories(bundle, kept, wanted))
    yield from ((_OTHER, rows) for rows in _by_words(bundle, kept, wanted))
    attributes = wanted.attributes
    for name, values in attributes.any.items():
        yield name, has_any(bundle, kept, name, values, f"filters.attributes.any.{name}")
    for name, values in attributes.none.items():
        yield name, ~has_any(bundle, kept, name, values, f"filters.attributes.none.{name}")
    for name, limits in wanted.ranges.items():
        yield name, in_range(bundle, kept, name, limits, f"filters.ranges.{name}")
    if wanted.near is not None:
        about = near_attribute(bundle, wanted.near)
        if wanted.near.km is not None:
            yield about, is_near(bundle, kept, wanted.near, wanted.near.km)
    yield from ((_OTHER, rows) for rows in _by_rating(bundle, kept, wanted))
    yield from ((_OTHER, rows) for rows in _by_id(bundle, wanted))
    yield from ((_OTHER, rows) for rows in _composed(bundle, kept, wanted))


def _by_categories(bundle: Bundle, kept: Kept, wanted: Filters) -> Iterator[RowSet]:
    own, known = wanted.categories, {name: n for n, name in enumerate(_names(bundle))}
    for side, names in own.model_dump().items():
        unknown = [name for name in names if name not in known]
        if unknown:
            raise InvalidParameter(
                f"filters.categories.{side}",
                f"no item of this catalogue is of the category {unknown[0][:80]!r}",
            )
    carried = categories_of(bundle)
    if own.any:
        yield carried.by_any(sorted({known[name] for name in own.any}), kept)
    yield from (carried.by(known[name], kept) for name in own.all)
    if own.none:
        yield ~carried.by_any(sorted({known[name] for name in own.none}), kept)


def _names(bundle: Bundle) -> tuple[str, ...]:
    return bundle.items.categories.names


def _by_words(bundle: Bundle, kept: Kept, wanted: Filters) -> Iterator[RowSet]:
    phrases, words = wanted.words, bundle.sections.words
    if not phrases.all and not phrases.none:
        return
    if words is None:
        raise FeatureUnavailable("words: this bundle was built without them; build it again")

    def saying(phrase: str) -> RowSet:
        return kept.of_rows(("words", phrase), bundle.n_items, lambda: rows_with(words, phrase))

    yield from map(saying, phrases.all)
    yield from (~saying(phrase) for phrase in phrases.none)


def _by_rating(bundle: Bundle, kept: Kept, wanted: Filters) -> Iterator[RowSet]:
    count, mean = wanted.min_rating_count, wanted.min_mean_rating
    if count is None and mean is None:
        return
    popularity = bundle.items.popularity
    if popularity is None:
        raise FeatureUnavailable("this catalogue has no ratings to filter by")
    if count is not None:
        yield kept.of_mask(("rating_count", count), lambda: popularity.rating_count >= count)
    if mean is not None:
        yield kept.of_mask(("mean_rating", mean), lambda: popularity.mean_rating >= mean)


def _by_id(bundle: Bundle, wanted: Filters) -> Iterator[RowSet]:
    if wanted.include_ids is not None:
        yield _of_ids(bundle, wanted.include_ids)
    if wanted.exclude_ids:
        yield ~_of_ids(bundle, wanted.exclude_ids)


def _of_ids(bundle: Bundle, ids: Sequence[ItemId]) -> RowSet:
    return RowSet.of_rows(distinct(bundle.ids.rows_of(ids)), bundle.n_items)


def _composed(bundle: Bundle, kept: Kept, wanted: Filters) -> Iterator[RowSet]:
    """Filters inside a filter: each of all, at least one of any, none of none."""
    for inner in wanted.all_of:
        yield _whole(bundle, kept, inner)
    if wanted.any_of:
        yield reduce(or_, (_whole(bundle, kept, inner) for inner in wanted.any_of))
    for inner in wanted.none_of:
        yield ~_whole(bundle, kept, inner)


def _whole(bundle: Bundle, kept: Kept, wanted: Filters) -> RowSet:
    everything = RowSet.every(bundle.n_items)
    return reduce(and_, (rows for _, rows in _conditions(bundle, kept, wanted)), everything)
