"""The report of a watched training: what happened at every activation, over time and along the depth."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from rectifiers.records.saving import save
from rectifiers.report import _page
from rectifiers.report._looks import Look, on_page
from rectifiers.report._pieces import altair, data
from rectifiers.report.charts import Chart

__all__ = ["write"]

Row = Mapping[str, Any]

_MAPS = {
    "dead": "Dead units: slope 0 for every sample of the period",
    "sparsity": "Zero outputs",
    "saturation": "Flat: slope below 0.05",
    "gradient": "Gradient RMS, as a power of 10",
}


def write(
    path: str | Path, table: str, advice: Sequence[Row], rows: Sequence[Row], curves: Sequence[Row]
) -> Path:
    """Write the page.

    Parameters
    ----------
    path : path
    table : str
        All figures as text.
    advice : sequence of mapping
        With ``sentence`` and ``command``.
    rows : sequence of mapping
        Figures per site and period.
    curves : sequence of mapping
        Per site and bin: ``x``, the ``share`` of pre-activations and the activation ``f`` there.
    """
    look = on_page({})
    order = list(dict.fromkeys(row["site"] for row in rows))
    charts = [
        Chart(name, "watch", title, f"{title}, per site and period.", partial(_map, name, rows, order))
        for name, title in _MAPS.items()
    ]
    about = "RMS of the gradient at each site, in the first and in the last period."
    charts.append(Chart("depth", "watch", "Gradient along the depth", about, partial(_depth, rows, order)))
    for index, site in enumerate(order):
        drawing = partial(_distribution, [row for row in curves if row["site"] == site])
        about = f"Where the pre-activations of {site} were (bars), and the activation (line)."
        charts.append(Chart(f"site-{index}", "sites", site, about, drawing))
    drawn = [_page.PageChart(chart, chart.draw(look)) for chart in charts]
    return save(_page.render("watched.html.j2", drawn, [], table=table, advice=advice), path)


def _map(name: str, rows: Sequence[Row], order: Sequence[str], look: Look) -> Any:
    """Return a heat map: sites by steps."""
    alt, gradient = altair(), name == "gradient"
    cells = [
        {
            "site": row["site"],
            "from": row["first_step"],
            "to": row["last_step"] + 1,
            "value": math.log10(row[name]) if gradient else float(row[name]),
        }
        for row in rows
        if row[name] is not None and math.isfinite(row[name]) and (row[name] > 0 or not gradient)
    ]
    colours = alt.Scale(scheme="viridis") if gradient else alt.Scale(scheme="oranges", domain=[0, 1])
    legend = alt.Legend(title=None, format="~g" if gradient else "%", labelColor=look.muted)
    shown = alt.Chart(data(cells)).mark_rect()
    shown = shown.encode(
        x=alt.X("from:Q", title="training step", scale=alt.Scale(nice=False)),
        x2="to:Q",
        y=alt.Y("site:N", sort=list(order), title=None),
        color=alt.Color("value:Q", scale=colours, legend=legend),
        tooltip=["site:N", "from:Q", "to:Q", alt.Tooltip("value:Q", format=".3~g")],
    )
    return alt.layer(shown).properties(height=max(60, 22 * len(order)))


def _depth(rows: Sequence[Row], order: Sequence[str], look: Look) -> Any:
    alt = altair()
    seen = {"first period": rows[::-1], "last period": rows}
    points = [
        {"site": site, "when": when, "value": float(row["gradient"])}
        for when, ordered in seen.items()
        for site, row in {row["site"]: row for row in ordered}.items()
        if row["gradient"] and math.isfinite(row["gradient"])
    ]
    colours = alt.Scale(domain=list(seen), range=[look.muted, look.ink])
    base = alt.Chart(data(points)).encode(
        x=alt.X("site:N", sort=list(order), title=None, axis=alt.Axis(labelAngle=-40)),
        y=alt.Y("value:Q", title="gradient RMS", scale=alt.Scale(type="log"), axis=alt.Axis(format="~e")),
        color=alt.Color("when:N", scale=colours, legend=alt.Legend(title=None, labelColor=look.muted)),
        tooltip=["site:N", "when:N", alt.Tooltip("value:Q", format=".3~g")],
    )
    return alt.layer(base.mark_line(), base.mark_point(filled=True, size=40)).properties(height=260)


def _distribution(curve: Sequence[Row], look: Look) -> Any:
    alt = altair()
    x = alt.X("x:Q", title="pre-activation", scale=alt.Scale(nice=False))
    share = alt.Y("share:Q", title="share", axis=alt.Axis(format="%"))
    bars = alt.Chart(data(curve)).mark_bar(color=look.muted, opacity=0.4, size=5).encode(x=x, y=share)
    known = [row for row in curve if row["f"] is not None]
    if not known:
        return alt.layer(bars).properties(height=140)
    line = alt.Chart(data(known)).mark_line(color=look.ink, strokeWidth=1.5)
    line = line.encode(x=x, y=alt.Y("f:Q", title="f(x)", axis=alt.Axis(orient="right")))
    return alt.layer(bars, line).resolve_scale(y="independent").properties(height=140)
