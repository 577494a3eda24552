"""The report's charts, from the rows of a `Summary`; no statistics here.

`catalogue` lists them; each draws itself as a Vega-Lite specification (a dictionary) for a `Look`. Layers
named ``wide-...`` are dropped by the page where there is no room for them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from rectifiers.records.values import Plan
from rectifiers.report import _arm_lines, _arm_rows, words
from rectifiers.report._looks import Look
from rectifiers.report._pieces import altair
from rectifiers.report.summary import Summary

__all__ = ["Chart", "catalogue", "finish"]


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
    draw : callable
        Returns its Vega-Lite specification for a `Look`.
    """

    name: str
    section: str
    title: str
    description: str
    draw: Callable[[Look], dict[str, Any]]


def catalogue(summary: Summary, plan: Plan) -> tuple[Chart, ...]:
    """Return the charts there are data for, in the order of the report."""
    found: list[Chart] = []

    def add(name: str, section: str, title: str, description: str, draw: Callable[[Look], Any]) -> None:
        def finished(look: Look) -> dict[str, Any]:
            return finish(draw(look), look, title, description)

        found.append(Chart(name, section, title, description, finished))

    several = len(summary.norms) > 1
    measured = f"{summary.metric} ({summary.unit})" if summary.unit else summary.metric
    for norm in summary.norms:
        after = f", {words.norm_text(norm)}" if several or norm != "none" else ""
        if any(row.norm == norm and row.n for row in summary.comparisons):
            add(
                f"differences-{norm}",
                "ranking",
                f"Difference to {summary.control}{after}",
                f"Mean difference in {summary.metric} to {summary.control} over paired seeds, with "
                f"{100 * summary.confidence:g} % simultaneous intervals; the band is the margin.",
                partial(_arm_rows.differences, summary, norm),
            )
        if any(row.norm == norm and row.n for row in summary.arms):
            add(
                f"scores-{norm}",
                "ranking",
                f"{_upper(measured)} of every seed{after}",
                f"{_upper(summary.metric)} of each finished run, one dot per seed, and the mean as a bar.",
                partial(_arm_rows.scores, summary, norm, measured),
            )
        for quantity, title in (("loss", "Training loss"), ("error", "Training error (%)")):
            bands = [band for band in summary.curves if (band.norm, band.quantity) == (norm, quantity)]
            if bands:
                add(
                    f"{quantity}-{norm}",
                    "learning",
                    f"{title}{after}",
                    f"{title} per epoch: mean over finished seeds, band from the smallest to the largest.",
                    partial(_arm_lines.learning, bands, title),
                )
        rates = [row for row in summary.rates if row.norm == norm]
        if rates:
            add(
                f"rates-{norm}",
                "rates",
                f"Rates tried{after}",
                f"{_upper(summary.metric)} on the validation split per rate; the chosen one is ringed.",
                partial(_arm_lines.rates, rates, measured),
            )
    for name, key, title, text in _arm_rows.COSTS:
        if any(getattr(row, key) is not None for row in summary.arms):
            add(
                f"cost-{name}",
                "cost",
                title,
                f"{title}, per arm{' and normalisation' if several else ''}.",
                partial(_arm_rows.cost, summary, key, title, text),
            )
    curves = [(arm.label, arm.curve) for arm in plan.arms if arm.curve is not None]
    for name, part, title in (("functions", "f", "Functions"), ("derivatives", "df", "Derivatives")):
        if curves:
            lines = [(label, curve.x, getattr(curve, part)) for label, curve in curves]
            add(
                name,
                "functions",
                title,
                f"{title} of the activations that were compared, on inputs from −4 to 4.",
                partial(_arm_lines.functions, lines, part),
            )
    return tuple(found)


def finish(chart: Any, look: Look, title: str, description: str) -> dict[str, Any]:
    """Return a drawn chart as a Vega-Lite specification that is complete for a `Look`."""
    alt = altair()
    named: dict[str, Any] = {"width": look.width, "description": description}
    if look.standalone:
        named["title"] = title
    focus = alt.param(name="focus", value="")
    spec: dict[str, Any] = chart.add_params(focus).properties(**named).to_dict()
    spec.pop("usermeta", None)
    spec["config"] = look.config()
    if not look.standalone:
        spec["autosize"] = {"type": "fit-x", "contains": "padding"}
    return spec


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]
