"""What /docs shows of each operation, taken from the OpenAPI document."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from service.openapi import OPERATIONS, Operation, document, operations
from service.requests import spellings

_WHOLE = document(writes=True, events=True)
_STEP = "  "
_DEEPEST = 6
"""Where an outline ends: what lies deeper is named only."""


@dataclass(frozen=True)
class Documented:
    """One operation for people: its parameters, answers by status, and an outline of the answer.

    `path` is that of an example that runs, `body` its body, empty for GET. Every second part of
    what it `says` is code. What changes items, or is kept, is not tried out from a page.
    """

    method: str
    template: str
    summary: str
    path: str
    body: str
    parameters: list[tuple[str, str]]
    statuses: list[tuple[str, str]]
    says: list[str]
    outline: str
    writes: bool


def documented(
    item_id: int | str | None, *, writes: bool = False, events: bool = False
) -> list[Documented]:
    """Every operation of such a service; the examples ask for this item."""
    example = quote(str(item_id if item_id is not None else 1), safe="")
    return [_documented(one, example) for one in operations(writes=writes, events=events)]


def _documented(operation: Operation, item_id: str) -> Documented:
    path = operation.path.replace("{item_id}", item_id).replace("{sequence}", "1")
    schema, statuses = _answers(operation.path, operation.method)
    return Documented(
        method=operation.method.upper(),
        template=operation.path,
        summary=operation.summary,
        path=f"{path}?{operation.example}" if operation.example else path,
        body=json.dumps(operation.body_example) if operation.body_example else "",
        parameters=_parameters(operation),
        statuses=statuses,
        says=_resolved(schema).get("description", "").split("`"),
        outline=_outline(schema, "", 0),
        writes=operation not in OPERATIONS,
    )


def _parameters(operation: Operation) -> list[tuple[str, str]]:
    model = operation.in_address
    return [
        (name, one.field.description or "Replaces this weight of the profile, 0 to 10.")
        for name, one in (spellings(model).items() if model is not None else ())
    ]


@cache
def _answers(path: str, method: str) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    responses = _WHOLE["paths"][path][method]["responses"]
    answered = responses.get("200") or responses["202"]
    schema: dict[str, Any] = answered["content"]["application/json"]["schema"]
    return schema, [(status, HTTPStatus(int(status)).phrase) for status in sorted(responses)]


def _resolved(schema: dict[str, Any]) -> dict[str, Any]:
    name = schema.get("$ref", "").rpartition("/")[2]
    found: dict[str, Any] = _WHOLE["components"]["schemas"][name] if name else schema
    return found


def _outline(schema: dict[str, Any], indent: str, depth: int) -> str:
    """The shape of a value: objects and lists spelled out, all else by its type."""
    if "anyOf" in schema:
        return " or ".join(_outline(one, indent, depth) for one in schema["anyOf"])
    if "enum" in schema:
        return " or ".join(map(json.dumps, schema["enum"]))
    whole = _resolved(schema)
    if whole.get("type") == "array":
        return f"[{_outline(whole.get('items', {}), indent, depth)}, …]"
    if whole.get("type") == "object":
        return _object(whole, indent, depth)
    return _outline(whole, indent, depth) if whole is not schema else str(whole.get("type", "any"))


def _object(schema: dict[str, Any], indent: str, depth: int) -> str:
    inner = indent + _STEP
    if depth == _DEEPEST:
        return "{…}"
    if "properties" not in schema:
        of_any = schema.get("additionalProperties")
        shape = _outline(of_any, inner, depth + 1) if isinstance(of_any, dict) else "any"
        return f"{{name: {shape}, …}}"
    lines = [
        f"{inner}{name}: {_outline(one, inner, depth + 1)}"
        for name, one in schema["properties"].items()
    ]
    return "{\n" + "\n".join(lines) + f"\n{indent}}}"
