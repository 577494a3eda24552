"""What the driver of a study on Ray tells the processes of its nodes, and how they hear of it."""

from __future__ import annotations

import _thread
import asyncio
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any, Self

from rectifiers.errors import MissingDependencyError
from rectifiers.records.events import EpochFinished
from rectifiers.records.values import Run

__all__ = ["FORGET", "KILL", "STOP", "Stoppable", "helper", "ray_module"]

STOP, KILL, FORGET = "stop", "kill", "forget"  # what the process of a task is told; it has ended


def ray_module() -> Any:
    """Import Ray, which is an extra."""
    hook = sys.excepthook
    try:
        import ray
    except ImportError:
        raise MissingDependencyError("the runner needs Ray: pip install 'rectifiers[ray]'") from None
    sys.excepthook = hook  # Ray's own waits for a head that has gone before it shows an error
    return ray


def helper() -> Any:
    """Start an actor on the driver's node for what may end a process that does it itself (Ray 2.60).

    It tells tasks to stop: `ray.cancel` fails as one that never ran a task that ends in the same moment, and
    trips over its end. It counts what resources there are, which trips over a head that has just gone.
    """
    ray = ray_module()

    class Helper:  # a local class travels by value: its process loads neither this package nor torch
        def __init__(self) -> None:
            self._orders: dict[int, asyncio.Queue[str]] = {}

        async def ask(self, number: int) -> str:
            return await self._orders.setdefault(number, asyncio.Queue()).get()

        async def tell(self, number: int, order: str) -> None:
            await self._orders.setdefault(number, asyncio.Queue()).put(order)
            if order == FORGET:
                del self._orders[number]

        async def resources(self) -> dict[str, float]:
            return await asyncio.to_thread(ray.cluster_resources)

    here = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(
        ray.get_runtime_context().get_node_id(), soft=False
    )
    options = {"num_cpus": 0, "max_concurrency": 100_000, "scheduling_strategy": here}
    return ray.remote(**options)(Helper).remote()


class Stoppable:
    """A task that stops when it is told to: at once in the code of a trial, and nowhere else."""

    def __init__(self, helper: Any, number: int) -> None:
        self._lock = threading.Lock()
        self._within, self._stopped, self._over = False, False, False
        if threading.current_thread() is threading.main_thread():
            # ignored where the driver has no terminal, and blocked where Ray was started by it
            signal.signal(signal.SIGINT, signal.default_int_handler)
            if hasattr(signal, "pthread_sigmask"):
                signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        threading.Thread(target=self._listen, args=(helper, number), daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        with self._lock:
            self._over = True
        time.sleep(0)  # an interruption on its way arrives here, and not in the next task

    def _listen(self, helper: Any, number: int) -> None:
        while not self._over:
            try:
                order = ray_module().get(helper.ask.remote(number))
            except Exception:  # noqa: BLE001  the driver has gone, and so will this process
                return
            with self._lock:
                self._over |= order == FORGET
                if order == KILL and not self._over:
                    os._exit(1)
                if order == STOP:
                    self._stopped = True
                    if self._within:
                        self._interrupt()

    def _interrupt(self) -> None:
        """Wake the main thread, too, where it waits."""
        main = threading.main_thread().ident
        if main is not None and hasattr(signal, "pthread_kill"):
            signal.pthread_kill(main, signal.SIGINT)
        else:  # Windows
            _thread.interrupt_main()

    def next(self, events: Iterator[EpochFinished | Run]) -> EpochFinished | Run | None:
        """Return the next of what a trial tells, or None; a training may swallow the interruption."""
        try:
            with self._lock:
                self._within = not self._stopped
            return next(events, None) if self._within else None
        finally:
            with self._lock:
                self._within = False
            if self._stopped:
                raise KeyboardInterrupt
