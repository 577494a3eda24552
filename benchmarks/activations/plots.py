"""The plots beside RESULTS.md: one colour per activation, the same as in every report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.activations._drawing import adaptive, paper, title
from benchmarks.activations.cases import CASES, by_name
from benchmarks.activations.results import Kept, Outcome, Peak, Timed, ratio
from benchmarks.activations.settings import SWEPT
from benchmarks.activations.targets import targets

from rectifiers.report import files

__all__ = ["GROUPS", "Pair", "Point", "points", "swept", "write"]

GROUPS = {
    "flat": "2²¹, rows",
    "flat-kept": "2²¹, rows, kept",
    "nchw": "2²¹, NCHW",
    "nchw-kept": "2²¹, NCHW, kept",
    "channels-last": "2²¹, channels last",
    "large": "2²⁴, rows",
}
"""Groups in the plots of ratios, and what they are called there."""

_SHAPES = ["circle", "square", "diamond", "triangle-up", "cross", "triangle-down"]

_WHO = {"ours": "rectifiers", "own": "torch's own", "compiled": "torch.compile", "copy": "copy's bandwidth"}


class Point(NamedTuple):
    """A measured ratio in a plot."""

    activation: str
    group: str
    value: float
    low: float
    high: float


class Pair(NamedTuple):
    """A figure of this library beside torch's own."""

    activation: str
    ours: float
    own: float


def write(found: Mapping[str, Outcome], directory: Path, end: str = "") -> dict[str, str]:
    """Draw all there are figures for as SVG, and return their places beside RESULTS.md."""
    charts: dict[str, Any] = {}
    for other, name in (("own", "torch's own"), ("relu", "torch.relu")):
        rows = points({group: found[group].timed for group in GROUPS if group in found}, other)
        if rows:
            charts[f"ratios-{other}"] = _ratios(rows, other, name, end)
    if "sweep" in found and found["sweep"].timed:
        charts["sweep"] = _sweep(found["sweep"].timed)
    if "kept" in found and found["kept"].kept:
        heading = title(
            "Kept for backward", "bytes per element of input; filled: rectifiers, open: torch's own"
        )
        charts["kept"] = _pairs(_kept(found["kept"].kept), heading, "bytes per element")
    if "peak" in found and found["peak"].peak:
        heading = title("Peak memory of a training step", "filled: rectifiers, open: torch's own")
        charts["peak"] = _pairs(
            _peaks(found["peak"].peak), heading, "peak, in units of torch.relu's", zero=False
        )
    directory.mkdir(parents=True, exist_ok=True)
    for name, chart in charts.items():
        spec = chart.to_dict() | {"config": paper().config(), "padding": 8}
        (directory / f"{name}{end}.svg").write_text(adaptive(files.to_svg(spec)), encoding="utf-8")
    return {name: f"{directory.name}/{name}{end}.svg" for name in charts}


def points(rows: Mapping[str, Iterable[Timed]], other: str) -> list[Point]:
    """Return the ratios to `other` of every group."""
    return [
        Point(by_name(row.case).title, GROUPS[group], *found)
        for group, some in rows.items()
        for row in some
        if (found := ratio(row, "ours", other)) is not None
    ]


def swept(rows: Iterable[Timed], name: str) -> list[dict[str, Any]]:
    """Return microseconds per size and contestant of one activation.

    The limit is a copy's time for the fewest bytes that forward and backward can move.
    """
    case, lines = by_name(name), []
    for row in rows:
        if row.case != name:
            continue
        more = case.bytes_moved(row.itemsize) / (2.0 * row.itemsize)
        for who, label in _WHO.items():
            if row.times.get(who):
                middle = sorted(row.times[who])[len(row.times[who]) // 2]
                lines.append(
                    {
                        "who": label,
                        "elements": row.elements,
                        "us": 1e6 * middle * (more if who == "copy" else 1.0),
                    }
                )
    return lines


def _kept(rows: Iterable[Kept]) -> list[Pair]:
    return [Pair(by_name(row.case).title, row.ours[0], row.own[0]) for row in rows]


def _peaks(rows: Sequence[Peak]) -> list[Pair]:
    base = next((row.own for row in rows if row.case == "relu"), rows[0].own)
    return [Pair(by_name(row.case).title, row.ours / base, row.own / base) for row in rows]


def _titles(present: Iterable[str]) -> list[str]:
    names = set(present)
    return [case.title for case in CASES if case.title in names]


def _colour(field: str = "activation:N") -> Any:
    import altair as alt

    arms = paper().arms
    return alt.Color(field, legend=None, scale=alt.Scale(domain=list(arms), range=list(arms.values())))


def _data(rows: list[dict[str, Any]]) -> Any:
    import altair as alt

    return alt.Data(values=rows)  # type: ignore[no-untyped-call]


def _activations(present: Iterable[str]) -> Any:
    import altair as alt

    axis = alt.Axis(labelColor=paper().ink, labelFontSize=12.5, grid=False)
    return alt.Y("activation:N", sort=_titles(present), title=None, axis=axis)


def _ratios(rows: Sequence[Point], other: str, name: str, end: str) -> Any:
    import altair as alt

    look, groups = paper(), [label for label in GROUPS.values() if any(row.group == label for row in rows)]
    shape = alt.Scale(domain=groups, range=_SHAPES[: len(groups)])
    y, x = _activations(row.activation for row in rows), alt.Scale(type="log", nice=False, padding=14)
    offset = alt.YOffset("group:N", sort=groups)
    base = alt.Chart(_data([row._asdict() for row in rows])).encode(y=y, yOffset=offset)
    axis = alt.Axis(format="~g", grid=True, values=[0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20])
    marks = base.mark_point(filled=True, size=48, opacity=1).encode(
        x=alt.X("value:Q", scale=x, axis=axis, title=f"time over that of {name}, forward and backward"),
        color=_colour(),
        shape=alt.Shape("group:N", scale=shape, sort=groups, title=None, legend=_legend()),
    )
    ranges = base.mark_rule(strokeWidth=1.5).encode(x=alt.X("low:Q", scale=x), x2="high:Q", color=_colour())
    one = alt.Chart(_data([{}])).mark_rule(color=look.muted, strokeDash=[4, 3]).encode(x=alt.datum(1.0))
    goals = [
        {"activation": by_name(t.case).title, "group": GROUPS[t.group], "most": t.most}
        for t in targets("cuda" if end else "cpu")
        if t.group in GROUPS and GROUPS[t.group] in groups and other == "own"
    ]
    ticks = alt.Chart(_data(goals)).mark_tick(color=look.ink, thickness=2, size=9)
    ticks = ticks.encode(y=y, yOffset=offset, x=alt.X("most:Q", scale=x))
    meant = "left of 1 is faster; short strokes: targets; lines: range over rounds"
    heading = title(f"Time against {name}", meant if goals else meant.replace(" short strokes: targets;", ""))
    return alt.layer(one, ticks, ranges, marks).properties(
        title=heading, width=620, height=_step(12 * max(2, len(groups)))
    )


def _step(pixels: int) -> Any:
    import altair as alt

    return alt.Step(pixels, **{"for": "position"})


def _legend() -> Any:
    import altair as alt

    look = paper()
    colours: dict[str, Any] = {
        "labelColor": look.ink,
        "symbolFillColor": look.muted,
        "symbolStrokeColor": look.muted,
    }
    return alt.Legend(orient="top", labelFontSize=12, labelLimit=240, symbolSize=70, **colours)


def _sweep(rows: Sequence[Timed]) -> Any:
    import altair as alt

    look = paper()
    charts: list[Any] = []
    for name in SWEPT:
        values, case = swept(rows, name), by_name(name)
        if not values:
            continue
        who = list(_WHO.values())
        dashes = alt.Scale(domain=who, range=[[1, 0], [7, 3], [2, 2], [1, 0]])
        colour = alt.Scale(domain=who, range=[look.arms[case.title], *3 * [look.muted]])
        width = alt.Scale(domain=who, range=[3, 2, 2, 0.8])
        legend = alt.Legend(orient="top-left", title=None, labelColor=look.ink, symbolSize=500)
        scale, shown = alt.Scale(type="log", nice=False, padding=4), (legend if not charts else None)
        decades = alt.Axis(format=".3~s", values=[4**k for k in range(0, 13, 2)], labelOverlap=True)
        powers = alt.Axis(format="~s", values=[10**k for k in range(8)])
        chart = alt.Chart(_data(values)).mark_line()
        charts.append(
            chart.encode(
                x=alt.X("elements:Q", scale=scale, axis=decades, title="elements"),
                y=alt.Y("us:Q", scale=scale, axis=powers, title="µs"),
                strokeDash=alt.StrokeDash("who:N", scale=dashes, legend=shown),
                strokeWidth=alt.StrokeWidth("who:N", scale=width, legend=shown),
                color=alt.Color("who:N", scale=colour, legend=shown),
            ).properties(width=300, height=190, title=case.title)
        )
    heading = title("Time against size, forward and backward", "thin: what a copy's bandwidth would allow")
    joined = alt.concat(*charts, columns=2, spacing=24).properties(title=heading)
    return joined.resolve_scale(color="independent", strokeDash="independent", strokeWidth="independent")


def _pairs(rows: Sequence[Pair], heading: Any, axis: str, zero: bool = True) -> Any:
    import altair as alt

    scale = alt.Scale(zero=zero, nice=False, padding=14)
    base = alt.Chart(_data([row._asdict() for row in rows])).encode(
        y=_activations(row.activation for row in rows), color=_colour()
    )
    x = alt.X("ours:Q", scale=scale, title=axis, axis=alt.Axis(grid=True))
    line = base.mark_rule(strokeWidth=1.5).encode(x=x, x2="own:Q")
    own = base.mark_point(filled=False, size=110, strokeWidth=2, opacity=1).encode(
        x=alt.X("own:Q", scale=scale)
    )
    ours = base.mark_point(filled=True, size=60, opacity=1).encode(x=x)
    return alt.layer(line, own, ours).properties(title=heading, width=560, height=alt.Step(26))
