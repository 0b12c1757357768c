"""An evaluation as a table, a JSON file and a chart."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

from indexing.measure.figures import Evaluation, Line, Measured
from indexing.measure.metrics import Difference
from indexing.measure.taste import NDCG, TasteMeasured
from indexing.measure.tastes import TEMPORAL


def write_report(evaluation: Evaluation, folder: Path) -> list[Path]:
    """Write evaluation-<catalogue>.md, .json and .png; returns the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    base = folder / f"evaluation-{evaluation.catalog}"
    table, data, chart = (base.with_suffix(f".{kind}") for kind in ("md", "json", "png"))
    table.write_text(f"{as_markdown(evaluation)}\n", encoding="utf-8")
    text = json.dumps(_plain(asdict(evaluation)), indent=1, ensure_ascii=False, allow_nan=False)
    data.write_text(f"{text}\n", encoding="utf-8")
    draw(evaluation, chart)
    return [table, data, chart]


def as_markdown(evaluation: Evaluation) -> str:
    """The tables that the README and docs/relevance.md show."""
    parts = [
        f"Catalogue {evaluation.catalog}, {evaluation.n_items:,} items, documents in"
        f" {evaluation.precision}; default profile {evaluation.default_profile}.",
        *(_protocol(measured) for measured in evaluation.measured),
        *(_taste(measured) for measured in evaluation.tastes),
        *([_cold(evaluation)] if evaluation.cold else []),
        _off_topic(evaluation),
    ]
    return "\n\n".join(parts)


def _protocol(measured: Measured) -> str:
    if measured.skipped:
        return f"**{measured.protocol.capitalize()}**: skipped, {measured.skipped}."
    head = (
        f"**{measured.protocol.capitalize()}**, {measured.n_queries:,} queries,"
        f" {measured.n_held_out:,} of them held out; each cell: all / held out. Δ is the"
        f" difference of {measured.metrics[0]} to {measured.reference} on the held-out ones with"
        " its 95 % interval."
    )
    columns = ["system", *measured.metrics, f"Δ {measured.metrics[0]}"]
    rows = [
        f"| {' | '.join(columns)} |",
        f"|---|{'---:|' * (len(columns) - 1)}",
        *(_row(line, measured.metrics) for line in measured.lines),
    ]
    return "\n".join([head, "", *rows])


def _row(line: Line, metrics: tuple[str, ...]) -> str:
    cells = [f"{_number(line.every[name])} / {_number(line.held_out[name])}" for name in metrics]
    return f"| {' | '.join([line.system, *cells, _difference(line.difference)])} |"


def _taste(measured: TasteMeasured) -> str:
    name = measured.protocol.capitalize()
    if measured.skipped:
        return f"**{name}**: skipped, {measured.skipped}."
    best, ours = measured.best_reference, measured.ours
    head = (
        f"**{name}**, {measured.n_topics:,} queries of {measured.n_users:,} users. Δ are"
        " differences of nDCG@10 over users with their 95 % intervals. The best reference is"
        f" {best.system}; {ours.system} has {ours.ndcg / max(best.ndcg, 1e-9):.0%} of its nDCG@10."
    )
    rows = [
        f"| {one.system} | {one.ndcg:.3f} | {one.recall:.3f} | {one.coverage:.3f} |"
        f" {one.popularity_percentile:.3f} | {_difference(one.to_popularity)} |"
        f" {_difference(one.to_text)} |"
        for one in measured.lines
    ]
    columns = "| system | nDCG@10 | Recall@20 | coverage@10 | popularity percentile |"
    return "\n".join(
        [
            head,
            "",
            f"{columns} Δ popularity | Δ text alone |",
            f"|---|{'---:|' * 6}",
            *rows,
        ]
    )


def _difference(difference: Difference | None) -> str:
    return "" if difference is None else str(difference)


def _cold(evaluation: Evaluation) -> str:
    rows = [
        f"| {error.least_ratings} | {error.n_hidden:,} | {error.estimated:.4f} |"
        f" {error.constant:.4f} | {1 - error.estimated / error.constant:.0%} |"
        for error in evaluation.cold
    ]
    return "\n".join(
        [
            "**Cold items**: mean absolute error of the popularity score of items whose ratings"
            " were hidden.",
            "",
            "| items with at least … ratings | hidden | estimated from neighbours | always C |"
            " less by |",
            "|---:|---:|---:|---:|---:|",
            *rows,
        ]
    )


def _off_topic(evaluation: Evaluation) -> str:
    found = evaluation.off_topic
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

    shown = _charts(evaluation)
    figure, axes = pyplot.subplots(
        1, max(1, len(shown)), figsize=(5.5 * max(1, len(shown)), 3.8), layout="constrained",
        squeeze=False,
    )  # fmt: skip
    for axis, (title, values) in zip(axes[0], shown.items(), strict=False):
        bars = axis.barh(list(values), list(values.values()))
        axis.bar_label(bars, fmt="%.3f", padding=3)
        axis.invert_yaxis()
        axis.margins(x=0.16)
        axis.set_title(title)
    figure.suptitle(f"{evaluation.catalog}, {evaluation.n_items:,} items")
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


def _charts(evaluation: Evaluation) -> dict[str, dict[str, float]]:
    """A title a chart, and a value a system."""
    by_text = {
        f"{one.protocol}: {one.metrics[0]}": {
            line.system: line.every[one.metrics[0]] for line in one.lines
        }
        for one in evaluation.measured
        if not one.skipped
    }
    by_taste = {
        f"{one.protocol}: {NDCG}": {line.system: line.ndcg for line in one.lines}
        for one in evaluation.tastes
        if not one.skipped and one.protocol != TEMPORAL
    }
    return by_text | by_taste


def _number(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.3f}"


def _plain(value: Any) -> Any:
    """The value with NaN, which JSON does not have, as null."""
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return None if isinstance(value, float) and math.isnan(value) else value
