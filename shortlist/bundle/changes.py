"""Changes to a catalogue: items put in whole, some columns of one exchanged, items deleted."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from shortlist.bundle.intake import Intake
from shortlist.bundle.tables import ItemId

MOST_TOGETHER = 1000
"""So many changes one record may have."""


class Op(StrEnum):
    """What a change does."""

    UPSERT = "upsert"
    PATCH = "patch"
    DELETE = "delete"


_KEYS = {
    Op.UPSERT: {"op", "item", "sequence"},
    Op.PATCH: {"op", "item_id", "set", "sequence"},
    Op.DELETE: {"op", "item_id", "sequence"},
}


@dataclass(frozen=True)
class Change:
    """One change: `values` are the columns of the whole item, or those of a patch.

    A patch or an upsert of None leaves a column without a value. To delete what is not there is no
    error; to patch it is one.
    """

    op: Op
    item_id: ItemId
    values: Mapping[str, Any]

    def as_given(self) -> dict[str, Any]:
        """The change as a file has it."""
        plain = self.to_dict()
        if self.op is Op.UPSERT:
            del plain["item_id"]
        return plain

    def to_dict(self) -> dict[str, Any]:
        """The change as the log has it."""
        if self.op is Op.UPSERT:
            return {"op": self.op.value, "item": dict(self.values), "item_id": self.item_id}
        patch = {"set": dict(self.values)} if self.op is Op.PATCH else {}
        return {"op": self.op.value, "item_id": self.item_id, **patch}


def problems_of(intake: Intake, raw: object) -> dict[str, str]:
    """What is wrong with a change as a file has it, by the name of its part; empty for none."""
    if not isinstance(raw, dict) or raw.get("op") not in list(Op):
        return {"op": f"expected an object with an op, one of: {', '.join(Op)}"}
    known = _KEYS[Op(raw["op"])]
    unknown = sorted(map(str, set(raw) - known))
    if unknown:
        return {unknown[0]: f"no such key; known: {', '.join(sorted(known))}"}
    if raw["op"] == Op.UPSERT:
        return _within("item", intake.problems_of(raw.get("item")))
    problem = intake.id_problem(raw.get("item_id"))
    found = {} if problem is None else {"item_id": problem}
    if raw["op"] == Op.PATCH:
        found |= _within("set", intake.problems_of_patch(raw.get("set")))
    return found


def problems_of_items(intake: Intake, items: Sequence[Any]) -> dict[str, str]:
    """What is wrong with whole items, by `items[0].column`; empty for sound ones."""
    found: dict[str, str] = {}
    for place, item in enumerate(items):
        found |= _within(f"items[{place}]", intake.problems_of(item))
    return found


def _within(where: str, problems: Mapping[str, str]) -> dict[str, str]:
    return {f"{where}.{name}" if name else where: said for name, said in problems.items()}


def upsert(intake: Intake, item: Mapping[str, Any]) -> Change:
    """A sound whole item as a change."""
    return Change(Op.UPSERT, intake.id_of(item[intake.id]), item)


def change_of(intake: Intake, raw: Mapping[str, Any]) -> Change:
    """A sound change as a file has it."""
    op = Op(raw["op"])
    if op is Op.UPSERT:
        return upsert(intake, raw["item"])
    return Change(op, intake.id_of(raw["item_id"]), raw.get("set", {}))


def decode_line(line: str) -> object:
    """The value of a line of JSON. Raises ValueError, also for numbers that JSON has not."""
    try:
        return json.loads(line, parse_constant=_no_number)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _no_number(written: str) -> None:
    raise ValueError(f"{written} is no number of JSON")
