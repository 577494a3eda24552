"""How far a study is: the events of a running study folded into plain data for whoever shows it."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from rectifiers.evidence.standing import Standing
from rectifiers.records import events
from rectifiers.records.values import Margin, Plan, Run

__all__ = ["Cell", "Progress"]

_PACE_FROM = 8  # trials: before, the pace is that of processes that start

Key = tuple[str, str]


@dataclass
class Cell:
    """What is known so far of one arm under one normalisation."""

    arm: str
    norm: str
    metrics: list[float] = field(default_factory=list)
    diverged: int = 0
    crashed: int = 0
    standing: Standing | None = None

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


class Progress:
    """The state of a study, moved on by one event at a time.

    Parameters
    ----------
    clock : callable
        Seconds from any origin.

    Attributes
    ----------
    total : int
        Trials there will be at most; a race lowers it with every arm that leaves.
    left : list of (arm, norm)
        Arms that were decided, in the order in which they were; `Cell.standing` tells how.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.plan: Plan | None = None
        self.margin: Margin | None = None
        self.cells: dict[Key, Cell] = {}
        self.phase = ""
        self.total = 0
        self.done = 0
        self.left: list[Key] = []
        self.warnings: list[str] = []
        self._kept = 0
        self._clock = clock
        self._began = clock()

    def apply(self, event: events.Event) -> None:
        """Take in one event."""
        match event:
            case events.StudyStarted(plan=plan):
                self.plan, self.total, self._began = plan, event.total, self._clock()
                self.cells = {key: Cell(*key) for key in plan.cells}
                for run in event.runs:
                    self._add(run)
                self._kept = self.done
            case events.PhaseStarted():
                self.phase = event.phase
            case events.TrialFinished():
                self._add(event.run)
            case events.MarginFixed():
                self.margin = event.margin
            case events.InterimAnalysis():
                self.total = self.done + event.at_most
                for key, standing in event.standings.items():
                    self.cells[key].standing = standing
                    if standing.decided_at is not None and key not in self.left:
                        self.left.append(key)
            case events.Warned():
                self.warnings.append(event.notice.text)

    def _add(self, run: Run) -> None:
        self.done += 1
        self.total = max(self.total, self.done)  # processes that ran ahead of the last decision
        cell = self.cells[run.trial.arm, run.trial.norm]
        if run.trial.phase != "test":
            return
        if run.metric is not None:
            cell.metrics.append(run.metric)
        elif run.outcome == "diverged":
            cell.diverged += 1
        else:
            cell.crashed += 1

    @property
    def seconds_left(self) -> float | None:
        """Seconds the rest takes at most at the pace of this session; None for the first few trials."""
        made = self.done - self._kept
        if made < _PACE_FROM:
            return None
        return (self._clock() - self._began) / made * (self.total - self.done)
