"""How far a study is: the events of a running study folded into plain data for whoever shows it."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from rectifiers.evidence.standing import Standing
from rectifiers.records import events
from rectifiers.records.values import Margin, Plan, Run, Study

__all__ = ["Cell", "Progress"]

_PACE_FROM = 8  # trials: before, the pace is that of processes that start

Key = tuple[str, str]


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
    news : list of (arm, norm)
        Those of them that the last event brought.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.plan: Plan | None = None
        self.margin: Margin | None = None
        self.cells: dict[Key, Cell] = {}
        self.phase = ""
        self.total = 0
        self.done = 0
        self.kept = 0
        self.active: dict[str, Key] = {}
        self.left: list[Key] = []
        self.news: list[Key] = []
        self.warnings: list[str] = []
        self._known: Study | None = None
        self._clock = clock
        self._began = clock()
        self._shares: dict[str, float] = {}

    def recall(self, known: Study) -> None:
        """Take what earlier sessions left, so that a resumed study shows its means from the start."""
        self._known = known

    def apply(self, event: events.Event) -> None:
        """Take in one event."""
        self.news = []
        match event:
            case events.StudyStarted():
                self._start(event.plan, event.total, event.done)
            case events.PhaseStarted():
                self.phase = event.phase
            case events.TrialStarted(trial=trial):
                self.active[trial.key] = (trial.arm, trial.norm)
            case events.EpochFinished(trial=trial):
                self._shares[trial.key] = event.epoch / event.epochs
            case events.TrialFinished(run=run):
                self._add(run)
                self.done += 1
                self.total = max(self.total, self.done)  # processes that ran ahead of the last decision
                self.active.pop(run.trial.key, None)
                self._shares.pop(run.trial.key, None)
            case events.RateChosen():
                self.cells[event.arm, event.norm].rate = event.rate
            case events.MarginFixed():
                self.margin = event.margin
            case events.InterimAnalysis():
                self._judge(event.standings, event.at_most)
            case events.Warned():
                self.warnings.append(event.notice.text)

    def _start(self, plan: Plan, total: int, done: int) -> None:
        self.plan, self.total, self.done, self.kept = plan, total, done, done
        self._began = self._clock()
        given = None if plan.tuned else plan.learning_rates[0]
        self.cells = {key: Cell(*key, rate=given) for key in plan.cells}
        if self._known is not None:
            for run in self._known.runs:
                self._add(run)
            for key, rate in self._known.rates.items():
                if key in self.cells:
                    self.cells[key].rate = rate

    def _add(self, run: Run) -> None:
        cell = self.cells.get((run.trial.arm, run.trial.norm))
        if cell is None:  # an arm of an earlier question
            return
        if run.trial.phase != "test":
            cell.tuned += run.trial.phase == "tune"
        elif run.metric is not None:
            cell.metrics.append(run.metric)
        elif run.outcome == "diverged":
            cell.diverged += 1
        else:
            cell.crashed += 1

    def _judge(self, standings: Mapping[Key, Standing], at_most: int) -> None:
        self.total = max(at_most, self.done)
        for key, standing in standings.items():
            self.cells[key].standing = standing
            if standing.decided_at is not None and key not in self.left:
                self.left.append(key)
                self.news.append(key)

    @property
    def position(self) -> float:
        """Trials done, the shares of those under way included."""
        return self.done + sum(self._shares.values())

    @property
    def seconds_left(self) -> float | None:
        """Seconds the rest takes at most at the pace of this session; None for the first few trials."""
        made = self.position - self.kept
        if made < _PACE_FROM:
            return None
        return max(0.0, (self._clock() - self._began) / made * (self.total - self.position))
