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
from rectifiers.report import _page, colours, glossary, words
from rectifiers.report._looks import on_page
from rectifiers.report.charts import catalogue
from rectifiers.report.summary import Summary, summarize

__all__ = ["render", "write"]

_MOST_FAILURES = 50
_SIGNS = {"better": "▲", "worse": "▼", "equivalent": "≈", "undecided": "?"}
_PARTS = "learning cost functions rates done wrong words"
_SHORT = {"done": "Protocol", "wrong": "Failures"}


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
    charts = [_page.PageChart(chart, chart.draw(look)) for chart in catalogue(summary, plan)]
    legend = _page.legend(styles)
    costed = any(chart.about.section == "cost" for chart in charts)
    test_failures = [run for run in summary.failed if run.trial.phase == "test"]
    wrong = bool((plan.epochs and study.runs) or summary.failed or summary.remarks)
    shown = {*(chart.about.section for chart in charts), "done", "words", "wrong" if wrong else ""}
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
        parts=[{"id": "ranking", "short": "Ranking" if summary.valid else "Runs"}]
        + [{"id": n, "short": _SHORT.get(n, n.capitalize())} for n in _PARTS.split() if n in shown],
        costed=costed,
        wrong=wrong,
        meanings=glossary.WORDS,
        facts=_items(_facts(summary, plan)),
        protocol=[
            {"title": title, "items": found}
            for title, items in _protocol(summary, study)
            if (found := _items(items))
        ],
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
    norms = f" × {len(plan.norms)} normalisations" if len(plan.norms) > 1 else ""
    cost = summary.cost
    seconds = cost.tuning_seconds + cost.margin_seconds + cost.test_seconds
    return [
        ("Compared", f"{len(plan.arms)} arms{norms}" + (f" × {_seeds(plan)}" if plan.paired else "")),
        ("Runs that decide" if summary.valid else "Runs", f"{cost.deciding:,}{_failures(summary)}"),
        ("Saved by the race", words.plural(cost.saved, "run") if cost.saved else ""),
        ("Model", _model(plan)),
        ("Margin", _margin(summary)),
        ("Training time", words.duration(seconds) if seconds else ""),
    ]


def _failures(summary: Summary) -> str:
    counts = {what: sum(getattr(row, what) for row in summary.arms) for what in ("diverged", "crashed")}
    return "".join(f", {count} {what}" for what, count in counts.items() if count)


def _seeds(plan: Plan) -> str:
    return f"{'up to ' if plan.racing else ''}{words.plural(plan.seeds, 'seed')}"


def _margin(summary: Summary) -> str:
    if summary.margin is None:
        return ""
    return f"±{summary.margin.value:.3g} {words.points(summary.unit)}".rstrip()


def _model(plan: Plan) -> str:
    if plan.model_code is not None or not plan.model:
        return plan.model
    return f"{plan.model}, width {plan.width}, depth {plan.depth}"


def _protocol(summary: Summary, study: Study) -> Sequence[tuple[str, list[tuple[str, Any]]]]:
    plan = study.plan
    rates = ", ".join(words.rate_text(rate) for rate in plan.learning_rates)
    widths = {arm.label: arm.width for arm in plan.arms if arm.width is not None and arm.width != plan.width}
    gains = ", ".join(f"{arm.label} {arm.gain:.3g}" for arm in plan.arms)
    split = ", split anew with every seed" if plan.vary == "split" else ""
    data: list[tuple[str, Any]] = [
        ("Task" if plan.epochs else "Results", plan.task),
        ("Data", plan.data_source if plan.data_source != plan.task else ""),
    ]
    training: list[tuple[str, Any]] = []
    if plan.epochs:
        data += [
            ("Samples", f"{plan.train_size:,} to train, {plan.test_size:,} to test{split}"),
            (
                "Validation",
                f"{plan.validation_size:,} of the training samples, while tuning" if plan.tuned else "",
            ),
            ("Classes", ", ".join(f"{label} = {i}" for i, label in enumerate(plan.labels))),
            ("Data SHA-256", plan.data_hash[:16]),
            ("Model", _model(plan)),
            ("Code", plan.model_code),
            ("Data code", plan.data_code),
            ("Matched by", plan.match + "".join(f"; {label}: width {w}" for label, w in widths.items())),
            ("Initial gains", gains if plan.initialization == "gain" else "the model's own initialisation"),
        ]
        training = [
            ("Epochs", f"{plan.epochs}, batches of {plan.batch_size}"),
            (
                "Optimiser",
                f"{plan.optimizer}, momentum {plan.momentum:g}, weight decay {plan.weight_decay:g}",
            ),
            ("Schedule", plan.schedule),
            ("Grid of rates" if plan.tuned else "Learning rate", rates),
            ("Tuning seeds", f"{plan.tuning_seeds}, apart from the test seeds" if plan.tuned else ""),
            ("Test seeds", f"{_seeds(plan)}, from 0"),
            ("Test set", "read once per trial, after its last step"),
            ("Device", plan.device),
            *_pairing(summary, plan),
        ]
    paired = "Student's t on paired differences, number of seeds fixed beforehand"
    race = "t confidence sequence on paired differences, valid after every seed together (Wang & Ramdas)"
    tested = "sign and share e-processes, valid after every seed" if plan.racing else "Fisher's exact test"
    given = summary.margin and f"{_margin(summary)}, {summary.margin.rule}"
    decision = [
        ("Metric", f"{plan.metric}{f' in {plan.unit}' if plan.unit else ''}, higher is better"),
        ("Control", plan.control),
        ("Margin", given),
        (
            "Confidence",
            f"{100 * plan.confidence:g} % over {words.plural(plan.comparisons, 'comparison')} (Bonferroni)",
        ),
        ("Interval", race if plan.racing else paired if plan.paired else "Welch's t, runs not paired"),
        ("New data", "corrected resampled t (Nadeau & Bengio)" if plan.vary == "split" else ""),
        ("Failures", f"in no mean; tested apart ({tested})"),
        ("Plan SHA-256", plan.hash[:16] if plan.epochs else ""),
    ]
    return [
        ("Data and model" if plan.epochs else "Data", data),
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
