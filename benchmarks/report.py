"""The benchmark's table, JSON file and chart."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Line:
    """One line of the table: what the notebook took, what Shortlist took, what is asked for."""

    what: str
    notebook: float | None
    shortlist: float
    unit: str
    goal: str
    ratio: float | None


def machine() -> str:
    """The machine in one line."""
    model = "unknown processor"
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        text = cpuinfo.read_text()
        names = [
            line.partition(":")[2].strip() for line in text.splitlines() if "model name" in line
        ]
        bf16 = [flag for flag in ("amx_bf16", "avx512_bf16") if f" {flag}" in text]
        model = f"{names[0]}, {bf16[0] if bf16 else 'no bf16 instructions'}"
    return f"{model}, {len(os.sched_getaffinity(0))} cores, Python {platform.python_version()}"


def lines(median: dict[str, float]) -> list[Line]:
    """The table's lines from the medians."""
    m = median
    load_s = m["notebook_import_s"] + m["notebook_model_s"]
    build_s = m["build_s"]

    def faster(what: str, notebook: float, shortlist: float, unit: str, goal: str) -> Line:
        return Line(what, notebook, shortlist, unit, goal, notebook / shortlist)

    rate, own_rate = m["notebook_queries_per_s"], m["wrk_requests_per_s"]
    return [
        faster("encode the corpus", m["notebook_encode_s"], m["encode_s"], "s", "≥ 5×"),
        faster("build, cold process to published", m["notebook_ready_s"], build_s, "s", "≥ 4×"),
        Line("rebuild, nothing changed", None, m["rebuild_same_s"], "s", "≤ 1/2 of the build",
             m["rebuild_same_s"] / build_s),
        Line("rebuild, 1 % changed", None, m["rebuild_changed_s"], "s", "≤ 2/3 of the build",
             m["rebuild_changed_s"] / build_s),
        faster("query in process, uncached, p50", m["notebook_query_p50_ms"], m["query_p50_ms"],
               "ms", "≥ 12×"),
        faster("query over HTTP, uncached, p50", m["notebook_query_p50_ms"], m["http_p50_ms"],
               "ms", "≥ 9×"),
        Line("suggestions over HTTP, p50", None, m["suggest_p50_ms"], "ms", "≤ 2 ms", None),
        Line("searches in batches, one client (against one by one)", m["single_per_s"],
             m["batch_per_s"], "1/s", "≥ 2×", m["batch_per_s"] / m["single_per_s"]),
        Line("HTTP throughput, 16 clients", rate, own_rate, "1/s", "≥ 10×", own_rate / rate),
        faster("start to first answer (notebook: import and model)", load_s, m["start_s"],
               "s", "≥ 4×"),
        Line("memory of one worker, without file pages", m["notebook_peak_mb"],
             m["worker_own_mb"], "MB", "≤ 350 MB", None),
        Line("each further worker (PSS)", None, m["further_worker_mb"], "MB", "≤ 250 MB", None),
    ]  # fmt: skip


def table(described: dict[str, Any]) -> str:
    """The Markdown table that the README shows."""
    median = described["median"]
    head = [
        f"{described['data']}, {int(median['documents']):,} documents; {described['machine']};"
        f" median of {len(described['rounds'])} rounds.",
        "",
        "| measured | notebook | Shortlist | ratio | goal |",
        "|---|---:|---:|---:|---|",
    ]
    body = [
        f"| {line.what} | {_number(line.notebook, line.unit)}"
        f" | {_number(line.shortlist, line.unit)} | {_times(line.ratio)} | {line.goal} |"
        for line in lines(median)
    ]
    share = median["tflop_per_s"] / median["bf16_tflop_per_s"]
    tail = [
        "",
        f"Encoding runs at {median['tflop_per_s']:.2f} TFLOP/s, {share:.0%} of the"
        f" {median['bf16_tflop_per_s']:.2f} TFLOP/s that a plain bf16 matrix product reaches here."
        f" Throughput had p99 {median['wrk_p99_ms']:.0f} ms.",
    ]
    return "\n".join([*head, *body, *tail])


def write(described: dict[str, Any]) -> None:
    """Write the JSON file, the table and the chart into benchmarks/results."""
    RESULTS.mkdir(exist_ok=True)
    name = "movielens" if "MovieLens" in described["data"] else "sample"
    text = json.dumps(described, indent=1, ensure_ascii=False)
    (RESULTS / f"{name}.json").write_text(f"{text}\n", encoding="utf-8")
    (RESULTS / f"{name}.md").write_text(f"{table(described)}\n", encoding="utf-8")
    _chart(described, RESULTS / f"{name}.png")


def _chart(described: dict[str, Any], path: Path) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    faster = [line for line in lines(described["median"]) if line.goal.startswith("≥")]
    figure, axes = pyplot.subplots(figsize=(8, 3.6), layout="constrained")
    bars = axes.barh([line.what for line in faster], [line.ratio or 0 for line in faster])
    axes.bar_label(bars, fmt="%.1f×", padding=3)
    axes.invert_yaxis()
    axes.margins(x=0.12)
    axes.axvline(1, color="grey", linewidth=0.8)
    axes.set_xlabel(f"times the notebook ({described['data']})")
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


def _times(ratio: float | None) -> str:
    return "–" if ratio is None else f"{ratio:.2f}×"


def _number(value: float | None, unit: str) -> str:
    return "–" if value is None else f"{value:,.3g} {unit}"
