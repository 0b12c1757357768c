"""Answers as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic import TypeAdapter

from service.problems import problem_of
from shortlist.engine.answer import Answer
from shortlist.errors import QueryError


@dataclass(frozen=True)
class BatchEntry:
    """One query's answer, or the problem with it, and the status either would have alone."""

    status: int
    answer: Answer | None
    problem: dict[str, Any] | None


@dataclass(frozen=True)
class BatchAnswer:
    """An entry for each query, in order."""

    index_version: str
    entries: list[BatchEntry]


_adapter: Callable[[Any], TypeAdapter[Any]] = cache(TypeAdapter)
"""Made when it is first needed: a service that starts needs none."""


def encode_answer(answer: object) -> bytes:
    """Any answer as JSON."""
    return _adapter(type(answer)).dump_json(answer)


def encode_batch(version: str, found: list[Answer | QueryError]) -> bytes:
    """A batch's entries as JSON, as a BatchAnswer.

    Each is written by itself: other threads wait while one is written.
    """
    head = b'{"index_version":' + json.dumps(version).encode() + b',"entries":['
    return head + b",".join(encode_answer(_entry(one)) for one in found) + b"]}"


def _entry(found: Answer | QueryError) -> BatchEntry:
    if isinstance(found, Answer):
        return BatchEntry(200, found, None)
    status, body = problem_of(found)
    return BatchEntry(status, None, json.loads(body))
