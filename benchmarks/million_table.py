"""The table of what was measured of a large catalogue."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.measured_build import ENCODING, GRAPH

SHARES = {"half": "1/2", "tenth": "1/10", "hundredth": "1 %", "thousandth": "0.1 %"}
"""The shares of the items that filters pass."""


def spread(times: Sequence[float]) -> list[float]:
    """The median and the 99th percentile, to a hundredth."""
    return [round(float(one), 2) for one in np.percentile(times, [50, 99])]


def table(found: dict[str, Any]) -> str:
    """What was measured as Markdown: how, then a row for each figure."""
    rows = [*_publishing(found), *_building(found), *_searching(found), *_after(found)]
    lines = ["| measured | found |", "|---|---|", *(f"| {what} | {said} |" for what, said in rows)]
    return "\n".join([f"{_head(found)}\n", *lines, ""])


def _head(found: dict[str, Any]) -> str:
    said = f"{found['items']:,} films put together anew, {found['index']}; {found['machine']}."
    fit = found["build"]["fit"]
    if not fit:
        return f"{said} Every document is really encoded."
    return (
        f"{said} In the first build documents' vectors are a stand-in's, not the encoder's:"
        " weighted sums of the vectors of the pieces that a document is put together of, and noise"
        f" that is spread as the real vectors are. Two documents' mean cosine is {fit['made']},"
        f" really {fit['real']}; its vector and the real one of a document have"
        f" {fit['cosine']}. Queries, changes and what the rebuild lacks are really encoded."
    )


def _publishing(found: dict[str, Any]) -> list[tuple[str, str]]:
    return [
        ("publish 1,000 upserts, live in a running service", _published(found["upserts"])),
        ("publish 1,000 patches of a price", _published(found["patches"])),
        (
            "one upsert, acknowledged until a search over HTTP finds it (log looked at every 1 s)",
            f"{found['one_s']} s",
        ),
    ]


def _published(times: list[dict[str, float]]) -> str:
    live, published = (
        float(np.median([one[name] for one in times])) for name in ("live_s", "published_s")
    )
    encoded = int(np.median([one["encoded"] for one in times]))
    return (
        f"{live:.2f} s ({published:.2f} s to the publish; {encoded:,} encoded), median of"
        f" {len(times)}"
    )


def _building(found: dict[str, Any]) -> list[tuple[str, str]]:
    build, rebuild, rate = found["build"], found["rebuild"], found["encoding"]
    steps = build["steps"]
    beside = build["total_s"] - steps.get(ENCODING, 0) - steps.get(GRAPH, 0)
    really_s = found["items"] / rate["texts_per_s"]
    whole_s = beside + steps.get(GRAPH, 0) + really_s
    kind = "stand-in" if found["stand_in"] else "really"
    share = rate["tflop_per_s"] / rate["bf16_tflop_per_s"]
    return [
        (
            "rebuild from sources, 1 % of the items changed",
            f"{rebuild['total_s']:.0f} s ({rebuild['encoded']:,} encoded):"
            f" {rebuild['total_s'] / build['total_s']:.0%} of the build from scratch as measured,"
            f" {rebuild['total_s'] / whole_s:.0%} of one that encodes all ({whole_s:,.0f} s by the"
            " rate below)",
        ),
        (
            "build from scratch beside encoding and graph",
            f"{beside:.0f} s (words, titles and vectors {steps.get(ENCODING, 0):.0f} s, {kind};"
            f" graph {steps.get(GRAPH, 0):.0f} s)",
        ),
        (
            "encoding",
            f"{rate['texts_per_s']:,.0f} texts/s of {rate['tokens_per_text']:g} tokens:"
            f" {share:.0%} of what a bf16 product reaches here",
        ),
        (
            "peak memory of the build",
            f"{build['peak_mb']:,.0f} MB; without mapped file pages {build['own_peak_mb']:,.0f} MB",
        ),
    ]


def _searching(found: dict[str, Any]) -> list[tuple[str, str]]:
    own, sample, recall = found["searches"], found["sample"], found["recall"]
    plain = _of(own["plain"])
    facets = own["facets"][0] - (own["plain"][0] + own["plain again"][0]) / 2
    return [
        ("a worker's memory without file pages", f"{found['worker_mb']:,.0f} MB"),
        (
            "search over HTTP, one client, uncached",
            f"{plain}; recall@50 {recall['plain']}; the sample of 1,350 films in the same run"
            f" {_of(sample['plain'])}",
        ),
        *(
            (f"… with a filter that {share} of the items pass",
             f"{_of(own[name])}; recall@50 {recall[name]}")
            for name, share in SHARES.items()
        ),
        ("five facets beside a search", f"{facets:+.2f} ms at the median"),
    ]  # fmt: skip


def _after(found: dict[str, Any]) -> list[tuple[str, str]]:
    many, swap, recall = found["many"], found["swap"], found["recall_after"]
    return [
        (
            f"after {many['n']} publishes of 1,000 mixed changes",
            f"recall@50 {recall['plain']}; search {_of(many['searches']['plain'])};"
            f" {many['segments']} segments, {many['items']:,} items; a publish took"
            f" {np.median(many['published_s']):.2f} s at the median,"
            f" {max(many['published_s']):.2f} s at most",
        ),
        (
            "searches while the service loads another version and puts it in use",
            f"{_of(swap['during_ms'])}; before {_of(swap['quiet_ms'])}",
        ),
    ]


def _of(times: list[float]) -> str:
    return "p50 {:g} ms, p99 {:g} ms".format(*times)
