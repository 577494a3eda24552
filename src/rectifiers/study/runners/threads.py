"""Trials that start processes of their own, several at a time, each watched by a thread."""

from __future__ import annotations

import math
import queue
import time
from collections.abc import Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor

from rectifiers.records.events import EpochFinished
from rectifiers.records.values import Run, Trial
from rectifiers.study.work import Wanted, Work, always

__all__ = ["Threads"]

_TICK = 0.2  # seconds between two chances to stop


class Threads:
    """A runner for work whose trials wait for other processes, such as commands.

    Parameters
    ----------
    jobs : int
        Trials at a time.
    timeout : float, optional
        Seconds after which a trial counts as crashed.
    """

    def __init__(self, jobs: int, timeout: float | None = None) -> None:
        self.jobs, self.timeout = jobs, math.inf if timeout is None else timeout

    def run(
        self, work: Work, trials: Iterable[Trial], wanted: Wanted = always
    ) -> Generator[Trial | EpochFinished | Run | None]:
        """Carry out `trials`; see `Runner.run`."""
        source, waiting, closed = iter(trials), set[Future[Run | None]](), False
        finished: queue.SimpleQueue[Future[Run | None]] = queue.SimpleQueue()

        def carry_out(trial: Trial) -> Run | None:
            end, late = time.monotonic() + self.timeout, False

            def still(trial: Trial) -> bool:
                nonlocal late  # not where nobody waits any more, however long it takes to end
                needed = wanted(trial) and not closed
                late = needed and time.monotonic() >= end
                return needed and not late

            told = list(work.train(trial, still))
            if told and isinstance(told[-1], Run):
                return told[-1]
            return (
                work.lost(trial, f"took longer than {self.timeout:g} s (--trial-timeout)") if late else None
            )

        pool = ThreadPoolExecutor(self.jobs)
        try:
            while True:
                while len(waiting) < self.jobs and (trial := next(source, None)) is not None:
                    yield trial
                    future = pool.submit(carry_out, trial)
                    waiting.add(future)
                    future.add_done_callback(finished.put)
                if not waiting:
                    return
                try:
                    future = finished.get(timeout=_TICK)
                except queue.Empty:
                    yield None
                    continue
                waiting.remove(future)
                yield future.result()
        finally:
            closed = True  # whoever waits for a process ends it
            pool.shutdown(cancel_futures=True)
