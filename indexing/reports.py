"""What the command line prints for people: tables and human units."""

from __future__ import annotations

from collections.abc import Sequence

from indexing.gate.diff import ReleaseDiff
from indexing.versions import VersionRow
from shortlist.engine.shown import as_text

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400


def versions_table(rows: Sequence[VersionRow]) -> str:
    """One line a version under a heading; a line for an empty folder."""
    if not rows:
        return "nothing is published here"
    head = ("version", "live", "age", "catalogue", "items", "model", "size", "verified")
    return as_text(head, [_cells(row) for row in rows])


def diff_report(diff: ReleaseDiff) -> str:
    """The release diff as a few lines of text."""
    lines = [
        f"{diff.before} -> {diff.after}",
        f"items       {diff.items_before:,} -> {diff.items_after:,}: {diff.added:,} added,"
        f" {diff.removed:,} removed, {diff.changed:,} with another document",
        f"popularity  shifted by {diff.mean_popularity_shift:.4f} on average, at most"
        f" {diff.largest_popularity_shift:.4f}",
        f"answers     the first ten of {len(diff.probes)} probe queries overlap by"
        f" {diff.mean_overlap:.2f} on average",
    ]
    changed = [f"  {one.overlap:.2f}  {one.query}" for one in diff.worst if one.overlap < 1]
    return "\n".join([*lines, *(["most changed:", *changed] if changed else [])])


def human_size(n_bytes: float) -> str:
    """Bytes in decimal units, as 1.2 MB."""
    for unit in ("B", "kB", "MB", "GB"):
        if n_bytes < 1000:
            return f"{n_bytes:.0f} B" if unit == "B" else f"{n_bytes:.1f} {unit}"
        n_bytes /= 1000
    return f"{n_bytes:.1f} TB"


def human_age(age_s: float) -> str:
    """Seconds in the largest unit that fits, as 3 h."""
    for size, unit in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min")):
        if age_s >= size:
            return f"{age_s / size:.0f} {unit}"
    return f"{age_s:.0f} s"


def _cells(row: VersionRow) -> tuple[str, ...]:
    return (
        row.version,
        "*" if row.live else "",
        "?" if row.age_s is None else human_age(row.age_s),
        row.catalog or "?",
        "?" if row.items is None else f"{row.items:,}",
        row.model or "?",
        human_size(row.size_bytes),
        "yes" if row.problem is None else f"no: {row.problem}",
    )
