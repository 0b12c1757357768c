"""An evaluation or a tuning as tables, a JSON file and a chart."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from indexing.measure.metrics import Difference
from indexing.measure.protocols.cold import ColdError
from indexing.measure.protocols.off_topic import OffTopic
from indexing.measure.protocols.steered import STEERED
from indexing.measure.protocols.tastes import SEARCHED, TEMPORAL
from indexing.measure.references import REFERENCES
from indexing.measure.systems import OURS


@dataclass(frozen=True)
class Line:
    """One system on one protocol: the means of its metrics, over all topics and held-out ones.

    Of tastes they are means over users, and nothing is held out. `differences` are those of the
    first metric to other systems, over held-out topics or all users; None to itself.
    """

    system: str
    every: dict[str, float]
    held_out: dict[str, float]
    differences: dict[str, Difference | None]


@dataclass(frozen=True)
class Measured:
    """One protocol's lines, or why it was skipped; `n_users` is 0 where a text asks."""

    protocol: str
    metrics: tuple[str, ...] = ()
    n_topics: int = 0
    n_held_out: int = 0
    n_users: int = 0
    compared_with: tuple[str, ...] = ()
    lines: tuple[Line, ...] = ()
    skipped: str | None = None

    def line(self, system: str) -> Line:
        """The line of a system that was measured."""
        return next(line for line in self.lines if line.system == system)


@dataclass(frozen=True)
class Evaluation:
    """Everything that was measured of one version."""

    catalog: str
    version: str
    precision: str
    n_items: int
    default_profile: str
    measured: tuple[Measured, ...]
    tastes: tuple[Measured, ...]
    cold: tuple[ColdError, ...]
    off_topic: OffTopic | None


def write_report(evaluation: Evaluation, folder: Path) -> list[Path]:
    """Write evaluation-<catalogue>.md, .json and .png; returns the paths."""
    base = folder / f"evaluation-{evaluation.catalog}"
    paths = write_tables(base, as_markdown(evaluation), asdict(evaluation))
    draw(evaluation, base.with_suffix(".png"))
    return [*paths, base.with_suffix(".png")]


def write_tables(base: Path, table: str, data: dict[str, Any]) -> list[Path]:
    """Write a table as .md and its figures as .json beside it; returns the paths."""
    base.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(_plain(data), indent=1, ensure_ascii=False, allow_nan=False)
    paths = [base.with_suffix(".md"), base.with_suffix(".json")]
    for path, content in zip(paths, (table, text), strict=True):
        path.write_text(f"{content}\n", encoding="utf-8")
    return paths


def as_markdown(evaluation: Evaluation) -> str:
    """The tables that the README and docs/relevance.md show."""
    parts = [
        f"Catalogue {evaluation.catalog}, {evaluation.n_items:,} items, documents in"
        f" {evaluation.precision}; default profile {evaluation.default_profile}.",
        *map(_protocol, (*evaluation.measured, *evaluation.tastes)),
        *([_cold(evaluation.cold)] if evaluation.cold else []),
        _off_topic(evaluation.off_topic),
    ]
    return "\n\n".join(parts)


def as_table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, n_texts: int = 1) -> str:
    """A Markdown table, numbers to the right of the first `n_texts` columns."""
    aligned = "|---" * n_texts + "|---:" * (len(columns) - n_texts)
    lines = [f"| {' | '.join(cells)} |" for cells in (columns, *rows)]
    return "\n".join([lines[0], f"{aligned}|", *lines[1:]])


def _protocol(measured: Measured) -> str:
    name = f"**{measured.protocol.capitalize()}**"
    if measured.skipped:
        return f"{name}: skipped, {measured.skipped}."
    first = measured.metrics[0]
    labels = [f"Δ {first}"]
    if measured.n_users:
        labels = [f"Δ {other}" for other in measured.compared_with]
        about = _ABOUT.get(measured.protocol, _about_tastes)(measured)
    else:
        about = (
            f", {measured.n_topics:,} queries, {measured.n_held_out:,} of them held out; each"
            f" cell: all / held out. Δ is the difference of {first} to"
            f" {measured.compared_with[0]} on the held-out ones with its 95 % interval."
        )
    rows = [[line.system, *_cells(line, measured)] for line in measured.lines]
    return f"{name}{about}\n\n{as_table(['system', *measured.metrics, *labels], rows)}"


def _about_tastes(measured: Measured) -> str:
    references = [line for line in measured.lines if line.system in REFERENCES]
    first = measured.metrics[0]
    best = max(references, key=lambda line: line.every[first])
    share = measured.line(OURS).every[first] / max(best.every[first], 1e-9)
    return (
        f", {measured.n_topics:,} queries of {measured.n_users:,} users. Δ are differences of"
        f" {first} over users with their 95 % intervals. The best reference is {best.system};"
        f" {OURS} has {share:.0%} of its {first}."
    )


def _about_steered(measured: Measured) -> str:
    return (
        f", {measured.n_topics:,} queries of {measured.n_users:,} users. Δ are differences of"
        f" {measured.metrics[0]} over users with their 95 % intervals. Of the first ten,"
        f" {measured.line(OURS).every['carriers@10']:.0%} carry the text."
    )


def _about_searched(measured: Measured) -> str:
    return (
        f", {measured.n_topics:,} queries of as many users. Δ is the difference of"
        f" {measured.metrics[0]} over users with its 95 % interval."
    )


_ABOUT = {STEERED: _about_steered, SEARCHED: _about_searched}
"""What is told of the protocols that ask a text beside a taste."""


def _cells(line: Line, measured: Measured) -> list[str]:
    every = [_number(line.every[name]) for name in measured.metrics]
    if line.held_out:
        held_out = [_number(line.held_out[name]) for name in measured.metrics]
        every = [f"{one} / {other}" for one, other in zip(every, held_out, strict=True)]
    differences = (line.differences[other] for other in measured.compared_with)
    return [*every, *("" if one is None else str(one) for one in differences)]


def _cold(errors: Iterable[ColdError]) -> str:
    rows = [
        [f"{error.least_ratings}", f"{error.n_hidden:,}", f"{error.estimated:.4f}",
         f"{error.constant:.4f}", f"{1 - error.estimated / error.constant:.0%}"]
        for error in errors
    ]  # fmt: skip
    columns = ["items with at least … ratings", "hidden", "estimated from neighbours"]
    return (
        "**Cold items**: mean absolute error of the popularity score of items whose ratings"
        f" were hidden.\n\n{as_table([*columns, 'always C', 'less by'], rows, n_texts=0)}"
    )


def _off_topic(found: OffTopic | None) -> str:
    if found is None:
        return "**No good match**: skipped, catalog.toml names no [evaluation] topics."
    return (
        f"**No good match**, {found.n_on_topic} queries about the catalogue and"
        f" {found.n_off_topic} about other things: precision {found.precision:.3f}, recall"
        f" {found.recall:.3f}, area under the curve {found.area:.3f}."
    )


def draw(evaluation: Evaluation, path: Path) -> None:
    """A bar a system for each protocol's first metric, over all queries."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    every = (*evaluation.measured, *evaluation.tastes)
    shown = [one for one in every if not one.skipped and one.protocol != TEMPORAL]
    n_charts = max(1, len(shown))
    figure, axes = pyplot.subplots(
        1, n_charts, figsize=(5.5 * n_charts, 3.8), layout="constrained", squeeze=False
    )
    for axis, one in zip(axes[0], shown, strict=False):
        first = one.metrics[0]
        means = {line.system: line.every[first] for line in one.lines}
        bars = axis.barh(list(means), list(means.values()))
        axis.bar_label(bars, fmt="%.3f", padding=3)
        axis.invert_yaxis()
        axis.margins(x=0.16)
        axis.set_title(f"{one.protocol}: {first}")
    figure.suptitle(f"{evaluation.catalog}, {evaluation.n_items:,} items")
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


def _number(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.3f}"


def _plain(value: Any) -> Any:
    """The value with NaN, which JSON does not have, as null."""
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return None if isinstance(value, float) and math.isnan(value) else value
