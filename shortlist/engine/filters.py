"""Filters to the rows of a bundle that they let pass."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce

import numpy as np
import numpy.typing as npt

from shortlist.bundle.arrays import RowArray
from shortlist.bundle.attributes import Mask
from shortlist.bundle.reader import Bundle
from shortlist.engine.attribute_filters import has_any, in_range, is_near, near_attribute
from shortlist.engine.conditions import Filters
from shortlist.engine.lanes.phrases import rows_with
from shortlist.errors import FeatureUnavailable, InvalidParameter

CATEGORIES = "categories"
_OTHER = ""
"""What a condition is about that no facet counts."""


@dataclass(frozen=True)
class Passing:
    """Which rows pass a filter, part by part.

    `masks` are bool [n], by the facet that the part is a condition on: `categories`, the name of an
    attribute, "" for everything else.
    """

    masks: dict[str, Mask]

    def rows(self, *, without: str | None = None) -> RowArray:
        """The rows that pass all parts, int64, rising; but the part of one facet if so wanted."""
        masks = [mask for about, mask in self.masks.items() if about != without]
        return np.flatnonzero(reduce(np.logical_and, masks))


def passing(bundle: Bundle, wanted: Filters, blocked: RowArray) -> Passing:
    """Which rows pass each part of a filter, none of those that are blocked.

    Raises InvalidParameter for a category or an attribute that is unknown, one of another type than
    the condition is for, a value that is none of its type, and a range that is empty;
    FeatureUnavailable for a condition on ratings or words of a catalogue without.
    """
    allowed = np.ones(bundle.n_items, dtype=np.bool_)
    allowed[blocked] = False
    masks = {_OTHER: allowed}
    for about, mask in _conditions(bundle, wanted):
        masks[about] = masks[about] & mask if about in masks else mask
    return Passing(masks)


def _conditions(bundle: Bundle, wanted: Filters) -> Iterator[tuple[str, Mask]]:
    """Every condition of a filter: what it is about, and which rows meet it."""
    yield from ((CATEGORIES, mask) for mask in _by_categories(bundle, wanted))
    yield from ((_OTHER, mask) for mask in _by_words(bundle, wanted))
    attributes = wanted.attributes
    for name, values in attributes.any.items():
        yield name, has_any(bundle, name, values, f"filters.attributes.any.{name}")
    for name, values in attributes.none.items():
        yield name, ~has_any(bundle, name, values, f"filters.attributes.none.{name}")
    for name, limits in wanted.ranges.items():
        yield name, in_range(bundle, name, limits, f"filters.ranges.{name}")
    if wanted.near is not None:
        about = near_attribute(bundle, wanted.near)
        if wanted.near.km is not None:
            yield about, is_near(bundle, wanted.near, wanted.near.km)
    yield from ((_OTHER, mask) for mask in _by_rating(bundle, wanted))
    yield from ((_OTHER, mask) for mask in _by_id(bundle, wanted))
    yield from ((_OTHER, mask) for mask in _composed(bundle, wanted))


def _by_categories(bundle: Bundle, wanted: Filters) -> Iterator[Mask]:
    own, known = wanted.categories, {name: n for n, name in enumerate(_names(bundle))}
    for side, names in own.model_dump().items():
        unknown = [name for name in names if name not in known]
        if unknown:
            raise InvalidParameter(
                f"filters.categories.{side}",
                f"no item of this catalogue is of the category {unknown[0][:80]!r}",
            )
    if own.any:
        yield _carried(bundle, [known[name] for name in own.any]) > 0
    if own.all:
        yield _carried(bundle, [known[name] for name in own.all]) == len(set(own.all))
    if own.none:
        yield _carried(bundle, [known[name] for name in own.none]) == 0


def _names(bundle: Bundle) -> tuple[str, ...]:
    return bundle.items.categories.names


def _carried(bundle: Bundle, codes: list[int]) -> npt.NDArray[np.int32]:
    """How many of these categories each item has, int32 [n]."""
    return bundle.items.categories.lists.counts_of(sorted(set(codes)))


def _by_words(bundle: Bundle, wanted: Filters) -> Iterator[Mask]:
    phrases, words = wanted.words, bundle.sections.words
    if not phrases.all and not phrases.none:
        return
    if words is None:
        raise FeatureUnavailable("words: this bundle was built without them; build it again")
    for phrase in phrases.all:
        yield _mask_of(bundle, rows_with(words, phrase))
    for phrase in phrases.none:
        yield ~_mask_of(bundle, rows_with(words, phrase))


def _mask_of(bundle: Bundle, rows: RowArray) -> Mask:
    mask = np.zeros(bundle.n_items, dtype=np.bool_)
    mask[rows] = True
    return mask


def _by_rating(bundle: Bundle, wanted: Filters) -> Iterator[Mask]:
    if wanted.min_rating_count is None and wanted.min_mean_rating is None:
        return
    popularity = bundle.items.popularity
    if popularity is None:
        raise FeatureUnavailable("this catalogue has no ratings to filter by")
    if wanted.min_rating_count is not None:
        yield popularity.rating_count >= wanted.min_rating_count
    if wanted.min_mean_rating is not None:
        yield popularity.mean_rating >= wanted.min_mean_rating


def _by_id(bundle: Bundle, wanted: Filters) -> Iterator[Mask]:
    if wanted.include_ids is not None:
        yield _mask_of(bundle, bundle.ids.rows_of(wanted.include_ids))
    if wanted.exclude_ids:
        yield ~_mask_of(bundle, bundle.ids.rows_of(wanted.exclude_ids))


def _composed(bundle: Bundle, wanted: Filters) -> Iterator[Mask]:
    """Filters inside a filter: each of all, at least one of any, none of none."""
    for inner in wanted.all_of:
        yield _whole(bundle, inner)
    if wanted.any_of:
        yield reduce(np.logical_or, (_whole(bundle, inner) for inner in wanted.any_of))
    for inner in wanted.none_of:
        yield ~_whole(bundle, inner)


def _whole(bundle: Bundle, wanted: Filters) -> Mask:
    everything = np.ones(bundle.n_items, dtype=np.bool_)
    return reduce(np.logical_and, (mask for _, mask in _conditions(bundle, wanted)), everything)
