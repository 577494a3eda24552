"""How a study is run: on how many processes, for how long. Nothing here changes any result."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Literal

from rectifiers.errors import ArgumentError, ArgumentTypeError
from rectifiers.records.values import Study
from rectifiers.study import arguments
from rectifiers.study.estimate import estimate
from rectifiers.study.runners import InProcess, Processes, Ray, Runner, Threads
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
    memory_per_trial : int or str, optional
        Bytes (or ``"2GB"``) beyond which a trial has crashed; on Linux. Without, one that fills the memory
        may take other programs with it.
    runner : rectifiers.runners.Ray, optional
        Carries out the trials on this machine or on a cluster, where `jobs` is how many tasks at a time.
    """

    jobs: int | None = None
    trial_timeout: float | str | None = None
    budget: float | str | None = None
    memory_per_trial: int | str | None = None
    runner: Ray | None = None

    def __post_init__(self) -> None:
        if self.jobs is not None:
            arguments.whole("jobs", self.jobs, 1)
        if not (self.runner is None or isinstance(self.runner, Ray)):
            raise ArgumentTypeError(f"a runner is rectifiers.runners.Ray(), but got {self.runner!r:.80}")
        self._limits, self._memory  # noqa: B018  raise for what is no duration or amount

    @property
    def _limits(self) -> tuple[float | None, float | None]:
        """Time-out and budget in seconds."""
        given = {"trial timeout": self.trial_timeout, "budget": self.budget}
        found = [None if value is None else arguments.seconds(name, value) for name, value in given.items()]
        return found[0], found[1]

    @property
    def _memory(self) -> int | None:
        if self.memory_per_trial is None:
            return None
        if not sys.platform.startswith("linux"):
            raise ArgumentError("a limit of memory needs Linux: leave out --memory-per-trial")
        return arguments.memory("memory per trial", self.memory_per_trial)

    def settle(self, work: Work, known: Study | None) -> Settled:
        """Return what is left to do with a study, on how many processes, and how long it takes.

        Parameters
        ----------
        work : Work
        known : Study, optional
            What is there already, of the same protocol.
        """
        timeout, budget = self._limits
        if self._memory is not None and work.parallel != "processes":
            raise ArgumentError(
                "a limit of memory holds for worker processes: leave it out; a command limits its own"
            )
        if self.runner is not None:
            if work.parallel != "processes":
                raise ArgumentError(
                    "Ray takes the built-in loop and training functions to its nodes, but got a command: use "
                    "--train, or leave out the runner"
                )
            ray = replace(self.runner, jobs=self.jobs, timeout=timeout, memory=self._memory)
            return Settled(1, work.parallel, timeout, budget, estimate(work, 1, known), ray)
        jobs = self.jobs or work.usual_jobs or _cores()
        alone = estimate(work, 1, known)
        free = self.jobs is None and timeout is None and self._memory is None
        if free and alone is not None and alone[0] < _WORTH_WORKERS:
            jobs = 1
        return Settled(jobs, work.parallel, timeout, budget, estimate(work, jobs, known), memory=self._memory)


@dataclass(frozen=True)
class Settled:
    """An `Execution` with every choice made: seconds as such, and how long it takes usually and at most."""

    jobs: int
    parallel: Literal["processes", "threads"]
    timeout: float | None
    budget: float | None
    estimate: tuple[float, float] | None
    ray: Ray | None = None
    memory: int | None = None

    @property
    def where(self) -> str:
        """On what, in words."""
        if self.ray is not None:
            return "Ray (times are for one processor)"
        return "1 process" if self.jobs == 1 else f"{self.jobs} processes"

    @contextmanager
    def runner(self) -> Iterator[Runner]:
        """Give who carries out the trials while the block runs; its processes end with it."""
        if self.ray is not None:
            with self.ray as runner:
                yield runner
        elif self.parallel == "threads":
            yield Threads(self.jobs, self.timeout)
        elif self.jobs == 1 and self.timeout is None and self.memory is None:
            yield InProcess()
        else:  # which can end a trial from outside
            with Processes(self.jobs, self.timeout, self.memory) as workers:
                yield workers


def _cores() -> int:
    # what this process may use, which in a container or a job is less than the machine has
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
