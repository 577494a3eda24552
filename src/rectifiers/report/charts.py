"""The report's charts, from the rows of a `Summary`; no statistics here.

`catalogue` lists them; each draws itself as a Vega-Lite specification (a dictionary) for a `Look`. Layers
named ``wide-...`` are dropped by the page where there is no room for them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from rectifiers.report import _arm_lines, _arm_rows, words
from rectifiers.report._arm_lines import Line, reach
from rectifiers.report._looks import Look
from rectifiers.report._pieces import PADDING, altair, unpacked
from rectifiers.report.summary import Summary

__all__ = ["FUNCTIONS", "Chart", "catalogue"]


_LINES = 16  # arms in one chart of lines, which can be told apart no more beyond

FUNCTIONS = (("functions", "f", "Functions", "f(x)"), ("derivatives", "df", "Derivatives", "f′(x)"))
"""Name, field, title and axis of the two charts that show what an activation is."""


@dataclass(frozen=True)
class Chart:
    """One chart of the report.

    Attributes
    ----------
    name : str
        File and element name: ``"differences-none"``.
    section : str
        Part of the report it stands in.
    title, description : str
        What it shows, in a heading and in a sentence for who cannot see it.
    drawing : callable
        Returns it as altair's chart for a `Look`.
    norm, where : str
        The normalisation it is about, and the same as the end of a title; empty where it is about all.
    """

    name: str
    section: str
    title: str
    description: str
    drawing: Callable[[Look], Any]
    norm: str = ""
    where: str = ""

    def draw(self, look: Look, *, check: bool = False) -> dict[str, Any]:
        """Return the Vega-Lite specification, complete for a `Look`.

        Parameters
        ----------
        look : Look
        check : bool
            Hold every piece against Vega-Lite's schema: for tests, as it takes most of the time.
        """
        with altair().utils.schemapi.debug_mode(check):
            spec = unpacked(self.drawing(look).to_dict(validate=check))
        spec |= {"width": look.width, "padding": PADDING, "config": look.config()}
        spec |= {"description": self.description, "params": [{"name": "focus", "value": ""}]}
        if look.standalone:
            return spec | {"title": f"{self.title}{self.where}"}
        return spec | {"autosize": {"type": "fit-x", "contains": "padding"}}


def catalogue(summary: Summary) -> tuple[Chart, ...]:
    """Return the charts there are data for, in the order of the report."""
    charts = [chart for norm in summary.plan.norms for chart in _per_norm(summary, norm)]
    return (*charts, *_functions(summary))


def _per_norm(summary: Summary, norm: str) -> Iterator[Chart]:
    plan = summary.plan
    named = len(plan.norms) > 1 or norm != "none"
    after = f", {words.norm_text(norm)}" if named else ""
    measured = f"{plan.metric} ({plan.unit})" if plan.unit else plan.metric
    chart = partial(Chart, norm=norm, where=after)
    if any(row.norm == norm and row.difference is not None for row in summary.comparisons):
        yield chart(
            f"differences-{norm}",
            "ranking",
            f"Difference to {plan.control}",
            f"Mean difference in {plan.metric} to {plan.control}, with intervals that hold together at "
            f"{100 * plan.confidence:g} %; the band is the margin.",
            partial(_arm_rows.differences, summary, norm),
        )
    if any(row.norm == norm and row.n for row in summary.arms):
        most = max(row.n for row in summary.arms if row.norm == norm)
        dots = _arm_rows.dots_of(len(plan.arms))
        every = "every run" if most <= dots else f"{dots} runs of each arm, spread evenly from worst to best"
        yield chart(
            f"scores-{norm}",
            "ranking",
            f"{words.upper(measured)} of {every}",
            f"{words.upper(plan.metric)} of {every}, a dot for each, and the mean of all as a bar.",
            partial(_arm_rows.scores, summary, norm, measured),
        )
    drawn, some = _drawn([row.arm for row in summary.ranking(norm)], plan.control)
    for quantity, title in (("loss", "Training loss"), ("error", "Training error (%)")):
        bands = [band for band in summary.curves if (band.norm, band.quantity) == (norm, quantity)]
        bands = [band for band in bands if band.arm in drawn]
        if bands:
            yield chart(
                f"{quantity}-{norm}",
                "learning",
                f"{title}{some}",
                f"{title} per epoch: mean over finished seeds, band from smallest to largest.",
                partial(_arm_lines.learning, bands, title),
            )


def _drawn(arms: list[str], control: str) -> tuple[list[str], str]:
    """Return the arms that are drawn as lines, first to last, and what is left out in words."""
    if len(arms) <= _LINES:
        return arms, ""
    kept = [arm for arm in arms if arm != control][: _LINES - 1]
    return [*kept, control], f": {control} and the first {len(kept)} of {len(arms)} arms"


def _functions(summary: Summary) -> Iterator[Chart]:
    plan = summary.plan
    ranked = [row.arm for row in summary.ranking(plan.norms[0])]
    kept, some = _drawn([arm for arm in ranked if plan.arm(arm).curve is not None], plan.control)
    curves = [(arm.label, arm.curve) for arm in plan.arms if arm.curve is not None and arm.label in kept]
    for name, part, title, axis in FUNCTIONS:
        if curves:
            lines = [Line(label, curve.x, getattr(curve, part)) for label, curve in curves]
            yield Chart(
                name,
                "functions",
                f"{title}{some}",
                f"{title} of the activations that were compared.",
                partial(_arm_lines.functions, name, lines, axis, reach(y for line in lines for y in line.y)),
            )
