"""The report as one HTML file that works offline.

Everything is inlined: style sheet, script, the drawing library and the charts as JSON. The page's own
content security policy forbids every request and every script but the inlined ones, by their hash, so
that text from a study can do nothing even if escaping had a hole.
"""

from __future__ import annotations

from pathlib import Path

from rectifiers.records.saving import save
from rectifiers.records.values import Plan, Study
from rectifiers.report import _page, colours, glossary, words
from rectifiers.report._looks import on_page
from rectifiers.report.charts import catalogue
from rectifiers.report.methods import methods
from rectifiers.report.summary import Summary, summarize

__all__ = ["render", "write"]

_SECTIONS = ("learning", "cost", "functions", "rates", "done", "wrong", "words")

Items = list[tuple[str, str | None]]
"""Names with what is to be said of each; what is empty is left out."""


def write(study: Study, path: str | Path) -> Path:
    """Write the report of a study, finished or not; `StoreError` where that is not possible."""
    return save(render(study), path)


def render(study: Study) -> str:
    """Return the report of a study as HTML: the same text for the same study."""
    summary, plan = summarize(study), study.plan
    styles = colours.styles(plan.arms)
    look = on_page(styles)
    charts = [_page.PageChart(chart, chart.draw(look)) for chart in catalogue(summary)]
    legend = _page.legend(styles)
    shown = {"done", "words", *(chart.about.section for chart in charts)}
    shown |= {"rates"} if summary.rates else set()
    shown |= {"cost"} if any(row.seconds_per_trial or row.parameters for row in summary.arms) else set()
    if (plan.trained and study.runs) or summary.failed or summary.remarks:
        shown.add("wrong")
    return _page.render(
        "report.html.j2",
        charts,
        legend,
        summary=summary,
        study=study,
        words=words,
        arms={entry.label: entry for entry in legend},
        sections=[section for section in _SECTIONS if section in shown],
        meanings=glossary.WORDS,
        facts=_facts(summary),
        methods=methods(summary, study).split("\n\n"),
        protocol=_protocol(study),
        undrawn=words.enumerate_names([arm.label for arm in plan.arms if arm.curve is None]),
    )


def _facts(summary: Summary) -> Items:
    plan, cost, margin = summary.plan, summary.cost, summary.margin
    norms = f" × {len(plan.norms)} normalisations" if len(plan.norms) > 1 else ""
    failed = words.failures(
        sum(row.diverged for row in summary.arms), sum(row.crashed for row in summary.arms)
    )
    return [
        ("Compared", f"{len(plan.arms)} arms{norms}" + (f" × {_seeds(plan)}" if plan.paired else "")),
        ("Runs that decide" if summary.valid else "Runs", f"{cost.deciding:,}{failed and f', {failed}'}"),
        ("Saved by the race", words.plural(cost.saved, "run") if cost.saved else ""),
        ("Model", _model(plan)),
        ("Margin", f"±{words.amount(margin.value, plan.unit)}" if margin else ""),
        ("Training time", words.duration(sum(cost.seconds.values())) if any(cost.seconds.values()) else ""),
    ]


def _seeds(plan: Plan) -> str:
    return f"{'up to ' if plan.racing else ''}{words.plural(plan.seeds, 'seed')}"


def _model(plan: Plan) -> str:
    if plan.model_code is not None or not plan.model:
        return plan.model
    return f"{plan.model}, width {plan.width}, depth {plan.depth}"


def _protocol(study: Study) -> dict[str, Items]:
    """Return what the methods do not say."""
    plan = study.plan
    items: Items = [
        ("Task" if plan.trained else "Results", plan.task),
        ("Data", plan.data_source if plan.data_source != plan.task else ""),
        ("Data code", plan.data_code),
        ("Classes", ", ".join(f"{label} = {i}" for i, label in enumerate(plan.labels))),
    ]
    if plan.trained:
        items += [
            ("SHA-256", f"{plan.data_hash[:16]} of the data, {plan.hash[:16]} of the plan"),
            ("Model" if plan.kind == "loop" else plan.kind.capitalize(), _model(plan)),
            ("Code", plan.model_code),
            ("Device", plan.device),
        ]
    if plan.kind == "loop" and plan.trained:
        widths = {arm.label: arm.width for arm in plan.arms if arm.width not in (None, plan.width)}
        gains = ", ".join(f"{arm.label} {arm.gain:.3g}" for arm in plan.arms)
        items += [
            ("Matched by", plan.match + "".join(f"; {label}: width {w}" for label, w in widths.items())),
            ("Initial gains", gains if plan.initialization == "gain" else "the model's own initialisation"),
        ]
    return {"Data and model": items, "Machine and versions": sorted(study.environment.items())}
