"""Many changes to what they come to: which items are gone, which are new, which are otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from indexing.changing.source import UNCHANGED, Overlay, Source
from shortlist.bundle.arrays import RowArray
from shortlist.bundle.changes import Change, Op
from shortlist.bundle.reader import Bundle
from shortlist.bundle.tables import ItemId


@dataclass(frozen=True)
class Folded:
    """What changes come to, for the items of a version.

    `overlays` are the changed items that there are afterwards, and `gone` those that there are no
    more; `known` are those of both that there were before. `rows` int64 [n before] has the new row
    of each row, -1 for one that is gone; new items stand behind all others, in the order in which
    they came. `changed_rows` int64 are the new rows of the `overlays`, in their order. `problems`
    say what cannot be done, by the place of the change.
    """

    overlays: dict[ItemId, Overlay]
    gone: tuple[ItemId, ...]
    known: tuple[ItemId, ...]
    rows: RowArray
    changed_rows: RowArray
    n_items: int
    problems: dict[int, str]

    @cached_property
    def before(self) -> RowArray:
        """The row that the item of each new row had, int64 [n], -1 for a new item."""
        found = np.full(self.n_items, -1)
        stays = np.flatnonzero(self.rows >= 0)
        found[self.rows[stays]] = stays
        return found

    @property
    def changes_anything(self) -> bool:
        """Whether any item is another afterwards, or gone."""
        return bool(self.overlays or self.gone)

    @property
    def chosen(self) -> RowArray:
        """Each new row's place among the rows before and, behind these, the changed items."""
        places = self.before.copy()
        places[self.changed_rows] = len(self.rows) + np.arange(len(self.changed_rows))
        return places


def fold(bundle: Bundle, source: Source, changes: Sequence[Change]) -> Folded:
    """What these changes come to, one after the other.

    As in a dictionary: a changed item keeps its place, one that is deleted and put in again comes
    last. To delete what is not there does nothing; to patch it is a problem.
    """
    ids = list(dict.fromkeys(change.item_id for change in changes))
    row_of = {one: bundle.ids.row_of(one) for one in ids}
    known = source.overlays([one for one, row in row_of.items() if row is not None])
    there = {one: row is not None for one, row in row_of.items()}
    overlays: dict[ItemId, Overlay] = {}
    appended: dict[ItemId, None] = {}
    left: set[ItemId] = set()
    problems: dict[int, str] = {}
    for place, change in enumerate(changes):
        item_id = change.item_id
        if change.op is Op.DELETE:
            left.add(item_id)
            there[item_id] = False
            overlays.pop(item_id, None)
            appended.pop(item_id, None)
            continue
        if change.op is Op.PATCH and not there[item_id]:
            problems[place] = f"no item has the id {item_id!r}, so nothing of it can be changed"
            continue
        if not there[item_id]:
            appended[item_id], there[item_id] = None, True
        as_is = overlays.get(item_id) or known.get(item_id, UNCHANGED)
        overlays[item_id] = as_is.changed_by(change)
    stays = np.ones(bundle.n_items, dtype=np.bool_)
    stays[[row for one in left if (row := row_of[one]) is not None]] = False
    rows = np.where(stays, np.cumsum(stays) - 1, -1)
    n_stay = int(stays.sum())
    new_row = {one: n_stay + place for place, one in enumerate(appended)}
    changed = [new_row.get(one, -1) for one in overlays]
    changed_rows = np.array(
        [
            row if row >= 0 else rows[row_of[one]]
            for one, row in zip(overlays, changed, strict=True)
        ],
        np.int64,
    )
    gone = tuple(one for one in left if not there[one] and row_of[one] is not None)
    before = tuple(one for one in (*overlays, *gone) if row_of[one] is not None)
    return Folded(overlays, gone, before, rows, changed_rows, n_stay + len(appended), problems)
