"""How a study is run: on how many processes, for how long. Nothing here changes any result."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Literal

from rectifiers.records.values import Study
from rectifiers.study import arguments
from rectifiers.study.estimate import estimate
from rectifiers.study.runners import InProcess, Processes, Runner, Threads
from rectifiers.study.work import Work

__all__ = ["Execution", "Settled"]

_WORTH_WORKERS = 6.0  # seconds of training in one process, below which starting others takes longer


@dataclass(frozen=True)
class Execution:
    """How a comparison is run: nothing here changes any result.

    Attributes
    ----------
    jobs : int, optional
        Worker processes, of one thread each. By default as many as there are cores; this process alone where
        that takes a few seconds only, or on an accelerator; one command at a time.
    trial_timeout : float or str, optional
        Seconds (or ``"10min"``) after which a trial counts as crashed.
    budget : float or str, optional
        Seconds (or ``"10min"``) after which the comparison ends with what is decided.
    """

    jobs: int | None = None
    trial_timeout: float | str | None = None
    budget: float | str | None = None

    def __post_init__(self) -> None:
        if self.jobs is not None:
            arguments.whole("jobs", self.jobs, 1)
        self._limits  # noqa: B018  raises for what is no duration

    @property
    def _limits(self) -> tuple[float | None, float | None]:
        """Time-out and budget in seconds."""
        given = {"trial timeout": self.trial_timeout, "budget": self.budget}
        found = [None if value is None else arguments.seconds(name, value) for name, value in given.items()]
        return found[0], found[1]

    def settle(self, work: Work, known: Study | None) -> Settled:
        """Return what is left to do with a study, on how many processes, and how long it takes.

        Parameters
        ----------
        work : Work
        known : Study, optional
            What is there already, of the same protocol.
        """
        timeout, budget = self._limits
        jobs = self.jobs or work.usual_jobs or _cores()
        alone = estimate(work, 1, known)
        if self.jobs is None and timeout is None and alone is not None and alone[0] < _WORTH_WORKERS:
            jobs = 1
        return Settled(jobs, work.parallel, timeout, budget, estimate(work, jobs, known))


@dataclass(frozen=True)
class Settled:
    """An `Execution` with every choice made: seconds as such, and how long it takes usually and at most."""

    jobs: int
    parallel: Literal["processes", "threads"]
    timeout: float | None
    budget: float | None
    estimate: tuple[float, float] | None

    def runner(self) -> Runner:
        """Return who carries out the trials; one with processes is a context manager, which ends them."""
        if self.parallel == "threads":
            return Threads(self.jobs, self.timeout)
        # a trial can be ended from outside only
        return InProcess() if self.jobs == 1 and self.timeout is None else Processes(self.jobs, self.timeout)


def _cores() -> int:
    # what this process may use, which in a container or a job is less than the machine has
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
