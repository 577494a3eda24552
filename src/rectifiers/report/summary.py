"""Every fact of a study as plain data: what the terminal, the JSON and the HTML file all show.

Rows are computed here and nowhere else; whoever renders them does no statistics.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rectifiers.evidence.divergence import FailureComparison
from rectifiers.evidence.paired import Verdict
from rectifiers.records.values import Outcome, Phase, Study
from rectifiers.report import words

__all__ = [
    "ArmRow",
    "Band",
    "ComparisonRow",
    "Cost",
    "Failure",
    "FailureRow",
    "Pairing",
    "RatePoint",
    "RateRow",
    "Summary",
    "summarize",
]


@dataclass(frozen=True)
class ArmRow:
    """One arm under one normalisation, over its test runs.

    Attributes
    ----------
    arm, norm : str
    n : int
        Finished runs: the ones `mean` and `sd` are over.
    mean, sd : float or None
        Of the metric; None without a finished run (sd: without two).
    values : tuple of float
        The metric of each finished run, by seed.
    diverged, crashed : int
        Runs that ended so; they are in no mean.
    learning_rate : float or None
        Chosen (or given) rate; None while it is not chosen.
    parameters : int or None
        Learned numbers in the model.
    seconds_per_trial : float or None
        Median wall time of training, finished runs.
    peak_memory : int or None
        Largest number of bytes held by tensors in a training step, over the runs.
    steps_to_target : int or None
        Median steps until the training error reached the target; runs that never did count as later than any,
        so None also means that half of them did not.
    """

    arm: str
    norm: str
    n: int
    mean: float | None
    sd: float | None
    values: tuple[float, ...]
    diverged: int
    crashed: int
    learning_rate: float | None
    parameters: int | None
    seconds_per_trial: float | None
    peak_memory: int | None
    steps_to_target: int | None


@dataclass(frozen=True)
class ComparisonRow:
    """An arm against another over the same seeds; see `rectifiers.evidence.paired.PairedComparison`.

    `note` says in one line why a verdict was withheld or what it leaves out; empty when there is
    nothing to say.
    """

    arm: str
    norm: str
    control: str
    n: int
    difference: float | None
    low: float | None
    high: float | None
    sd: float | None
    pair_correlation: float | None
    verdict: Verdict
    more_seeds: int | None
    note: str


@dataclass(frozen=True)
class FailureRow:
    """How often an arm's runs failed against the control's, with its own test."""

    arm: str
    norm: str
    control: str
    test: FailureComparison


@dataclass(frozen=True)
class Failure:
    """One run that diverged or crashed."""

    phase: Phase
    arm: str
    norm: str
    learning_rate: float
    seed: int
    outcome: Outcome
    reason: str


@dataclass(frozen=True)
class RatePoint:
    """What one learning rate gave on the validation split: mean, smallest and largest over tuning seeds."""

    rate: float
    n: int
    failed: int
    mean: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class RateRow:
    """The rates tried for one arm under one normalisation."""

    arm: str
    norm: str
    chosen: float | None
    at_edge: bool
    points: tuple[RatePoint, ...]


@dataclass(frozen=True)
class Band:
    """A learning curve: mean, smallest and largest over finished test runs, per epoch (from 1).

    `quantity` is ``"loss"`` or ``"error"`` (in %), both over the training batches.
    """

    arm: str
    norm: str
    quantity: str
    mean: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


@dataclass(frozen=True)
class Cost:
    """What the study took: trials and seconds of training, tuning and testing apart."""

    tuning_trials: int
    tuning_seconds: float
    test_trials: int
    test_seconds: float


@dataclass(frozen=True)
class Pairing:
    """Whether arms of one seed started alike, by the hashes in the records.

    `pairs` counts the (arm, norm, seed) held against the control's run; the others name the arms
    whose hash differed in at least one of them. Initial weights differ where an arm changes the width.
    """

    pairs: int
    init: tuple[str, ...]
    order: tuple[str, ...]
    noise: tuple[str, ...]


@dataclass(frozen=True)
class Summary:
    """Every fact of a study as plain data.

    Attributes
    ----------
    task, metric, unit, control : str
    margin, confidence : float
    norms : tuple of str
    planned, done : int
        Test runs the plan asks for, and those there are.
    arms : tuple of ArmRow
        Per normalisation, in the order of the plan; see `ranking`.
    comparisons : tuple of ComparisonRow
        Every arm against the control, simultaneous over all of them at `confidence`.
    leads : tuple of ComparisonRow
        The arm with the highest mean against every other one, per normalisation. Which arm that is, the data
        chose, so these are corrected for all pairs.
    failures : tuple of FailureRow
        The test of failures, for arms where the arm or the control had one.
    failed : tuple of Failure
        The runs behind them, and those of tuning.
    rates : tuple of RateRow
        Empty unless rates were tuned.
    curves : tuple of Band
    cost : Cost
    pairing : Pairing
    headlines : tuple of str
        The verdict in a sentence, per normalisation.
    details : tuple of str
        One sentence per normalisation on the arms the headline leaves out.
    scope : str
        What the verdicts hold for.
    warnings : tuple of str
    digits : int
        Decimals the metric is worth showing with.
    """

    task: str
    metric: str
    unit: str
    control: str
    margin: float
    confidence: float
    norms: tuple[str, ...]
    planned: int
    done: int
    arms: tuple[ArmRow, ...]
    comparisons: tuple[ComparisonRow, ...]
    leads: tuple[ComparisonRow, ...]
    failures: tuple[FailureRow, ...]
    failed: tuple[Failure, ...]
    rates: tuple[RateRow, ...]
    curves: tuple[Band, ...]
    cost: Cost
    pairing: Pairing
    headlines: tuple[str, ...]
    details: tuple[str, ...]
    scope: str
    warnings: tuple[str, ...]
    digits: int

    @property
    def headline(self) -> str:
        """The verdict in plain words."""
        return " ".join(self.headlines)

    @property
    def sentence(self) -> str:
        """The verdict in plain words, and what it holds for."""
        return f"{self.headline} {self.scope}"

    def ranking(self, norm: str) -> tuple[ArmRow, ...]:
        """Return the arms under a normalisation, highest mean first, those without a mean last."""
        rows = [row for row in self.arms if row.norm == norm]
        return tuple(sorted(rows, key=lambda row: (row.mean is None, -(row.mean or 0.0))))

    def comparison(self, arm: str, norm: str) -> ComparisonRow | None:
        """Return an arm's comparison with the control; None for the control itself."""
        return next((row for row in self.comparisons if (row.arm, row.norm) == (arm, norm)), None)

    def to_json(self) -> dict[str, Any]:
        """Return the object `rectifiers compare --json` prints, but for the paths of report and store.

        No value is NaN or infinite: what is undefined or unbounded is None.
        """
        arms = (
            "arm norm n mean sd diverged crashed learning_rate parameters seconds_per_trial steps_to_target"
        )
        comparisons = "arm norm control difference low high pair_correlation verdict"
        return {
            "schema": 1,
            "task": self.task,
            "metric": self.metric,
            "unit": self.unit,
            "control": self.control,
            "arms": [{key: getattr(row, key) for key in arms.split()} for row in self.arms],
            "comparisons": [
                {key: getattr(row, key) for key in comparisons.split()} for row in self.comparisons
            ],
        }


def summarize(study: Study) -> Summary:
    """Return every fact of a study as plain data.

    Parameters
    ----------
    study : Study
        Finished or not; with runs missing, verdicts are withheld and the headline says so.

    Returns
    -------
    Summary
    """
    from rectifiers.report import rows, sentence

    plan = study.plan
    arms = rows.arm_rows(study)
    comparisons = rows.comparison_rows(study)
    leads = rows.lead_rows(study, arms)
    text = sentence.write(plan, arms, comparisons, leads)
    return Summary(
        task=plan.task,
        metric=plan.metric,
        unit=plan.unit,
        control=plan.control,
        margin=plan.margin,
        confidence=plan.confidence,
        norms=plan.norms,
        planned=len(plan.arms) * len(plan.norms) * plan.seeds,
        done=len(study.of("test")),
        arms=arms,
        comparisons=comparisons,
        leads=leads,
        failures=rows.failure_rows(study),
        failed=rows.failed_runs(study),
        rates=rows.rate_rows(study),
        curves=rows.bands(study),
        cost=rows.cost(study),
        pairing=rows.pairing(study),
        headlines=text.headlines,
        details=text.details,
        scope=text.scope,
        warnings=study.warnings,
        digits=words.decimals(plan.margin),
    )
