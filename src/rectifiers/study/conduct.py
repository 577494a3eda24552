"""Carry out a plan: tune, choose, test; everything finished is on disk before anyone hears of it."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence

from rectifiers.records.events import (
    EpochFinished,
    Handler,
    PhaseStarted,
    RateChosen,
    StudyFinished,
    StudyStarted,
    TrialFinished,
    TrialStarted,
    Warned,
)
from rectifiers.records.store import Store
from rectifiers.records.values import Phase, Run, Study, Trial
from rectifiers.study.prepared import Prepared
from rectifiers.study.rates import choose
from rectifiers.study.runners import InProcess, Runner
from rectifiers.study.trials import count, deciding_trials, tuning_trials

__all__ = ["run"]


def run(
    prepared: Prepared,
    store: Store,
    on_event: Handler | None = None,
    *,
    command: str = "",
    runner: Runner | None = None,
) -> Study:
    """Carry out a plan, or what is left of it.

    May be stopped anywhere, by Ctrl-C, by an exception out of `on_event`, by ``kill -9``: the same call again
    goes on after the last finished trial and ends with the same metrics as one that was never stopped.

    Parameters
    ----------
    prepared : Prepared
        From `make_plan`.
    store : Store
        Open for writing: empty, or holding runs of the same plan.
    on_event : callable, optional
        Receives each event (`rectifiers.records.events`); what it raises stops the study.
    command : str
        The command that reproduces the study, for the record.
    runner : Runner, optional
        Who carries out the trials; by default this process, one after the other.

    Returns
    -------
    Study

    Raises
    ------
    PlanMismatchError
        If the store holds a study of another plan.
    StoreError
        If the disk refuses.
    """
    plan = prepared.plan
    store.write_plan(plan, prepared.environment, command)
    conductor = _Conductor(
        prepared, store, _ignore if on_event is None else on_event, InProcess() if runner is None else runner
    )
    conductor.tell(
        StudyStarted(plan, count(plan, "tune") + count(plan, "test"), done=len(conductor.known.runs))
    )
    for text in (*prepared.warnings, *_elsewhere(conductor.known, prepared)):
        conductor.warn(text)
    rates = conductor.tune() if plan.tuned else _given(prepared)
    conductor.test(rates)
    study = store.study()
    conductor.tell(StudyFinished(study))
    return study


class _Conductor:
    """The state of one session."""

    def __init__(self, prepared: Prepared, store: Store, tell: Handler, runner: Runner) -> None:
        self.prepared, self.store, self.tell, self.runner = prepared, store, tell, runner
        self.known = store.study()
        self.runs = {run.trial.key: run for run in self.known.runs}

    def warn(self, text: str) -> None:
        if self.store.add_warning(text):
            self.tell(Warned(text))

    def tune(self) -> Mapping[tuple[str, str], float]:
        """Choose every cell's rate, cell by cell."""
        plan, rates = self.prepared.plan, dict(self.known.rates)
        total = count(plan, "tune")
        self.tell(PhaseStarted("tune", total, done=self._done("tune")))
        before = 0
        for norm in plan.norms:
            for arm in plan.arms:
                trials = tuning_trials(plan, arm.label, norm)
                self._carry_out(trials, before, total)
                before += len(trials)
                if (arm.label, norm) in rates:
                    continue
                runs = [self.runs[trial.key] for trial in trials]
                choice = choose(arm.label, norm, plan.learning_rates, runs)
                if choice.warning:
                    self.warn(choice.warning)
                self.store.add_rate(arm.label, norm, choice.rate, at_edge=choice.at_edge)
                rates[arm.label, norm] = choice.rate
                self.tell(RateChosen(arm.label, norm, choice.rate, choice.at_edge))
        return rates

    def test(self, rates: Mapping[tuple[str, str], float]) -> None:
        """Make the trials that decide."""
        trials = deciding_trials(self.prepared.plan, rates)
        self.tell(PhaseStarted("test", len(trials), done=self._done("test")))
        self._carry_out(trials, 0, len(trials))

    def _carry_out(self, trials: Sequence[Trial], before: int, total: int) -> None:
        places = {trial.key: before + i for i, trial in enumerate(trials)}
        missing = [trial for trial in trials if trial.key not in self.runs]
        with contextlib.closing(self.runner.run(self.prepared, missing)) as happenings:
            for event in happenings:
                match event:
                    case Trial():
                        self.tell(TrialStarted(event, places[event.key], total))
                    case EpochFinished():
                        self.tell(event)
                    case Run():
                        self.store.add(event)
                        self.runs[event.trial.key] = event
                        self.tell(TrialFinished(event, places[event.trial.key], total))

    def _done(self, phase: Phase) -> int:
        return sum(run.trial.phase == phase for run in self.known.runs)


def _given(prepared: Prepared) -> Mapping[tuple[str, str], float]:
    plan = prepared.plan
    (rate,) = plan.learning_rates
    return {(arm.label, norm): rate for norm in plan.norms for arm in plan.arms}


def _elsewhere(known: Study, prepared: Prepared) -> list[str]:
    """Say in what this session runs elsewhere than the one that began the study."""
    if not known.runs:
        return []
    then, now = known.environment, prepared.environment
    changed = [
        f"{name} {then[name]}, now {now[name]}" for name in now if then.get(name, now[name]) != now[name]
    ]
    return [f"continued elsewhere than begun: {'; '.join(changed)}"] if changed else []


def _ignore(event: object) -> None:
    pass
