"""The trials that decide, seed by seed, for as long as they are needed."""

from __future__ import annotations

from collections.abc import Iterator

from rectifiers.evidence.standing import Standing
from rectifiers.records.collector import uncollected
from rectifiers.records.standings import against_control, judge
from rectifiers.records.values import Run, Study, Trial, cell_name

__all__ = ["Race", "reopened"]

Cell = tuple[str, str]


class Race:
    """Hands out deciding trials: all remaining arms on one seed, then on the next.

    An arm leaves once it is decided against the control of its norm; the control stays while any arm does. In
    a study of a fixed number of seeds nobody leaves. What is handed out depends on the evidence so far, so it
    must be iterated lazily, with `add` called for every run that comes back, in whatever order.

    Parameters
    ----------
    study : Study
        With rates and margin; its runs count.
    """

    @uncollected()
    def __init__(self, study: Study) -> None:
        plan = study.plan
        self._study, self._plan = study, plan
        self._trials: dict[Cell, list[Trial]] = {}
        for cell in plan.cells:
            rate = study.rate(*cell)
            assert rate is not None
            self._trials[cell] = [plan.trial("test", *cell, rate, seed) for seed in range(plan.seeds)]
        self._cell = {trial.key: cell for cell, trials in self._trials.items() for trial in trials}
        self._runs = dict(study.by_key)
        self._series: dict[Cell, list[float | None]] = {cell: [] for cell in self._trials}
        for cell in self._trials:
            self._further(cell)
        self.standings: dict[Cell, Standing] = {
            cell: self._judged(cell) for cell in self._trials if cell[0] != plan.control
        }

    def __iter__(self) -> Iterator[Trial]:
        for trials in zip(*self._trials.values(), strict=True):
            for cell, trial in zip(self._trials, trials, strict=True):
                if trial.key not in self._runs and self._needed(cell):
                    yield trial

    def add(self, run: Run) -> bool:
        """Take in a run; return whether it brought any comparison a seed further."""
        cell = self._take(run)
        if cell is None:
            return False
        further = False
        for other, standing in self.standings.items():
            if other == cell or (cell[0] == self._plan.control and other[1] == cell[1]):
                seeds = min(len(self._series[other]), len(self._series[self._plan.control, other[1]]))
                if self._open(other) and seeds > standing.seeds:
                    self.standings[other] = self._judged(other)
                    further = True
        return further

    def _take(self, run: Run) -> Cell | None:
        """Put a run into its series; return the cell it is of, None where it is none of the race."""
        cell = self._cell.get(run.trial.key)
        if cell is None or run.trial.key in self._runs:
            return None
        self._runs[run.trial.key] = run
        self._further(cell)
        return cell

    def _further(self, cell: Cell) -> None:
        """Let a series go on as far as there are runs without a gap."""
        series, trials = self._series[cell], self._trials[cell]
        for i in range(len(series), len(trials)):
            if (run := self._runs.get(trials[i].key)) is None:
                return
            series.append(run.metric)

    def needs(self, trial: Trial) -> bool:
        """Return whether a trial under way can still decide anything; so can what is no part of the race."""
        cell = self._cell.get(trial.key)
        return cell is None or self._needed(cell)

    @property
    def at_most(self) -> int:
        """How many deciding trials there can still be."""
        return sum(
            trial.key not in self._runs
            for cell, trials in self._trials.items()
            if self._needed(cell)
            for trial in trials
        )

    def _needed(self, cell: Cell) -> bool:
        if not self._plan.racing or cell[0] != self._plan.control:
            return not self._plan.racing or self._open(cell)
        return any(self._open(other) for other in self.standings if other[1] == cell[1])

    def _open(self, cell: Cell) -> bool:
        return self.standings[cell].decided_at is None

    def _judged(self, cell: Cell) -> Standing:
        control = self._series[self._plan.control, cell[1]]
        return judge(self._study, self._series[cell], control)


def reopened(before: Study, now: Study) -> list[str]:
    """Return, in words, the arms that were decided under one question and are open again under another."""
    then, standings = against_control(before), against_control(now)
    return [
        f"{cell_name(arm, norm)} was {then[arm, norm].verdict} and is open again"
        for (arm, norm), standing in standings.items()
        if (arm, norm) in then and then[arm, norm].verdict != "undecided" and standing.verdict == "undecided"
    ]
