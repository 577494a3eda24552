"""Carry out a plan: choose rates, fix the margin, decide. What is finished is on disk before it is told."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping

from rectifiers import validity
from rectifiers.errors import ArgumentError, UserCodeError
from rectifiers.evidence.margin import of_accuracy
from rectifiers.records.events import (
    EpochFinished,
    Event,
    Handler,
    InterimAnalysis,
    MarginFixed,
    PhaseStarted,
    RateChosen,
    StudyFinished,
    StudyStarted,
    TrialFinished,
    TrialStarted,
    Warned,
)
from rectifiers.records.store import Store
from rectifiers.records.values import Margin, Notice, Plan, Run, Study, Trial, cell_name
from rectifiers.study import margins
from rectifiers.study.race import Race, reopened
from rectifiers.study.runners import InProcess, Runner
from rectifiers.study.search import search, trials_at_most
from rectifiers.study.work import Wanted, Work, always
from rectifiers.validity import CHECKS, activation_ignored

__all__ = ["run"]

Cell = tuple[str, str]


def run(
    work: Work,
    store: Store,
    on_event: Handler | None = None,
    *,
    command: str = "",
    runner: Runner | None = None,
    budget: float | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Study:
    """Carry out a plan, or what is left of it.

    May be stopped anywhere, by Ctrl-C, by an exception out of `on_event`, by ``kill -9``: the same call again
    goes on after the last finished trial and ends with the same metrics, the same intervals and at the same
    seeds as one that was never stopped. A store with trials of the same protocol is grown.

    Parameters
    ----------
    work : Work
        From `make_plan`, say.
    store : Store
        Open for writing: empty, or holding runs of the same protocol.
    on_event : callable, optional
        Receives each event (`rectifiers.records.events`); what it raises stops the study.
    command : str
        The command that reproduces the study, for the record.
    runner : Runner, optional
        Who carries out the trials; by default this process, one after the other.
    budget : float, optional
        Seconds after which no further run is waited for; what is decided by then stands.
    clock : callable
        Seconds from any origin.

    Returns
    -------
    Study
        Without runs where a check before training withholds every verdict.

    Raises
    ------
    PlanMismatchError
        If the store holds trials of another protocol.
    StoreError
        If the disk refuses.
    """
    deadline = clock() + (math.inf if budget is None else budget)
    known = store.study(curves=False) if store.plan() is not None else None
    store.write_plan(work.plan, work.environment, command)
    conductor = _Conductor(work, store, on_event, runner or InProcess(), lambda: clock() >= deadline)
    conductor.begin(known)
    if not validity.withheld(work.warnings, work.plan) and not (
        conductor.choose_rates() and conductor.fix_margin() and conductor.decide()
    ):
        # not kept: the same command may go on and finish
        spent = f"the budget of {budget:g} s is spent: the same command goes on"
        conductor.tell(Warned(Notice("budget", spent)))
    study = store.study()
    conductor.tell(StudyFinished(study))
    return study


class _Conductor:
    """The state of one session."""

    def __init__(
        self,
        work: Work,
        store: Store,
        on_event: Handler | None,
        runner: Runner,
        over: Callable[[], bool],
    ) -> None:
        self.work, self.plan, self.store = work, work.plan, store
        self.runner, self.over, self._on_event = runner, over, on_event
        self._known = store.study(curves=False)
        self._before = store.before()
        self._runs = dict(self._known.by_key)
        self._opens: str | None = None  # the first trial of this session

    def tell(self, event: Event) -> None:
        if self._on_event is not None:
            self._on_event(event)

    def warn(self, notice: Notice) -> None:
        if self.store.add_warning(notice):
            self.tell(Warned(notice))

    def begin(self, known: Study | None) -> None:
        """Say what is to come, and what the reader must know already.

        Parameters
        ----------
        known : Study or None
            As this session found it.
        """
        plan = self.plan
        each = plan.seeds + (trials_at_most(plan.learning_rates, plan.tuning_seeds) if plan.tuned else 0)
        ahead = len(plan.cells) * each + (margins.RUNS * len(plan.norms) if plan.margin is None else 0)
        self.tell(StudyStarted(plan, ahead, self._known.asked))
        found = (*_elsewhere(known, self.work), *_analysed_before(self._before, plan))
        for notice in (*self.work.warnings, *found):
            self.warn(notice)

    def choose_rates(self) -> bool:
        """Choose every cell's rate; return False when the budget is over before."""
        plan = self.plan
        if not plan.tuned:
            return True
        self.tell(PhaseStarted("tune"))
        open_cells = list(plan.cells)
        while open_cells:
            wanted: list[Trial] = []
            for cell in list(open_cells):
                missing = self._search(cell)
                wanted += missing
                if not missing:
                    open_cells.remove(cell)
            if not self._carry_out(wanted):
                return False
        return True

    def _search(self, cell: Cell) -> list[Trial]:
        """Return the trials a cell's search needs next; none once its rate is chosen, and written."""
        plan, (arm, norm) = self.plan, cell

        def trial(rate: float, seed: int) -> Trial:
            return plan.trial("tune", arm, norm, rate, seed)

        missing, choice = search(
            cell_name(*cell),
            plan.learning_rates,
            plan.tuning_seeds,
            lambda rate, seed: self._runs.get(trial(rate, seed).key),
            self._noise,
        )
        if choice is None:
            return [trial(rate, seed) for rate, seed in missing]
        if choice.warning is not None:
            self.warn(choice.warning)
        if self._known.rates.get(cell) != choice.rate:
            self.store.add_rate(arm, norm, choice.rate, at_edge=choice.warning is not None)
            self.tell(RateChosen(arm, norm, choice.rate))
        return []

    def _noise(self, run: Run, metric: float) -> float:
        """Return the standard error of a metric on the validation split; 0 where it is not known."""
        plan = self.plan
        if plan.metric == "accuracy" and plan.train_size:
            return of_accuracy(metric, plan.validation_size or plan.train_size)
        return run.standard_error or 0.0

    def fix_margin(self) -> bool:
        """Fix the margin, and say which arms a grown question opens again; False when the budget is over."""
        if wanted := list(margins.trials(self.store.study(curves=False))):
            self.tell(PhaseStarted("margin"))
            if not self._carry_out(wanted):
                return False
        study = self.store.study(curves=False)
        margin = margins.fix(study)
        if study.margin != margin:
            self.store.add_margin(margin)
        self.tell(MarginFixed(margin))
        if notice := margins.too_fine(study):
            self.tell(Warned(notice))  # kept when runs on the test set say so: these saw validation samples
        if arms := self._reopened(study, margin):
            why = "more comparisons, or another margin or confidence, take more seeds"
            self.warn(Notice("reopened", f"{'; '.join(arms)}: {why}"))
        return True

    def _reopened(self, study: Study, margin: Margin) -> list[str]:
        """Return which arms were decided when the present question was asked, and are not by this one."""
        before = self._before
        if before is None or before.margin is None or (before.plan, before.margin) == (study.plan, margin):
            return []
        then = [run for run in study.runs if run.trial.phase != "test" or run.trial.key in before.by_key]
        return reopened(before, dataclasses.replace(study, margin=margin, runs=tuple(then)))

    def decide(self) -> bool:
        """Make the trials that decide; return False when the budget is over before all are made."""
        race = Race(self.store.study(curves=False))
        self.tell(PhaseStarted("test"))

        def analysed() -> None:
            if race.standings and self.plan.racing:
                self.tell(InterimAnalysis(dict(race.standings), race.at_most))

        def add(run: Run) -> None:
            if race.add(run):
                analysed()

        analysed()
        done = self._carry_out(race, add, race.needs)
        if self.plan.margin is not None and (notice := margins.too_fine(self.store.study(curves=False))):
            self.warn(notice)
        return done

    def _carry_out(
        self, trials: Iterable[Trial], add: Callable[[Run], None] | None = None, needs: Wanted = always
    ) -> bool:
        """Run the trials that are not there yet; return whether all were made before the budget was over."""
        stopped = False

        def wanted() -> Iterator[Trial]:
            nonlocal stopped
            for trial in trials:
                if self.over():
                    stopped = True
                    return
                if trial.key not in self._runs:
                    yield trial

        def still(trial: Trial) -> bool:
            return needs(trial) and not self.over()

        with contextlib.closing(self.runner.run(self.work, wanted(), still)) as happenings:
            for event in happenings:
                match event:
                    case Trial():
                        self._opens = self._opens or event.key
                        self.tell(TrialStarted(event))
                    case EpochFinished():
                        self.tell(event)
                    case Run():
                        self._check_first(event)
                        self.store.add(event)
                        self._runs[event.trial.key] = event
                        self.tell(TrialFinished(event))
                        if add is not None:
                            add(event)
                    case Notice():
                        self.warn(event)
                if self.over():
                    return False
        return not stopped

    def _check_first(self, run: Run) -> None:
        """Stop where a training of the user's fails at its first trial: that is a mistake, not a finding."""
        plan = self.plan
        if run.trial.key != self._opens or any(known.outcome == "finished" for known in self._known.runs):
            return
        if plan.kind == "loop":
            if plan.measure and run.reason.startswith(f"{plan.metric} has no value"):
                raise UserCodeError(
                    f"{run.reason}, with arm {run.trial.arm!r}: a metric returns a finite number"
                )
            return
        ignored = plan.kind == "function" and activation_ignored.never_called(run)
        if ignored and "activation-ignored" not in plan.allow:
            check = CHECKS["activation-ignored"]
            raise ArgumentError(
                f"{plan.task} {activation_ignored.NEVER_CALLED}: {check.remedy} (or --allow {check.code})"
            )
        if run.outcome == "crashed":
            log = self.work.log(run.trial)
            where = "" if log is None else f" (its output is in {log})"
            raise UserCodeError(
                f"the first trial of {plan.task}, with arm {run.trial.arm!r}: {run.reason}{where}"
            )


def _analysed_before(before: Study | None, plan: Plan) -> list[Notice]:
    """Say where a fixed number of seeds was chosen by somebody who had seen what some of them gave."""
    if plan.racing or before is None:
        return []
    text = (
        f"{plan.seeds} seeds were asked for after some of them had been analysed: Student's intervals do not "
        f"allow for that; leave out --seeds for a race, whose intervals do"
    )
    notice = Notice("analysed-before", text)
    other = (before.plan.racing, before.plan.seeds) != (False, plan.seeds) and before.of("test")
    return [notice] if other or notice in before.warnings else []


def _elsewhere(before: Study | None, work: Work) -> list[Notice]:
    """Say in what this session runs elsewhere than the one before it."""
    if before is None or not before.runs:
        return []
    then: Mapping[str, str] = before.environment
    now = work.environment
    changed = [
        f"{name} {then[name]}, now {now[name]}" for name in now if then.get(name, now[name]) != now[name]
    ]
    text = f"continued elsewhere than begun: {'; '.join(changed)}"
    return [Notice("elsewhere", text)] if changed else []
