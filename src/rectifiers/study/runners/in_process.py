"""One trial after the other, in this process."""

from __future__ import annotations

from collections.abc import Generator, Iterable

from rectifiers.records.events import EpochFinished
from rectifiers.records.values import Run, Trial
from rectifiers.study.work import Wanted, Work, always

__all__ = ["InProcess"]


class InProcess:
    """The runner that needs nothing: trials in the order given, in the calling thread."""

    def run(
        self, work: Work, trials: Iterable[Trial], wanted: Wanted = always
    ) -> Generator[Trial | EpochFinished | Run]:
        """Carry out `trials`; see `Runner.run`."""
        for trial in trials:
            yield trial
            yield from work.train(trial, wanted)
