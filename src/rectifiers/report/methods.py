"""How a study was done, as a paragraph for a paper."""

from __future__ import annotations

from rectifiers.records.values import Study
from rectifiers.report import words
from rectifiers.report.summary import Summary

__all__ = ["methods"]

_REFERENCES = {
    "t-CS": "Wang & Ramdas, Anytime-valid t-tests and confidence sequences for Gaussian means with unknown "
    "variance, arXiv 2310.03722 (2023)",
    "1-SE": "Breiman, Friedman, Olshen & Stone, Classification and regression trees (1984), section 3.4.3",
    "NB": "Nadeau & Bengio, Inference for the generalization error, Machine Learning 52 (2003)",
}


def methods(summary: Summary, study: Study) -> str:
    """Return how it was done as a paragraph for a paper, with every figure and what to cite."""
    plan, cost = summary.plan, summary.cost
    others = words.enumerate_names([arm.label for arm in plan.arms if arm.label != plan.control])
    said = [f"We compared {others} with {plan.control} on {plan.task} by {plan.metric}."]
    if plan.kind == "loop" and plan.trained:
        rates = plan.optimizer if not plan.momentum else f"{plan.optimizer} (momentum {plan.momentum:g})"
        when = "after the last step"
        if plan.patience is not None:
            when = f"at its best epoch, {plan.patience} epochs without a better one having ended it"
        said.append(
            f"The model ({plan.model}) was trained for {plan.epochs} epochs in batches of {plan.batch_size} "
            f"with {rates}, weight decay {plan.weight_decay:g} and a {plan.schedule} schedule on "
            f"{plan.train_size:,} samples, and tested once, {when}, on {plan.test_size:,}."
        )
    if plan.tuned:
        grid = ", ".join(map(words.rate_text, plan.learning_rates))
        said.append(
            f"Each arm's learning rate was chosen with the same effort, by halving over {grid} and up "
            f"to three steps beyond, on {words.plural(plan.tuning_seeds, 'seed')} of their own."
        )
    if plan.racing:
        how = f"seed by seed, at most {plan.seeds} of them, and left once they were decided; intervals are t "
        said.append(f"Arms were compared {how}confidence sequences, valid after every seed together [t-CS].")
    elif plan.paired:
        said.append(f"Every arm was run on the same {plan.seeds} seeds; intervals are Student's, paired.")
    else:
        said.append("Runs were compared as independent samples, with Welch's intervals.")
    several = words.plural(plan.comparisons, "comparison")
    said.append(f"They hold at {100 * plan.confidence:g} % over {several} together (Bonferroni).")
    if summary.margin is not None:
        rule = " [1-SE]" if plan.margin is None and summary.margin.rule.startswith("one") else ""
        size = f"{summary.margin.value:.3g} {words.points(plan.unit)}".rstrip()
        said.append(
            f"Differences within {size} count as none ({summary.margin.rule}), fixed beforehand{rule}."
        )
    if plan.vary == "split":
        said.append("Every seed drew another split into training and test samples [NB].")
    runs = sum(row.n + row.diverged + row.crashed for row in summary.arms)
    said.append(
        f"{runs} runs decided; {cost.trials['tune']} chose rates, {cost.trials['margin']} the margin."
    )
    versions = [
        f"{name} {study.environment[name]}" for name in ("rectifiers", "torch") if name in study.environment
    ]
    said += [f"Software: {', '.join(versions)}."] if versions else []
    sources = [f"[{key}] {text}." for key, text in _REFERENCES.items() if any(f"[{key}]" in s for s in said)]
    return "\n\n".join([" ".join(said), *sources])
