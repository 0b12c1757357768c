"""What a changed item may hold, and how what is wrong with it is told."""

from __future__ import annotations

from typing import Any

import pytest

from shortlist.bundle.attributes import Kind
from shortlist.bundle.changes import Change, Op, change_of, problems_of, problems_of_items
from shortlist.bundle.intake import ColumnIntake, Intake

INTAKE = Intake(
    id="sku",
    id_type="string",
    title="name",
    tags=True,
    columns={
        "sku": ColumnIntake(),
        "name": ColumnIntake(),
        "kinds": ColumnIntake(lists=True),
        "price": ColumnIntake(kind=Kind.NUMBER),
        "pieces": ColumnIntake(kind=Kind.INTEGER),
        "in_stock": ColumnIntake(kind=Kind.BOOLEAN),
        "added": ColumnIntake(kind=Kind.TIME),
        "lat": ColumnIntake(kind=Kind.NUMBER, most=90.0),
    },
    field_bytes=100,
    values_per_item=3,
)
NUMBERED = INTAKE.model_copy(update={"id_type": "integer"})
GOOD = {"sku": "a", "name": "Lamp"}


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"kinds": ["A", "B"], "tags": ["red"], "price": 2, "pieces": "7", "in_stock": True},
        {"kinds": "A|B", "price": "2.50", "pieces": 7.0, "in_stock": "no", "added": "2024-05-01"},
        {"price": None, "tags": None, "added": "", "lat": -90},
    ],
)
def test_a_sound_item_has_no_problem(values: dict[str, Any]) -> None:
    assert INTAKE.problems_of({**GOOD, **values}) == {}


@pytest.mark.parametrize(
    ("values", "name", "said"),
    [
        ({"prize": 1}, "prize", "no such column; known: sku, name, kinds"),
        ({"name": ""}, "name", "expected a value, found none"),
        ({"sku": None}, "sku", "expected a value, found none"),
        ({"sku": " "}, "sku", "expected 1 to 256 characters, found 1"),
        ({"name": " "}, "name", "expected a value, found none"),
        ({"sku": "x" * 257}, "sku", "expected 1 to 256 characters, found 257"),
        ({"sku": "\ud800"}, "sku", "half of a pair of surrogates"),
        ({"sku": True}, "sku", "expected a text, found True"),
        ({"price": "cheap"}, "price", "expected a number, found 'cheap'"),
        ({"price": float("inf")}, "price", "expected a finite number"),
        ({"price": [1]}, "price", "expected one value, found a list"),
        ({"pieces": 1.5}, "pieces", "expected an integer, found 1.5"),
        ({"pieces": True}, "pieces", "expected an integer, found True"),
        ({"in_stock": "perhaps"}, "in_stock", "expected true or false, found 'perhaps'"),
        ({"added": "yesterday"}, "added", "expected a date or a time in ISO 8601"),
        ({"lat": 91}, "lat", "expected degrees up to 90, found 91"),
        ({"kinds": ["A", ["B"]]}, "kinds", "expected a text, a number or true or false"),
        ({"kinds": list("abcd")}, "kinds", "expected at most 3 values, found 4"),
        ({"name": "x" * 101}, "name", "expected at most 100 bytes, found 101"),
        ({"name": "\ud800"}, "name", "half of a pair of surrogates"),
        ({"name": {"en": "Lamp"}}, "name", "expected a text, a number or true or false"),
        ({"tags": "red"}, "tags", "expected a list of texts"),
    ],
)
def test_what_is_wrong_is_told_by_its_column(values: dict[str, Any], name: str, said: str) -> None:
    problems = INTAKE.problems_of({**GOOD, **values})
    assert list(problems) == [name]
    assert problems[name].startswith(said) or said in problems[name]


def test_items_are_told_apart_by_their_place() -> None:
    problems = problems_of_items(INTAKE, [GOOD, {**GOOD, "price": "x"}, 7])
    assert problems == {
        "items[1].price": "expected a number, found 'x'",
        "items[2]": "expected an object with the catalogue's columns",
    }


@pytest.mark.parametrize(
    ("raw", "problems"),
    [
        (7, {"op": "expected an object with an op, one of: upsert, patch, delete"}),
        ({"op": ["patch"]}, {"op": "expected an object with an op, one of: upsert, patch, delete"}),
        ({"op": "drop"}, {"op": "expected an object with an op, one of: upsert, patch, delete"}),
        ({"op": "delete"}, {"item_id": "expected a text, found None"}),
        (
            {"op": "delete", "item_id": "a", "set": {}},
            {"set": "no such key; known: item_id, op, sequence"},
        ),
        (
            {"op": "patch", "item_id": "a", "set": {}},
            {"set": "expected an object with at least one of the catalogue's columns"},
        ),
        (
            {"op": "patch", "item_id": "a", "set": {"sku": "b", "name": None}},
            {
                "set.sku": "an item keeps its id; delete it and put another one in",
                "set.name": "expected a value, found none",
            },
        ),
        ({"op": "upsert", "item": {"sku": "a"}}, {"item.name": "expected a value, found none"}),
    ],
)
def test_a_change_that_is_wrong_is_told_part_by_part(raw: object, problems: dict[str, str]) -> None:
    assert problems_of(INTAKE, raw) == problems


def test_sound_changes_have_ids_as_the_catalogue_types_them() -> None:
    assert change_of(INTAKE, {"op": "delete", "item_id": 7}) == Change(Op.DELETE, "7", {})
    patch = {"op": "patch", "item_id": "7", "set": {"price": 1}}
    assert problems_of(NUMBERED, patch) == {}
    assert change_of(NUMBERED, patch) == Change(Op.PATCH, 7, {"price": 1})
    assert problems_of(NUMBERED, {**patch, "item_id": "007"}) == {
        "item_id": "expected an integer, found '007'"
    }
    assert problems_of(NUMBERED, {**patch, "item_id": 2**63}) == {"item_id": "expected 64 bits"}
