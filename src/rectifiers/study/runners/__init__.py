"""Who carries out trials: this process, several others, or whatever else keeps the promises of `Runner`."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from typing import Protocol

from rectifiers.records.events import EpochFinished
from rectifiers.records.values import Notice, Run, Trial
from rectifiers.study.runners.in_process import InProcess
from rectifiers.study.runners.processes import Processes
from rectifiers.study.runners.ray import Ray
from rectifiers.study.runners.threads import Threads
from rectifiers.study.work import Wanted, Work

__all__ = ["InProcess", "Processes", "Ray", "Runner", "Threads"]


class Runner(Protocol):
    """Carries out trials.

    A runner knows nothing of the store, nor of which trials were made before. It promises that a trial's
    record depends on the trial and the work alone: not on the other trials, their order, or on what was
    interrupted.
    """

    def run(
        self, work: Work, trials: Iterable[Trial], wanted: Wanted = ...
    ) -> Generator[Trial | EpochFinished | Run | Notice | None]:
        """Carry out `trials`, which are drawn one by one as there is room for them: a run may change what
        follows. A trial under way that is not `wanted` any more may be stopped.

        Yields
        ------
        Trial
            When it begins, or waits for a free process.
        EpochFinished
            When a trial is an epoch further; a runner that cannot tell leaves it out.
        Run
            When a trial is over: exactly one for each that was not stopped, in any order. A trial that fails
            has a record that says so; nothing a model or an activation raises ends the iteration.
        Notice
            What the reader of the result must know of how the trials were run.
        None
            Now and then while nothing happens, so that whoever iterates may stop.

        Notes
        -----
        Closing the iterator stops the work; what has not been yielded is lost.
        """
        ...
