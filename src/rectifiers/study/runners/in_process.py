"""One trial after the other, in this process."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Generator, Iterable, Iterator
from typing import Any

from rectifiers.records.events import EpochFinished
from rectifiers.records.values import Run, Trial
from rectifiers.study.work import Wanted, Work, always

__all__ = ["InProcess", "interruptions"]

_INTERRUPTING = ("SIGINT", "SIGTERM", "SIGHUP")


class InProcess:
    """The runner that needs nothing: trials in the order given, in the calling thread."""

    def run(
        self, work: Work, trials: Iterable[Trial], wanted: Wanted = always
    ) -> Generator[Trial | EpochFinished | Run]:
        """Carry out `trials`; see `Runner.run`."""
        with interruptions() as interrupt:
            for trial in trials:
                yield trial
                for told in work.train(trial, wanted):
                    interrupt()
                    yield told


@contextlib.contextmanager
def interruptions() -> Iterator[Any]:
    """Give a function that raises `KeyboardInterrupt` where an interruption has come and was swallowed.

    A training may catch it and return what it has, or exit, as Lightning does: none of that is its result.
    """
    came, before = list[int](), dict[int, Any]()

    def note(number: int, frame: Any) -> None:
        came.append(number)
        before[number](number, frame)

    def interrupt() -> None:
        if came:
            raise KeyboardInterrupt

    if threading.current_thread() is threading.main_thread():
        for number in (getattr(signal, name) for name in _INTERRUPTING if hasattr(signal, name)):
            if callable(handler := signal.getsignal(number)):
                before[number] = handler
                signal.signal(number, note)
    try:
        yield interrupt
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
