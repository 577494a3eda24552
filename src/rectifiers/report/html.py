"""The report as one HTML file that works offline.

Everything is inlined: style sheet, script, the drawing library and the charts as JSON. The page's own
content security policy forbids every request and every script but the inlined ones, by their hash, so
that text from a study can do nothing even if escaping had a hole.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from rectifiers.records.values import Plan, Study
from rectifiers.report import _page, colours, words
from rectifiers.report._looks import on_page
from rectifiers.report.charts import catalogue
from rectifiers.report.summary import Summary, summarize

__all__ = ["render", "write"]

_MOST_FAILURES = 50
_SIGNS = {"better": "▲", "worse": "▼", "equivalent": "≈", "undecided": "?"}
_PARTS = (
    ("ranking", "Ranking"),
    ("learning", "Learning"),
    ("cost", "Cost"),
    ("functions", "Functions"),
    ("rates", "Rates"),
    ("done", "Protocol"),
    ("wrong", "Failures"),
)


def write(study: Study, path: str | Path) -> Path:
    """Write the report of a study.

    Parameters
    ----------
    study : Study
        Finished or not.
    path : path
        The ``.html`` file.

    Returns
    -------
    Path
        The file that was written.

    Raises
    ------
    StoreError
        The file cannot be written.
    """
    return _page.save(render(study), path)


def render(study: Study) -> str:
    """Return the report of a study as HTML: the same text for the same study."""
    summary, plan = summarize(study), study.plan
    styles = colours.styles(plan.arms)
    look = on_page(styles)
    charts = [_page.PageChart.of(chart, look) for chart in catalogue(summary, plan)]
    legend = _page.legend(styles)
    shown = {chart.section for chart in charts} | {"ranking", "cost", "done", "wrong"}
    test_failures = [run for run in summary.failed if run.phase == "test"]
    return _page.render(
        "report.html.j2",
        charts,
        legend,
        summary=summary,
        study=study,
        plan=plan,
        words=words,
        signs=_SIGNS,
        several=len(plan.norms) > 1,
        arms={entry.label: entry for entry in legend},
        parts=[{"id": name, "short": short} for name, short in _PARTS if name in shown],
        facts=_items(_facts(summary, plan)),
        protocol=[{"title": title, "items": _items(items)} for title, items in _protocol(summary, study)],
        undrawn=words.enumerate_names([arm.label for arm in plan.arms if arm.curve is None]),
        failed={
            "test": test_failures[:_MOST_FAILURES],
            "more": max(0, len(test_failures) - _MOST_FAILURES),
            "tune": len(summary.failed) - len(test_failures),
        },
    )


def _items(pairs: Iterable[tuple[str, Any]]) -> list[dict[str, Any]]:
    return [{"name": name, "value": value} for name, value in pairs if value not in ("", None)]


def _facts(summary: Summary, plan: Plan) -> list[tuple[str, str]]:
    diverged = sum(row.diverged for row in summary.arms)
    crashed = sum(row.crashed for row in summary.arms)
    failures = [f"{count} {what}" for count, what in ((diverged, "diverged"), (crashed, "crashed")) if count]
    norms = f" × {len(plan.norms)} normalisations" if len(plan.norms) > 1 else ""
    return [
        ("Compared", f"{len(plan.arms)} arms{norms} × {plan.seeds} seeds"),
        ("Test runs", f"{summary.done} of {summary.planned}" + "".join(f", {text}" for text in failures)),
        ("Model", _model(plan)),
        ("Margin", f"±{plan.margin:g} {words.points(plan.unit)}".rstrip()),
        ("Training time", words.duration(summary.cost.tuning_seconds + summary.cost.test_seconds)),
    ]


def _model(plan: Plan) -> str:
    if plan.model_code is not None:
        return plan.model
    return f"{plan.model}, width {plan.width}, depth {plan.depth}"


def _protocol(summary: Summary, study: Study) -> Sequence[tuple[str, list[tuple[str, Any]]]]:
    plan = study.plan
    rates = ", ".join(words.rate_text(rate) for rate in plan.learning_rates)
    widths = {arm.label: arm.width for arm in plan.arms if arm.width is not None and arm.width != plan.width}
    gains = ", ".join(f"{arm.label} {arm.gain:.3g}" for arm in plan.arms)
    data = [
        ("Task", plan.task),
        ("Data", plan.data_source),
        ("Samples", f"{plan.train_size:,} to train, {plan.test_size:,} to test"),
        (
            "Validation",
            f"{plan.validation_size:,} of the training samples, while tuning" if plan.tuned else "",
        ),
        ("Data SHA-256", plan.data_hash[:16]),
        ("Model", _model(plan)),
        ("Code", plan.model_code),
        ("Data code", plan.data_code),
        ("Matched by", plan.match + "".join(f"; {label}: width {width}" for label, width in widths.items())),
        ("Initial gains", gains if plan.initialization == "gain" else "the model's own initialisation"),
    ]
    training = [
        ("Epochs", f"{plan.epochs}, batches of {plan.batch_size}"),
        ("Optimiser", f"{plan.optimizer}, momentum {plan.momentum:g}, weight decay {plan.weight_decay:g}"),
        ("Schedule", plan.schedule),
        ("Learning rates" if plan.tuned else "Learning rate", rates),
        ("Tuning seeds", f"{plan.tuning_seeds}, apart from the test seeds" if plan.tuned else ""),
        ("Test seeds", f"{plan.seeds} (0 to {plan.seeds - 1})"),
        ("Test set", "read once per trial, after its last step"),
        ("Device", plan.device),
        *_pairing(summary, plan),
    ]
    decision = [
        ("Metric", f"{plan.metric}{f' in {plan.unit}' if plan.unit else ''}, higher is better"),
        ("Control", plan.control),
        ("Margin", f"±{plan.margin:g} {words.points(plan.unit)}".rstrip() + ", set before the data"),
        ("Confidence", f"{100 * plan.confidence:g} % over {plan.comparisons} comparisons (Bonferroni)"),
        ("Interval", "Student's t on paired differences, fixed number of seeds"),
        ("Failures", "in no mean; tested apart (Fisher)"),
        ("Plan SHA-256", plan.hash[:16]),
    ]
    return [
        ("Data and model", data),
        ("Training", training),
        ("Decision", decision),
        ("Machine and versions", sorted(study.environment.items())),
    ]


def _pairing(summary: Summary, plan: Plan) -> list[tuple[str, str]]:
    """Return what the hashes in the records prove about the pairs."""
    pairing = summary.pairing
    if not pairing.pairs:
        return []
    alike = f"the same as the control's in all {pairing.pairs} pairs"
    found = []
    for name, unlike in (("weights", pairing.init), ("order", pairing.order), ("noise", pairing.noise)):
        text = f"differ for {words.enumerate_names(unlike)}" if unlike else alike
        own_width = {arm.label for arm in plan.arms if arm.width != plan.arm(plan.control).width}
        if unlike and name == "weights" and own_width.issuperset(unlike):
            text += ": layers of another width"
        found.append((f"Paired {name}", text))
    return found
