"""One trial after the other, in this process."""

from __future__ import annotations

from collections.abc import Generator, Iterable

from rectifiers.records.events import EpochFinished
from rectifiers.records.values import Run, Trial
from rectifiers.study.prepared import Prepared
from rectifiers.study.training import train

__all__ = ["InProcess"]


class InProcess:
    """The runner that needs nothing: trials in the order given, in the calling thread."""

    def run(self, prepared: Prepared, trials: Iterable[Trial]) -> Generator[Trial | EpochFinished | Run]:
        """Carry out `trials`; see `Runner.run`."""
        for trial in trials:
            yield trial
            yield from train(prepared, trial)
