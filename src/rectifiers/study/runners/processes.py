"""Trials on worker processes of this machine, one thread each."""

from __future__ import annotations

import dataclasses
import multiprocessing
import os
import queue
import sys
import threading
import types
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import Future, TimeoutError
from contextlib import contextmanager
from multiprocessing.connection import wait
from multiprocessing.context import SpawnContext, SpawnProcess
from typing import Any, Self

from rectifiers.arms import code_identity
from rectifiers.errors import ArgumentError, error_line
from rectifiers.records.events import EpochFinished
from rectifiers.records.values import Notice, Plan, Run, Trial
from rectifiers.study.prepared import Prepared
from rectifiers.study.runners.in_process import InProcess
from rectifiers.study.training import crashed, train

__all__ = ["Processes"]

_LONGEST_START = 120.0  # seconds: torch on a slow disk
_TICK = 0.2  # seconds between two chances to stop
_DATA = ("data", "x", "y")  # what is shared and not sent


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
        self._prepared: Prepared | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """End the workers, whatever they are doing."""
        if self._pool is not None:
            self._pool.stop()
            self._pool.join()
        self._pool = self._reason = self._prepared = None

    def run(
        self, prepared: Prepared, trials: Iterable[Trial]
    ) -> Generator[Trial | EpochFinished | Run | Notice | None]:
        """Carry out `trials`; see `Runner.run`."""
        if self._prepared is not prepared:
            self.close()
            self._prepared, self._reason = prepared, self._start(prepared)
            if self._reason is not None:
                yield Notice("in-process", f"trials run in this process, one by one: {self._reason}")
        if self._pool is None:
            yield from InProcess().run(prepared, trials)
            return
        source = iter(trials)
        waiting: dict[Future[Run], Trial] = {}
        finished: queue.SimpleQueue[Future[Run]] = queue.SimpleQueue()
        try:
            while True:
                # one more than there are processes, so that none waits for the next
                while len(waiting) <= self.jobs and (trial := next(source, None)) is not None:
                    future = self._pool.schedule(_work, args=(trial,), timeout=self.timeout)
                    waiting[future] = trial
                    future.add_done_callback(finished.put)
                    yield trial
                if not waiting:
                    return
                try:
                    future = finished.get(timeout=_TICK)
                except queue.Empty:
                    yield None
                    continue
                yield self._outcome(prepared, waiting.pop(future), future)
        finally:
            for future in waiting:
                future.cancel()

    def _outcome(self, prepared: Prepared, trial: Trial, future: Future[Run]) -> Run:
        from pebble import ProcessExpired

        try:
            return future.result()
        except TimeoutError:
            return crashed(prepared, trial, f"took longer than {self.timeout:g} s (--trial-timeout)")
        except ProcessExpired as error:
            return crashed(prepared, trial, f"its process ended unexpectedly (exit code {error.exitcode})")

    def _start(self, prepared: Prepared) -> str | None:
        """Start the workers; return why that is impossible, or None."""
        import cloudpickle
        from pebble import ProcessPool

        try:
            with _by_value(prepared):
                nothing: dict[str, Any] = dict.fromkeys(_DATA)
                payload = cloudpickle.dumps(dataclasses.replace(prepared, **nothing))
        except Exception as error:  # noqa: BLE001  pickling the user's objects may raise anything
            return f"the arms or the model cannot be sent to another ({error_line(error, 200)})"
        for tensor in (prepared.x, prepared.y):
            tensor.share_memory_()  # type: ignore[no-untyped-call]
        pool: Any = ProcessPool(
            max_workers=self.jobs,
            initializer=_begin,
            initargs=(payload, {name: getattr(prepared, name) for name in _DATA}),
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
    """A spawned process that does not run the caller's script again, which need not be guarded for that."""

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
def _by_value(prepared: Prepared) -> Iterator[None]:
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

_prepared: Prepared | None = None
_problem: str | None = None


def _begin(payload: bytes, data: dict[str, Any]) -> None:
    global _prepared, _problem
    threading.Thread(target=_end_with_parent, daemon=True).start()
    import cloudpickle

    try:
        _prepared = dataclasses.replace(cloudpickle.loads(payload), **data)
        _problem = _changed(_prepared.plan)
    except Exception as error:  # noqa: BLE001  rebuilding the user's objects may raise anything
        _problem = f"the arms or the model cannot be rebuilt in another ({error_line(error, 200)})"


def _changed(plan: Plan) -> str | None:
    """Return what is another model here than where it was sent from; arms find that out by themselves."""
    if plan.model_code in (None, "") or "__main__:" in plan.model:
        return None
    if code_identity(plan.model, parts=True) == plan.model_code:
        return None
    return f"{plan.model} is another one there: its module was changed after it was imported"


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)


def _refused() -> str | None:
    return _problem


def _work(trial: Trial) -> Run:
    assert _prepared is not None
    *_, run = train(_prepared, trial)
    if not isinstance(run, Run):
        raise ArgumentError(f"a trial ends with its record, but got {type(run).__name__}")
    return run
