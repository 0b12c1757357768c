"""Answers as JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic import TypeAdapter

from service.problem_details import problem_body
from service.problems import kind_of, status_of
from shortlist.engine import CatalogAnswer, Item, SearchAnswer, SuggestAnswer
from shortlist.errors import QueryError


@dataclass(frozen=True)
class BatchEntry:
    """One query's answer, or the problem with it, and the status either would have alone."""

    status: int
    answer: SearchAnswer | None
    problem: dict[str, Any] | None


@dataclass(frozen=True)
class BatchAnswer:
    """An entry for each query, in order."""

    index_version: str
    entries: list[BatchEntry]


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    """Made when it is first needed: a service that starts needs none."""
    return TypeAdapter(kind)


def encode_answer(answer: SearchAnswer) -> bytes:
    """A list of results as JSON."""
    kind: Any = type(answer)
    return _adapter(kind).dump_json(answer)


def encode_suggestions(answer: SuggestAnswer) -> bytes:
    """Suggestions as JSON."""
    return _adapter(SuggestAnswer).dump_json(answer)


def encode_catalog(answer: CatalogAnswer) -> bytes:
    """The catalogue as JSON."""
    return _adapter(CatalogAnswer).dump_json(answer)


def encode_item(item: Item) -> bytes:
    """An item as JSON."""
    return _adapter(Item).dump_json(item)


def encode_batch(version: str, found: list[SearchAnswer | QueryError]) -> bytes:
    """A batch's entries as JSON."""
    return _adapter(BatchAnswer).dump_json(BatchAnswer(version, [_entry(one) for one in found]))


def _entry(found: SearchAnswer | QueryError) -> BatchEntry:
    if isinstance(found, SearchAnswer):
        return BatchEntry(200, found, None)
    status = status_of(found)
    errors = getattr(found, "fields", None)
    body = json.loads(problem_body(status, kind_of(found), str(found), errors=errors))
    return BatchEntry(status, None, body)
