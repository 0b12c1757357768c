"""What is counted of searches, as text, JSON and CSV."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from shortlist.engine import shown
from shortlist.events.analytics import Analytics
from shortlist.events.facts import Counts, Text

TABLES = ("days", "texts", "profiles", "slow")

_MARKS = " ▁▂▃▄▅▆▇█"
_COUNTED = ("searches", "no result", "no match", "no click", "MRR")
_MOST_SHOWN = 60


def as_json(analytics: Analytics) -> str:
    """All of it, times in ISO 8601."""
    return json.dumps(asdict(analytics), indent=1, ensure_ascii=False, default=_plain)


def as_csv(analytics: Analytics, table: str) -> str:
    """One of `TABLES`; texts are those of all lists, each once."""
    rows = [asdict(one) for one in rows_of(analytics, table)]
    sheet = io.StringIO()
    if rows:
        writer = csv.DictWriter(sheet, _first(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: _cell(value) for name, value in row.items()} for row in rows)
    return sheet.getvalue()


def rows_of(analytics: Analytics, table: str) -> Sequence[Any]:
    """The entries of one of `TABLES`."""
    if table != "texts":
        rows: Sequence[Any] = getattr(analytics, table)
        return rows
    lists = (analytics.frequent, analytics.unanswered, analytics.poor, analytics.unopened)
    return list({one.text: one for some in lists for one in some}.values())


def as_text(analytics: Analytics) -> str:
    """Tables for a terminal."""
    all_of, days = analytics.searches, analytics.days
    if not all_of.searches:
        return f"no searches since {analytics.since:%Y-%m-%d}"
    profiles = [(one.profile, *_numbers(one), f"{one.p95_ms:.1f}") for one in analytics.profiles]
    parts = [
        f"{analytics.since:%Y-%m-%d} to {analytics.until:%Y-%m-%d %H:%M} UTC",
        "answers: " + ", ".join(f"{n:,} {kind}" for kind, n in analytics.answers.items()),
        "took, ms: " + ", ".join(f"{k} {v:.1f}" for k, v in analytics.percentiles_ms.items()),
        shown.as_text(("", *_COUNTED), [("all searches", *_numbers(all_of))]),
        f"searches a day    {trend([one.searches for one in days])}\n"
        f"without a result  {trend([one.without_results for one in days])}\n"
        f"without a click   {trend([one.without_click for one in days])}",
        shown.as_text(
            ("day", *_COUNTED), [(str(one.day), *_numbers(one)) for one in days if one.searches]
        ),
        shown.as_text(("profile", *_COUNTED, "p95 ms"), profiles),
    ]
    return "\n\n".join([*parts, *_of_texts(analytics), _slowest(analytics)])


def trend(numbers: Sequence[int]) -> str:
    """A mark for each number, as high as it is beside the largest."""
    most = max(numbers, default=0) or 1
    return "".join(_MARKS[-(-one * (len(_MARKS) - 1) // most)] for one in numbers)


def _of_texts(analytics: Analytics) -> list[str]:
    if not analytics.texts_kept:
        return ["texts are not kept: the service has log_queries off"]
    lists = {
        "most frequent": analytics.frequent,
        "without a result": analytics.unanswered,
        "without a good match": analytics.poor,
        "without a click": analytics.unopened,
    }
    return [shown.as_text((name, *_COUNTED), _texts(some)) for name, some in lists.items() if some]


def _texts(some: Sequence[Text]) -> list[tuple[str, ...]]:
    return [(_printable(one.text), *_numbers(one)) for one in some]


def _slowest(analytics: Analytics) -> str:
    rows = [
        (f"{one.took_ms:.1f}", f"{one.at:%Y-%m-%d %H:%M:%S}", one.profile, _printable(one.text))
        for one in analytics.slow
    ]
    return shown.as_text(("slowest, ms", "at", "profile", "text"), rows)


def _numbers(one: Counts) -> tuple[str, ...]:
    mean = "-" if one.reciprocal_rank is None else f"{one.reciprocal_rank:.3f}"
    counted = (one.searches, one.without_results, one.without_good_match, one.without_click)
    return (*(f"{number:,}" for number in counted), mean)


def _printable(text: str | None) -> str:
    """A text that others wrote, without what steers a terminal."""
    said = "".join(one if one.isprintable() else "?" for one in text or "-")
    return said if len(said) <= _MOST_SHOWN else f"{said[: _MOST_SHOWN - 1]}…"


def _first(row: dict[str, Any]) -> list[str]:
    """The columns, what names a row in front."""
    names = [name for name in row if name not in Counts.__dataclass_fields__]
    return [*names, *(name for name in row if name not in names)]


def _cell(value: object) -> object:
    """A spreadsheet takes a text that begins like a formula for one."""
    if isinstance(value, str) and value[:1] in {"=", "+", "-", "@", "\t", "\r"}:
        return f"'{value}"
    return _plain(value) if isinstance(value, datetime) else value


def _plain(value: Any) -> str:
    return str(value.isoformat())
