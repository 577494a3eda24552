"""Charts of what was measured, one row per arm: differences and scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rectifiers.report import _layout, words
from rectifiers.report._looks import Look
from rectifiers.report._pieces import ROW, altair, arm_axis, arm_colour, arm_shape, data, focus
from rectifiers.report.summary import Summary

__all__ = ["differences", "dots_of", "intervals", "scores"]

_DOTS = 4000  # in one chart
_ENDS = ("arm", "difference", "low", "high")


def differences(summary: Summary, norm: str, look: Look) -> Any:
    """Return differences to the control with their intervals, the margin as a band."""
    digits = summary.digits
    rows = [
        {
            "arm": row.arm,
            "difference": row.difference,
            "low": row.low,
            "high": row.high,
            "interval": words.between(row.low, row.high, digits),
            "verdict": row.verdict,
            "pairs": row.n,
        }
        for row in summary.comparisons
        if row.norm == norm and row.difference is not None
    ]
    unit = words.points(summary.plan.unit)
    title = f"{summary.plan.metric} difference{f' ({unit})' if unit else ''}"
    margin = 0.0 if summary.margin is None else summary.margin.value
    ranking = [row.arm for row in summary.ranking(norm)]
    return intervals(rows, ranking, summary.plan.control, margin, title, digits, "verdict", look)


def intervals(
    found: Sequence[Mapping[str, Any]],
    ranking: Sequence[str],
    control: str,
    margin: float,
    title: str,
    digits: int,
    beside: str,
    look: Look,
) -> Any:
    """Return differences to the control with their intervals, and a band as wide as the margin.

    Parameters
    ----------
    found : sequence of mapping
        With ``arm``, ``difference``, ``low``, ``high`` (None where there is no end), and what else is shown
        of an arm while the mouse is over it.
    ranking : sequence of str
        The arms from top to bottom.
    control : str
    margin : float
    title : str
        Of the axis.
    digits : int
        Decimals of a difference.
    beside : str
        What of `found` stands to the right of an arm's row.
    look : Look
    """
    alt = altair()
    limit = _layout.reach([(row["difference"], row["low"], row["high"]) for row in found], margin)
    rows = [
        {
            **row,
            "low": -limit if row["low"] is None else max(row["low"], -limit),
            "high": limit if row["high"] is None else min(row["high"], limit),
        }
        for row in found
    ]
    scale = alt.Scale(domain=[-limit, limit], nice=False)
    x = alt.X("difference:Q", title=title, scale=scale)
    y = alt.Y("arm:N", title=None, sort=ranking, scale=alt.Scale(domain=ranking), axis=arm_axis(look))
    signed = alt.Tooltip("difference:Q", format=f"+.{digits}f")
    others = [f"{key}:N" for key in dict.fromkeys(key for row in rows for key in row) if key not in _ENDS]
    looks = {"color": arm_colour(look), "opacity": focus(), "tooltip": ["arm:N", signed, *others]}
    base = alt.Chart(data(rows)).encode(y=y, **looks)
    band = (
        alt.Chart(data([{"low": -margin, "high": margin}]))
        .mark_rect(color=look.band)
        .encode(x=alt.X("low:Q", scale=scale), x2="high:Q")
    )
    zero = alt.Chart(data([{"at": 0}])).mark_rule(color=look.muted).encode(x=alt.datum(0.0))
    layers = [
        band,
        zero,
        base.mark_rule(strokeWidth=2.5).encode(x=alt.X("low:Q", scale=scale), x2="high:Q"),
        base.mark_point(filled=True, size=90).encode(x=x, shape=arm_shape(look)),
    ]
    # An interval that leaves the chart ends in an arrow.
    for side, end, angle in (("low", -limit, 270), ("high", limit, 90)):
        cut = [row for row in rows if row[side] == end]
        if cut:
            arrow = alt.Chart(data(cut)).mark_point(filled=True, size=90, shape="triangle-up", angle=angle)
            layers.append(arrow.encode(x=alt.X(f"{side}:Q", scale=scale), y=y, **looks))
    texts = (
        alt.Chart(data(rows), name=f"wide-{beside}")
        .mark_text(align="left", dx=10, color=look.ink)
        .encode(y=y, x=alt.value("width"), text=f"{beside}:N", opacity=focus())
    )
    zeroth = (
        alt.Chart(data([{"arm": control}]))
        .mark_point(filled=False, size=90, strokeWidth=2)
        .encode(y=y, x=alt.datum(0.0), color=arm_colour(look), shape=arm_shape(look))
    )
    chart = alt.layer(*layers, zeroth, texts)
    return chart.properties(height=ROW * len(ranking))


def scores(summary: Summary, norm: str, measured: str, look: Look) -> Any:
    """Return the metric of every finished run and each arm's mean."""
    alt = altair()
    ranking = [row.arm for row in summary.ranking(norm)]
    arms = [row for row in summary.arms if row.norm == norm]
    limit = dots_of(len(summary.plan.arms))
    dots = [{"arm": row.arm, "value": value} for row in arms for value in _thinned(row.values, limit)]
    means = [{"arm": row.arm, "value": row.mean, "runs": row.n} for row in arms if row.n]
    x = alt.X("value:Q", title=measured, scale=alt.Scale(zero=False))
    y = alt.Y("arm:N", title=None, sort=ranking, scale=alt.Scale(domain=ranking), axis=arm_axis(look))
    value = alt.Tooltip("value:Q", title=measured, format=f".{summary.digits}f")
    seeds = (
        alt.Chart(data(dots))
        .mark_point(filled=True, size=42)
        .encode(
            x=x,
            y=y,
            color=arm_colour(look),
            shape=arm_shape(look),
            opacity=focus(0.55),
            tooltip=["arm:N", value],
        )
    )
    mean = (
        alt.Chart(data(means))
        .mark_tick(thickness=3, size=20)
        .encode(x=x, y=y, color=arm_colour(look), opacity=focus(), tooltip=["arm:N", value, "runs:Q"])
    )
    return alt.layer(seeds, mean).properties(height=ROW * len(ranking))


def dots_of(arms: int) -> int:
    """Return how many runs of an arm are drawn at most: more make a file large and a chart black."""
    return max(20, _DOTS // arms)


def _thinned(values: Sequence[float], limit: int) -> Sequence[float]:
    """Return so many of the values, the smallest, the largest and evenly many between them."""
    if len(values) <= limit:
        return values
    ordered, last = sorted(values), len(values) - 1
    return [ordered[round(i * last / (limit - 1))] for i in range(limit)]
