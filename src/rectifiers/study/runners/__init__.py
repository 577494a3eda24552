"""Who carries out trials: this process, or whatever else keeps the promises of `Runner`."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Protocol

from rectifiers.records.events import EpochFinished
from rectifiers.records.values import Run, Trial
from rectifiers.study.prepared import Prepared
from rectifiers.study.runners.in_process import InProcess

__all__ = ["InProcess", "Runner"]


class Runner(Protocol):
    """Carries out trials.

    A runner knows nothing of the store, nor of which trials were made before. It promises that a trial's
    record depends on the trial and the prepared plan alone: not on the other trials, their order, or on
    what was interrupted.
    """

    def run(self, prepared: Prepared, trials: Sequence[Trial]) -> Generator[Trial | EpochFinished | Run]:
        """Carry out `trials`, in any order.

        Yields
        ------
        Trial
            When it begins.
        EpochFinished
            When a trial is an epoch further; a runner that cannot tell leaves it out.
        Run
            When a trial is over: exactly one for each. A trial that fails has a record that says so;
            nothing a model or an activation raises ends the iteration.

        Notes
        -----
        Closing the iterator stops the work; what has not been yielded is lost.
        """
        ...
