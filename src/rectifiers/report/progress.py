"""How far a study is: the events of a running study folded into plain data for whoever shows it."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from rectifiers.records import events
from rectifiers.records.values import Plan, Run, Study

__all__ = ["Cell", "Progress"]


@dataclass
class Cell:
    """What is known so far of one arm under one normalisation."""

    arm: str
    norm: str
    rate: float | None = None
    tuned: int = 0
    metrics: list[float] = field(default_factory=list)
    diverged: int = 0
    crashed: int = 0
    curves: list[tuple[float, ...]] = field(default_factory=list)
    live: list[float] = field(default_factory=list)

    @property
    def tried(self) -> int:
        """Test trials made, whatever their outcome."""
        return len(self.metrics) + self.diverged + self.crashed

    @property
    def mean(self) -> float | None:
        """Mean test metric of the trials that finished."""
        return statistics.fmean(self.metrics) if self.metrics else None

    @property
    def sd(self) -> float | None:
        """Standard deviation of the test metric over seeds."""
        return statistics.stdev(self.metrics) if len(self.metrics) > 1 else None

    @property
    def curve(self) -> tuple[float, ...]:
        """Training loss per epoch: of the trial under way, else the mean over the finished ones."""
        if self.live or not self.curves:
            return tuple(self.live)
        return tuple(statistics.fmean(losses) for losses in zip(*self.curves, strict=False))


class Progress:
    """The state of a study, moved on by one event at a time.

    Parameters
    ----------
    clock : callable
        Seconds from any origin.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.plan: Plan | None = None
        self.cells: dict[tuple[str, str], Cell] = {}
        self.phase = ""
        self.total = 0
        self.done = 0
        self.kept = 0
        self.active: tuple[str, str] | None = None
        self.warnings: list[str] = []
        self.finished = False
        self._known: Study | None = None
        self._clock = clock
        self._began = clock()
        self._fraction = 0.0

    def recall(self, known: Study) -> None:
        """Take what earlier sessions left, so that a resumed study shows its means from the start."""
        self._known = known

    def apply(self, event: events.Event) -> None:
        """Take in one event."""
        match event:
            case events.StudyStarted():
                self._start(event.plan, event.total, event.done)
            case events.PhaseStarted():
                self.phase = event.phase
            case events.TrialStarted():
                self.active = (event.trial.arm, event.trial.norm)
                self.cells[self.active].live = []
                self._fraction = 0.0
            case events.EpochFinished():
                self.cells[event.trial.arm, event.trial.norm].live.append(event.train_loss)
                self._fraction = event.epoch / event.epochs
            case events.TrialFinished():
                self._add(event.run)
                self.done += 1
                self.active = None
                self._fraction = 0.0
            case events.RateChosen():
                self.cells[event.arm, event.norm].rate = event.rate
            case events.Warned():
                self.warnings.append(event.text)
            case events.StudyFinished():
                self.finished = True

    def _start(self, plan: Plan, total: int, done: int) -> None:
        self.plan, self.total, self.done, self.kept = plan, total, done, done
        self._began = self._clock()
        given = None if plan.tuned else plan.learning_rates[0]
        self.cells = {
            (arm.label, norm): Cell(arm.label, norm, rate=given) for norm in plan.norms for arm in plan.arms
        }
        if self._known is not None:
            for run in self._known.runs:
                self._add(run)
            for cell, rate in self._known.rates.items():
                self.cells[cell].rate = rate

    def _add(self, run: Run) -> None:
        cell = self.cells[run.trial.arm, run.trial.norm]
        cell.live = []
        if run.trial.phase == "tune":
            cell.tuned += 1
        elif run.metric is not None:
            cell.metrics.append(run.metric)
            cell.curves.append(run.train_loss)
        elif run.outcome == "diverged":
            cell.diverged += 1
        else:
            cell.crashed += 1

    @property
    def position(self) -> float:
        """Trials done, the share of the one under way included."""
        return self.done + self._fraction

    @property
    def elapsed(self) -> float:
        """Seconds since the study started or went on."""
        return self._clock() - self._began

    @property
    def seconds_left(self) -> float | None:
        """Seconds the rest takes at the pace of this session; None while there is no pace yet."""
        made = self.position - self.kept
        if made <= 0:
            return None
        return self.elapsed / made * (self.total - self.position)
