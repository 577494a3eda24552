"""The page of several studies side by side: what they say together, drawn and as a table."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

from rectifiers.records.saving import make_directory, save
from rectifiers.records.values import ArmSpec
from rectifiers.report import _arm_rows, _page, colours, files, words
from rectifiers.report._looks import Look, on_page
from rectifiers.report._pieces import HEIGHT, altair, arm_line, data, end_labels, focus
from rectifiers.report.charts import Chart
from rectifiers.report.tasks import Together

__all__ = ["write"]


def write(
    found: Together, arms: Iterable[ArmSpec], directory: str | Path, *, svg: bool = False, png: bool = False
) -> Path:
    """Write the page into a directory, with its charts beside it where asked for; return it.

    As `rectifiers.report.files.write` does with the report of one study.
    """
    place = make_directory(directory)
    shown = {row.arm for row in found.rows}
    styles = colours.styles(arm for arm in arms if arm.label in shown)
    charts = _charts(found)
    files.export(charts, styles, place, svg, png)
    drawn = [_page.PageChart(chart, chart.draw(on_page(styles))) for chart in charts]
    entries = _page.legend(styles)
    looks = {entry.label: entry for entry in entries}
    text = _page.render("tasks.html.j2", drawn, entries, found=found, words=words, arms=looks)
    return save(text, place / "tasks.html")


def _charts(found: Together) -> tuple[Chart, Chart]:
    means = f"Interquartile mean of all runs, with intervals at {100 * found.confidence:g} % for each alone."
    shares = f"Share of runs, of all tasks together, that are better than {found.control} by so many margins."
    title = f"Difference to {found.control} over all tasks"
    return (
        Chart("tasks-means", "tasks", title, means, partial(_means, found)),
        Chart("tasks-profiles", "tasks", "Performance profiles", shares, partial(_profiles, found)),
    )


def _means(found: Together, look: Look) -> Any:
    rows = [
        {
            "arm": row.arm,
            "difference": row.iqm,
            "low": row.low,
            "high": row.high,
            "interval": found.between(row),
            "above": f"{found.above(row)} above",
        }
        for row in found.rows
        if row.arm != found.control and row.iqm is not None
    ]
    ranking = [row.arm for row in found.rows]
    title = "IQM, in margins"
    return _arm_rows.intervals(rows, ranking, found.control, 1.0, title, 2, "above", look)


def _profiles(found: Together, look: Look) -> Any:
    alt = altair()
    rows = [
        {"arm": row.arm, "margins": x, "share": y}
        for row in found.rows
        for x, y in zip(found.thresholds, row.profile, strict=True)
    ]
    x = alt.X("margins:Q", title=f"difference from {found.control} in margins", scale=alt.Scale(nice=False))
    y = alt.Y(
        "share:Q", title="share of runs above", scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(format="%")
    )
    shown = ["arm:N", "margins:Q", alt.Tooltip("share:Q", format=".0%")]
    base = alt.Chart(data(rows)).mark_line(interpolate="step-after", strokeWidth=2)
    lines = base.encode(x=x, y=y, opacity=focus(), tooltip=shown, **arm_line(look))
    ends = {row.arm: row.profile[-1] for row in found.rows}
    labels = end_labels("profiles", ends, found.thresholds[-1], (0.0, 1.0), False, look)
    return alt.layer(lines, labels).properties(height=HEIGHT)
