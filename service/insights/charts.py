"""Plain SVG of numbers by day, readable on a narrow screen and without scripts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from html import escape

_WIDTH, _HEIGHT, _TOP, _BOTTOM = 320, 130, 18, 18
_GAP = 0.15


@dataclass(frozen=True)
class Bar:
    """One day: its number, and what a pointer on it is told."""

    day: date
    number: float
    said: str


def bar_chart(title: str, bars: Sequence[Bar], *, most: float | None = None, unit: str = "") -> str:
    """An SVG of bars, the highest of them `most` or the largest number.

    It says its title, its largest number and its first and last day in words.
    """
    top = most if most is not None else max((one.number for one in bars), default=0.0)
    drawn = "".join(_bar(place, one, len(bars), top) for place, one in enumerate(bars))
    ends = (
        f'<text x="0" y="{_HEIGHT - 4}">{bars[0].day:%b %d}</text>'
        f'<text x="{_WIDTH}" y="{_HEIGHT - 4}" text-anchor="end">{bars[-1].day:%b %d}</text>'
    )
    label = escape(f"{title}, {bars[0].day} to {bars[-1].day}, at most {top:g}{unit}")
    base = _HEIGHT - _BOTTOM
    return (
        f'<svg class="chart" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{label}">'
        f'<line class="scale" x1="0" x2="{_WIDTH}" y1="{_TOP}" y2="{_TOP}"/>'
        f'<text x="0" y="{_TOP - 5}">{top:,.6g}{escape(unit)}</text>{drawn}'
        f'<line class="base" x1="0" x2="{_WIDTH}" y1="{base}" y2="{base}"/>{ends}</svg>'
    )


def _bar(place: int, one: Bar, n_bars: int, top: float) -> str:
    step = _WIDTH / n_bars
    height = (_HEIGHT - _TOP - _BOTTOM) * min(1.0, one.number / top) if top else 0.0
    # a number that is not 0 can be seen
    height = max(height, 1.0) if one.number else 0.0
    x, y = step * (place + _GAP / 2), _HEIGHT - _BOTTOM - height
    return (
        f'<rect x="{x:.2f}" y="{y:.2f}" width="{step * (1 - _GAP):.2f}" height="{height:.2f}">'
        f"<title>{escape(one.said)}</title></rect>"
    )
