"""What a running study tells whoever watches it: plain values, without torch.

They come in this order (a resumed study tells nothing about what it found finished)::

    StudyStarted
      PhaseStarted("tune")                    only where learning rates are chosen
        TrialStarted EpochFinished* TrialFinished   per trial
        RateChosen                            per (arm, norm), after its last tuning trial
      PhaseStarted("margin")                  only where the margin is not given
        TrialStarted EpochFinished* TrialFinished
      MarginFixed
      PhaseStarted("test")
        TrialStarted EpochFinished* TrialFinished
        InterimAnalysis                       in a race, after every seed that all remaining arms have
        finished
    StudyFinished

Trials may overlap, and one may begin before another that was started earlier is over.

`Warned` may come anywhere. A handler that raises stops the study there; everything finished is on disk.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rectifiers.records.values import Margin, Notice, Phase, Plan, Run, Study, Trial

if TYPE_CHECKING:
    from rectifiers.evidence.standing import Standing

__all__ = [
    "EpochFinished",
    "Event",
    "Handler",
    "InterimAnalysis",
    "MarginFixed",
    "PhaseStarted",
    "RateChosen",
    "StudyFinished",
    "StudyStarted",
    "TrialFinished",
    "TrialStarted",
    "Warned",
]


class Event:
    """Something that happened to a study."""


@dataclass(frozen=True)
class StudyStarted(Event):
    """The study begins, or goes on: some of its at most `total` trials are on disk already, with `runs`."""

    plan: Plan
    total: int
    runs: tuple[Run, ...] = ()


@dataclass(frozen=True)
class PhaseStarted(Event):
    """A phase begins. How many trials it has depends on what they give."""

    phase: Phase


@dataclass(frozen=True)
class TrialStarted(Event):
    """A trial begins, or waits for a free process."""

    trial: Trial


@dataclass(frozen=True)
class EpochFinished(Event):
    """Epoch number `epoch` (from 1) of `epochs` is done.

    `train_loss` is the mean over the epoch's batches, `train_error` the same in % of the samples;
    None where the task has no error rate (regression).
    """

    trial: Trial
    epoch: int
    epochs: int
    train_loss: float
    train_error: float | None


@dataclass(frozen=True)
class TrialFinished(Event):
    """A trial is over and on disk, whatever its outcome."""

    run: Run


@dataclass(frozen=True)
class RateChosen(Event):
    """The learning rate of an arm under a norm was chosen."""

    arm: str
    norm: str
    rate: float


@dataclass(frozen=True)
class MarginFixed(Event):
    """The margin is known; no deciding run has been seen."""

    margin: Margin


@dataclass(frozen=True)
class InterimAnalysis(Event):
    """Where every arm of a race stands against the control of its norm, by ``(arm, norm)``.

    `at_most` is the number of trials that can still come.
    """

    standings: Mapping[tuple[str, str], Standing]
    at_most: int


@dataclass(frozen=True)
class Warned(Event):
    """Something the reader of the result must know; also kept in the study's warnings."""

    notice: Notice


@dataclass(frozen=True)
class StudyFinished(Event):
    """All trials are done."""

    study: Study


Handler = Callable[[Event], None]
