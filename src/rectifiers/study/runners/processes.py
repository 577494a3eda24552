"""Trials on worker processes of this machine, one thread each."""

from __future__ import annotations

import dataclasses
import math
import multiprocessing
import os
import queue
import re
import signal
import sys
import tempfile
import threading
import time
import types
import warnings
from collections import Counter
from collections.abc import Generator, Iterable
from concurrent.futures import CancelledError, Future
from concurrent.futures.process import BrokenProcessPool
from itertools import chain
from multiprocessing import resource_tracker
from multiprocessing.connection import wait
from multiprocessing.context import SpawnContext, SpawnProcess
from pathlib import Path
from typing import Any, Self

from rectifiers._warnings import Once
from rectifiers.errors import error_line
from rectifiers.records.events import EpochFinished
from rectifiers.records.values import Notice, Run, Trial
from rectifiers.study.runners.in_process import InProcess
from rectifiers.study.runners.parcels import by_value
from rectifiers.study.work import TRIES, Wanted, Work, always

__all__ = ["Processes", "limit"]

_LONGEST_START = 120.0  # seconds: torch on a slow disk
_INTERRUPT, _MASKS = {signal.SIGINT}, hasattr(signal, "pthread_sigmask")  # Windows has no masks
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
    memory : int, optional
        Bytes a process may take beyond what it has when it begins: asking for more fails, and ends the trial.
    """

    def __init__(self, jobs: int, timeout: float | None = None, memory: int | None = None) -> None:
        self.jobs, self.timeout, self.memory = jobs, timeout, memory
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
        from pebble import ProcessExpired

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
        since: dict[Future[Run | None], float] = {}  # when they were first seen to run
        again: list[Trial] = []
        begun, lost = set[str](), Counter[str]()
        finished: queue.SimpleQueue[Future[Run | None]] = queue.SimpleQueue()
        try:
            while True:
                # one more than there are processes, so that none waits for the next
                while len(waiting) <= self.jobs:
                    trial = again.pop() if again else next(source, None)
                    if trial is None:
                        break
                    try:
                        future = self._pool.schedule(_carry_out, args=(trial,))
                    except RuntimeError as error:  # all processes have died
                        future = Future()
                        future.set_exception(BrokenProcessPool(str(error)))
                    waiting[future] = trial
                    future.add_done_callback(finished.put)
                    if trial.key not in begun:
                        begun.add(trial.key)
                        yield trial
                if not waiting:
                    return
                self._end_late(waiting, since)
                try:
                    future = finished.get(timeout=_TICK)
                except queue.Empty:
                    for trial in waiting.values():
                        if not wanted(trial):
                            (stops / trial.key).touch()
                    yield None
                    continue
                trial = waiting.pop(future)
                since.pop(future, None)
                restart = False
                try:
                    yield future.result()
                except CancelledError:
                    yield work.lost(trial, f"took longer than {self.timeout:g} s (--trial-timeout)")
                except ProcessExpired as error:
                    lost[trial.key] += 1
                    if lost[trial.key] < TRIES:
                        again.append(trial)
                    else:
                        code = f"exit code {error.exitcode}"
                        yield work.lost(trial, f"its process ended unexpectedly ({code}) on {TRIES} tries")
                    restart = error.exitcode == -signal.SIGKILL
                except BrokenProcessPool:
                    again.append(trial)
                    restart = True
                if restart:  # whoever was killed from outside may have held what the others wait for
                    again += waiting.values()
                    waiting.clear()
                    finished = queue.SimpleQueue()
                    self.close()
                    self._work, self._reason = work, self._start(work)
                    if self._pool is None or self._stops is None:
                        yield from InProcess().run(work, chain(again, source), wanted)
                        return
                    stops = Path(self._stops.name)
        finally:
            for future in waiting:
                future.cancel()

    def _end_late(self, running: Iterable[Future[Any]], since: dict[Future[Any], float]) -> None:
        """End trials that take too long, by a clock that no one sets and that stops while the machine sleeps.

        Pebble's own timeouts go by the time of day.
        """
        now, limit = time.monotonic(), math.inf if self.timeout is None else self.timeout
        for future in [*running]:
            if future.running() and now - since.setdefault(future, now) > limit:
                future.cancel()

    def _start(self, work: Work) -> str | None:
        """Start the workers; return why that is impossible, or None."""
        import cloudpickle
        from pebble import ProcessPool

        shared = work.shared
        try:
            with by_value():
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
            initargs=(payload, dict(shared), self._stops.name, self.memory),
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
    with this process all the same, which it watches. Ctrl-C is this process's to answer: a worker ignores it
    once it runs, and it waits while the worker starts, which would end in a traceback.
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
        resource_tracker.ensure_running()  # whose own start would let signals through
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _INTERRUPT) if _MASKS else set()
        try:
            super().start()
        finally:
            if _MASKS:
                signal.pthread_sigmask(signal.SIG_SETMASK, before)
            sys.modules["__main__"] = main


class _Context(SpawnContext):
    Process = _Process


# What follows runs in a worker.

_work: Work | None = None
_stops = Path()
_problem: str | None = None


def _begin(payload: bytes, shared: dict[str, Any], stops: str, memory: int | None) -> None:
    global _work, _stops, _problem
    if _MASKS:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _INTERRUPT)  # it is ignored by now
    threading.Thread(target=_end_with_parent, daemon=True).start()
    warnings.showwarning = Once(warnings.showwarning)
    import cloudpickle

    try:
        _work, _stops = dataclasses.replace(cloudpickle.loads(payload), **shared), Path(stops)
        _problem = _work.changed()
        if memory is not None:
            limit(memory)
    except Exception as error:  # noqa: BLE001  rebuilding the user's objects may raise anything
        _problem = f"the arms or the model cannot be rebuilt in another ({error_line(error, 200)})"


def limit(memory: int | None) -> None:
    """Let this process take so much memory more; on None, as much as the system lets it."""
    if not sys.platform.startswith("linux"):
        return
    import resource

    said = re.search(r"^VmData:\s*(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    assert said is not None
    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    least = most if memory is None else 1024 * int(said[1]) + memory
    resource.setrlimit(resource.RLIMIT_DATA, (least, most))


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
