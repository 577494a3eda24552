"""What a report is made of, as plain data: rows, of `rectifiers.report.rows`, and the recommendation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from rectifiers.evidence.divergence import FailureComparison
from rectifiers.evidence.paired import PairedComparison
from rectifiers.records.values import Phase

__all__ = [
    "Advice",
    "ArmRow",
    "Band",
    "ComparisonRow",
    "Cost",
    "RatePoint",
    "RateRow",
    "Recommendation",
    "Status",
]

Status = Literal["decided", "open", "invalid"]


@dataclass(frozen=True)
class ArmRow:
    """One arm under one normalisation, over the test runs that verdicts rest on.

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
    first_failure : str or None
        Reason of the first run that crashed or, without one, diverged.
    balanced : float or None
        Mean balanced accuracy of the finished runs, where it was measured.
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
    first_failure: str | None
    balanced: float | None


@dataclass(frozen=True, kw_only=True)
class ComparisonRow(PairedComparison):
    """An arm against another over the same seeds; the verdict is that of `rectifiers.evidence.standing`.

    Attributes
    ----------
    arm, norm, control : str
    seeds : int
        Seeds the verdict rests on; in `n` of them both finished.
    note : str
        Why a verdict was withheld or what it leaves out, in one line; empty when there is nothing to say.
    out : bool
        Whether the arm fails in more than the share of its runs that is stated.
    failures : FailureComparison or None
        The test of failures, where the arm or the other had one.
    new_data : tuple of (low, high), or None
        Interval for another sample of data of this size; only where every seed draws a split of its own.
    """

    arm: str
    norm: str
    control: str
    seeds: int = 0
    note: str = ""
    out: bool = False
    failures: FailureComparison | None = None
    new_data: tuple[float, float] | None = None

    @property
    def pair_correlation(self) -> float | None:
        """Between both arms over the seeds, as it is called in JSON."""
        return self.correlation


@dataclass(frozen=True)
class RatePoint:
    """What one learning rate gave on the validation split: the mean of `n` runs that finished."""

    rate: float
    n: int
    failed: int
    mean: float | None


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
    """What the study took, and what it did not have to take.

    Attributes
    ----------
    trials, seconds : mapping of phase
        Trials that chose the rates, fixed the margin and were made to decide, and how long they were trained.
    deciding, speculated : int
        Test trials that verdicts rest on, and those made beside them: by processes that ran ahead, or under
        an earlier question.
    saved : int
        Test trials of the full grid that a race found needless.
    """

    trials: Mapping[Phase, int]
    seconds: Mapping[Phase, float]
    deciding: int
    speculated: int
    saved: int


@dataclass(frozen=True)
class Advice:
    """What to do under one normalisation.

    Attributes
    ----------
    norm : str
    arm : str or None
        The arm to use, or to keep while nothing better is shown; None while there is nothing to go by.
    sentence : str
    status : {"decided", "open", "invalid"}
        Decided: no further run of this study can change the recommendation.
    best : tuple of str
        Arms that are not shown to be worse than another, best first.
    """

    norm: str
    arm: str | None
    sentence: str
    status: Status
    best: tuple[str, ...]


@dataclass(frozen=True)
class Recommendation:
    """What to do, over all normalisations.

    Attributes
    ----------
    arm : str or None
        The arm that is recommended under every normalisation; None where they differ.
    status : {"decided", "open", "invalid"}
        Decided when it is under every normalisation.
    per_norm : tuple of Advice
    opening : str
        How far a study is that is not finished; else empty.
    remedy : str
        What would decide what is open; else empty. A command follows where `command` is not empty.
    command : str
    """

    arm: str | None
    status: Status
    per_norm: tuple[Advice, ...]
    opening: str
    remedy: str
    command: str

    @property
    def lines(self) -> tuple[str, ...]:
        """The sentence in parts, without the command."""
        return tuple(filter(None, (self.opening, *self.said, self.remedy)))

    @property
    def said(self) -> tuple[str, ...]:
        """What is said of each normalisation, and once where it is the same of all."""
        return tuple(dict.fromkeys(one.sentence for one in self.per_norm))

    @property
    def sentence(self) -> str:
        """The recommendation in a sentence or, over several normalisations, in one for each."""
        text = " ".join(self.lines)
        return f"{text} `{self.command}`." if self.command else text
