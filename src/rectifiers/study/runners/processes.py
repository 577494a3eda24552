"""Trials on worker processes of this machine, one thread each."""

from __future__ import annotations

import dataclasses
import multiprocessing
import os
import queue
import sys
import tempfile
import threading
import types
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import Future, TimeoutError
from contextlib import contextmanager
from multiprocessing.connection import wait
from multiprocessing.context import SpawnContext, SpawnProcess
from pathlib import Path
from typing import Any, Self

from rectifiers.errors import error_line
from rectifiers.records.events import EpochFinished
from rectifiers.records.values import Notice, Run, Trial
from rectifiers.study.runners.in_process import InProcess
from rectifiers.study.work import Wanted, Work, always

__all__ = ["Processes"]

_LONGEST_START = 120.0  # seconds: torch on a slow disk
_TICK = 0.2  # seconds between two chances to stop


class Processes:
    """A runner that keeps worker processes from one call of `run` to the next; a context manager.

    Workers are spawned, share the data, and end with this process, however it ends. What cannot travel to
    another process (an open file in an arm, say) runs in this one, and a `Notice` says why.

    Parameters
    ----------
    jobs : int
        Number of processes.
    timeout : float, optional
        Seconds after which a trial counts as crashed and its process is replaced.
    """

    def __init__(self, jobs: int, timeout: float | None = None) -> None:
        self.jobs, self.timeout = jobs, timeout
        self._pool: Any = None
        self._reason: str | None = None
        self._work: Work | None = None
        self._stops: tempfile.TemporaryDirectory[str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """End the workers, whatever they are doing."""
        if self._pool is not None:
            self._pool.stop()
            self._pool.join()
        if self._stops is not None:
            self._stops.cleanup()
        self._pool = self._reason = self._work = self._stops = None

    def run(
        self, work: Work, trials: Iterable[Trial], wanted: Wanted = always
    ) -> Generator[Trial | EpochFinished | Run | Notice | None]:
        """Carry out `trials`; see `Runner.run`."""
        if self._work is not work:
            self.close()
            self._work, self._reason = work, self._start(work)
            if self._reason is not None:
                yield Notice("in-process", f"trials run in this process, one by one: {self._reason}")
        if self._pool is None or self._stops is None:
            yield from InProcess().run(work, trials, wanted)
            return
        source, stops = iter(trials), Path(self._stops.name)
        waiting: dict[Future[Run | None], Trial] = {}
        finished: queue.SimpleQueue[Future[Run | None]] = queue.SimpleQueue()
        try:
            while True:
                # one more than there are processes, so that none waits for the next
                while len(waiting) <= self.jobs and (trial := next(source, None)) is not None:
                    future = self._pool.schedule(_carry_out, args=(trial,), timeout=self.timeout)
                    waiting[future] = trial
                    future.add_done_callback(finished.put)
                    yield trial
                if not waiting:
                    return
                try:
                    future = finished.get(timeout=_TICK)
                except queue.Empty:
                    for trial in waiting.values():
                        if not wanted(trial):
                            (stops / trial.key).touch()
                    yield None
                    continue
                yield self._outcome(work, waiting.pop(future), future)
        finally:
            for future in waiting:
                future.cancel()

    def _outcome(self, work: Work, trial: Trial, future: Future[Run | None]) -> Run | None:
        from pebble import ProcessExpired

        try:
            return future.result()
        except TimeoutError:
            return work.lost(trial, f"took longer than {self.timeout:g} s (--trial-timeout)")
        except ProcessExpired as error:
            return work.lost(trial, f"its process ended unexpectedly (exit code {error.exitcode})")

    def _start(self, work: Work) -> str | None:
        """Start the workers; return why that is impossible, or None."""
        import cloudpickle
        from pebble import ProcessPool

        shared = work.shared
        try:
            with _by_value():
                kept: Any = work
                payload = cloudpickle.dumps(dataclasses.replace(kept, **dict.fromkeys(shared)))
        except Exception as error:  # noqa: BLE001  pickling the user's objects may raise anything
            return f"the arms or the model cannot be sent to another ({error_line(error, 200)})"
        for tensor in shared.values():
            if hasattr(tensor, "share_memory_"):
                tensor.share_memory_()
        self._stops = tempfile.TemporaryDirectory(prefix="rectifiers-")
        pool: Any = ProcessPool(
            max_workers=self.jobs,
            initializer=_begin,
            initargs=(payload, dict(shared), self._stops.name),
            context=_Context(),
        )
        try:
            # a worker that dies while it starts is started again, for ever
            refused: str | None = pool.schedule(_refused).result(timeout=_LONGEST_START)
        except BaseException as error:
            pool.stop()
            pool.join()
            if isinstance(error, Exception):
                return f"no worker process could be started ({error_line(error, 200)})"
            raise
        if refused is not None:
            pool.stop()
            pool.join()
            return refused
        self._pool = pool
        return None


class _Process(SpawnProcess):
    """A spawned process that does not run the caller's script again, which need not be guarded for that.

    It is no daemon, so that a training may start processes of its own (a `DataLoader` with workers); it ends
    with this process all the same, which it watches.
    """

    @property
    def daemon(self) -> bool:
        """Always False: whoever asks for one gets none."""
        return False

    @daemon.setter
    def daemon(self, value: bool) -> None:
        pass

    def start(self) -> None:
        main = sys.modules["__main__"]
        sys.modules["__main__"] = types.ModuleType("__main__")
        try:
            super().start()
        finally:
            sys.modules["__main__"] = main


class _Context(SpawnContext):
    Process = _Process


@contextmanager
def _by_value() -> Iterator[None]:
    """While the block runs, pickle what comes from files that no other process can import as what it is."""
    import cloudpickle

    modules = [module for name, module in sys.modules.items() if name.startswith("rectifiers_user_")]
    for module in modules:
        cloudpickle.register_pickle_by_value(module)
    try:
        yield
    finally:
        for module in modules:
            cloudpickle.unregister_pickle_by_value(module)


# What follows runs in a worker.

_work: Work | None = None
_stops = Path()
_problem: str | None = None


def _begin(payload: bytes, shared: dict[str, Any], stops: str) -> None:
    global _work, _stops, _problem
    threading.Thread(target=_end_with_parent, daemon=True).start()
    import cloudpickle

    try:
        _work, _stops = dataclasses.replace(cloudpickle.loads(payload), **shared), Path(stops)
        _problem = _work.changed()
    except Exception as error:  # noqa: BLE001  rebuilding the user's objects may raise anything
        _problem = f"the arms or the model cannot be rebuilt in another ({error_line(error, 200)})"


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)


def _refused() -> str | None:
    return _problem


def _carry_out(trial: Trial) -> Run | None:
    assert _work is not None
    told = list(_work.train(trial, lambda trial: not (_stops / trial.key).exists()))
    return told[-1] if told and isinstance(told[-1], Run) else None
