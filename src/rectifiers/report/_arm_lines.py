"""Charts of lines, one per arm: learning curves, functions and derivatives."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from rectifiers.report import _layout
from rectifiers.report._looks import Look
from rectifiers.report._pieces import (
    HEIGHT,
    altair,
    arm_colour,
    arm_line,
    arm_shape,
    data,
    end_labels,
    focus,
)
from rectifiers.report.facts import Band

__all__ = ["Line", "functions", "learning", "reach"]


@dataclass(frozen=True)
class Line:
    """A function to draw, with the arm it belongs to; `part` tells apart several lines of one arm."""

    arm: str
    x: Sequence[float]
    y: Sequence[float | None]
    part: int = 0


def reach(values: Iterable[float | None]) -> tuple[float, float]:
    """Return the range in which functions are drawn: that of their values, within -4 and 4."""
    seen = [value for value in values if value is not None and math.isfinite(value)]
    low, high = max(min(seen, default=0.0), -4.0), min(max(seen, default=1.0), 4.0)
    return _layout.padded(low, high, logarithmic=False)


def functions(
    name: str,
    lines: Sequence[Line],
    title: str,
    domain: tuple[float, float],
    look: Look,
    *,
    kinks: Sequence[tuple[str, float, float]] | None = None,
) -> Any:
    """Return functions, or derivatives, in one chart; `kinks` are points of arms to be marked.

    Its data have the chart's name, for a page that puts others in their place; the kinks' end in ``-kinks``.
    """
    alt = altair()
    rows: list[dict[str, Any]] = [
        {"arm": line.arm, "part": line.part, "order": index, "x": x, "y": y}
        for line in lines
        for index, (x, y) in enumerate(zip(line.x, _finite(line.y), strict=True))
    ]
    x = alt.X("x:Q", title="x", scale=alt.Scale(nice=False))
    y = alt.Y("y:Q", title=title, scale=alt.Scale(domain=list(domain), nice=False))
    curves = (
        alt.Chart(data(rows, name=name))
        .mark_line(strokeWidth=2, clip=True)
        .encode(x=x, y=y, order="order:Q", detail="part:N", opacity=focus(), **arm_line(look))
    )
    zero = alt.Chart(data([{"at": 0}])).mark_rule(color=look.line)
    axes = [zero.encode(x=alt.datum(0.0)), zero.encode(y=alt.datum(0.0))]
    ends = {line.arm: next((v for v in reversed(_finite(line.y)) if v is not None), None) for line in lines}
    right = max(x for line in lines for x in line.x)
    labels = end_labels(name, ends, right, domain, False, look)
    layers = [*axes, curves, labels]
    if kinks is not None:
        points = [{"arm": arm, "x": place, "y": value} for arm, place, value in kinks]
        marks = alt.Chart(data(points, name=f"{name}-kinks")).mark_point(filled=True, size=45, clip=True)
        colour, shape = arm_colour(look), arm_shape(look)
        layers.append(marks.encode(x=x, y=y, shape=shape, color=colour, opacity=focus()))
    return alt.layer(*layers).properties(height=HEIGHT)


def _finite(values: Sequence[float | None]) -> list[float | None]:
    return [value if value is not None and math.isfinite(value) else None for value in values]


def learning(bands: Sequence[Band], title: str, look: Look) -> Any:
    """Return learning curves with their bands."""
    alt = altair()
    rows: list[dict[str, Any]] = [
        {"arm": band.arm, "epoch": epoch, "mean": mean, "low": low, "high": high}
        for band in bands
        for epoch, (mean, low, high) in enumerate(zip(band.mean, band.low, band.high, strict=True), 1)
    ]
    epochs = max(row["epoch"] for row in rows)
    smallest, largest = min(row["low"] for row in rows), max(row["high"] for row in rows)
    logarithmic = smallest > 0.0 and largest > 10.0 * smallest
    domain = _layout.padded(smallest, largest, logarithmic)
    scale = alt.Scale(type="log" if logarithmic else "linear", domain=list(domain), nice=False)
    x = alt.X(
        "epoch:Q",
        title="epoch",
        scale=alt.Scale(domain=[1, max(2, epochs)], nice=False),
        axis=alt.Axis(format="d", tickMinStep=1),
    )
    ticks = _layout.decades(*domain) if logarithmic else alt.Undefined
    # On a linear axis ~g keeps as many digits as tell two ticks apart: 40 is 4e+1.
    axis = alt.Axis(format="~g" if logarithmic else alt.Undefined, tickCount=5, values=ticks)
    base = alt.Chart(data(rows))
    tooltip = [
        "arm:N",
        "epoch:Q",
        *(alt.Tooltip(f"{key}:Q", format=".3~g") for key in ("mean", "low", "high")),
    ]
    band = base.mark_area().encode(
        x=x,
        y=alt.Y("low:Q", title=title, scale=scale, axis=axis),
        y2="high:Q",
        color=arm_colour(look),
        opacity=focus(0.12, 0.02),
    )
    line = base.mark_line(strokeWidth=2, point={"size": 14} if epochs < 3 else False).encode(
        x=x, y=alt.Y("mean:Q", scale=scale, axis=axis), opacity=focus(), tooltip=tooltip, **arm_line(look)
    )
    ends = {band.arm: band.mean[-1] for band in bands}
    labels = end_labels("end", ends, max(2, epochs), domain, logarithmic, look)
    return alt.layer(band, line, labels).properties(height=HEIGHT)
