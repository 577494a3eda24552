"""How a study is run: on how many processes, for how long. Nothing here changes any result."""

from __future__ import annotations

import os
from dataclasses import dataclass

from rectifiers.errors import ArgumentError
from rectifiers.records.values import Study
from rectifiers.study import arguments
from rectifiers.study.estimate import estimate
from rectifiers.study.prepared import Prepared

__all__ = ["Execution", "Settled"]

_WORTH_WORKERS = 6.0  # seconds of training in one process, below which starting others takes longer


@dataclass(frozen=True)
class Execution:
    """How a comparison is run: nothing here changes any result.

    Attributes
    ----------
    jobs : int, optional
        Worker processes, of one thread each. By default as many as there are cores; this process alone where
        that takes a few seconds only, or on an accelerator.
    trial_timeout : float or str, optional
        Seconds (or ``"10min"``) after which a trial counts as crashed; needs `jobs` of at least 2.
    budget : float or str, optional
        Seconds (or ``"10min"``) after which the comparison ends with what is decided.
    """

    jobs: int | None = None
    trial_timeout: float | str | None = None
    budget: float | str | None = None

    def __post_init__(self) -> None:
        if self.jobs is not None:
            arguments.whole("jobs", self.jobs, 1)
        timeout, _ = self._limits
        if timeout is not None and self.jobs == 1:
            raise ArgumentError("a trial timeout needs worker processes, but got jobs=1: use at least 2")

    @property
    def _limits(self) -> tuple[float | None, float | None]:
        """Time-out and budget in seconds."""
        given = {"trial timeout": self.trial_timeout, "budget": self.budget}
        found = [None if value is None else arguments.seconds(name, value) for name, value in given.items()]
        return found[0], found[1]

    def settle(self, prepared: Prepared, known: Study | None) -> Settled:
        """Return what is left to do with a study, on how many processes, and how long it takes.

        Parameters
        ----------
        prepared : Prepared
        known : Study, optional
            What is there already, of the same protocol.
        """
        timeout, budget = self._limits
        jobs = self.jobs or (_cores() if prepared.device.type == "cpu" else 1)
        alone, _ = estimate(prepared, 1, known)
        if timeout is not None:
            jobs = max(2, jobs)
        elif self.jobs is None and alone < _WORTH_WORKERS:
            jobs = 1
        return Settled(jobs, timeout, budget, *estimate(prepared, jobs, known))


@dataclass(frozen=True)
class Settled:
    """An `Execution` with every choice made: seconds as such, and how long the study takes by estimate."""

    jobs: int
    timeout: float | None
    budget: float | None
    seconds: float
    at_most: float


def _cores() -> int:
    # what this process may use, which in a container or a job is less than the machine has
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
