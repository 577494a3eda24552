"""Trials as tasks of Ray: on this machine, or on every node of a cluster."""

from __future__ import annotations

import _thread
import asyncio
import contextlib
import math
import os
import signal
import socket
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import count, islice
from typing import Any, Self

from rectifiers.errors import ClusterError, MissingDependencyError, error_line, one_line
from rectifiers.records.events import EpochFinished
from rectifiers.records.values import Notice, Run, Trial
from rectifiers.study import arguments
from rectifiers.study.environment import environment
from rectifiers.study.runners.parcels import Parcel, packed
from rectifiers.study.runners.processes import limit
from rectifiers.study.work import TRIES, Wanted, Work, always

__all__ = ["Ray"]

_TICK = 0.2  # seconds between two chances to stop
_LOOK = 2.0  # seconds between two counts of the cluster's processors
_TASK = 2.0  # seconds a task takes where several trials make one
_LONGEST_SILENCE = 10.0  # seconds until the head is taken for gone
_TELL = 0.5  # seconds between two epochs that are told
_SAME = ("rectifiers", "torch", "numpy")  # versions on which the numbers of a trial depend
_ABSENT = ("FileNotFoundError", "ModuleNotFoundError")
_STOP, _KILL, _FORGET = "stop", "kill", "forget"  # what the process of a task is told, and that it has ended


@dataclass
class Ray:
    """A runner whose trials are tasks of Ray; a context manager, which leaves Ray at its end.

    The driver draws trials, keeps every processor busy and is the only one that writes. A trial that was on
    a node that died is made again; one whose process died is made three times before it counts as crashed.

    Parameters
    ----------
    address : str, optional
        ``"HOST:PORT"`` or ``"auto"`` of the Ray that runs on this node. Without, the one the process has
        joined, that of the variable RAY_ADDRESS, or else one is started on this machine.
    cpus, gpus : float
        What a trial takes; ``gpus=0.25`` puts four of them on one GPU.
    batch : int
        The most trials to a task, where they take less than a second or two.
    jobs : int, optional
        Tasks at a time; by default as many as the nodes can carry, which may become more.
    timeout : float, optional
        Seconds after which a trial counts as crashed.
    memory : int, optional
        Bytes a process may take beyond what it has when it begins: asking for more fails, and ends the trial.
    """

    address: str | None = None
    cpus: float = 1
    gpus: float = 0
    batch: int = 8
    jobs: int | None = None
    timeout: float | None = None
    memory: int | None = None
    _joined: bool = field(default=False, init=False, repr=False)
    _work: Work | None = field(default=None, init=False, repr=False)
    _box: Any = field(default=None, init=False, repr=False)
    _orders: Any = field(default=None, init=False, repr=False)
    _numbers: Iterator[int] = field(default_factory=count, init=False, repr=False)

    def __post_init__(self) -> None:
        arguments.real("cpus", self.cpus, 0)
        arguments.real("gpus", self.gpus, 0, ends="[)")
        arguments.whole("batch", self.batch, 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Leave Ray, which ends with this where it was started here."""
        self._work = self._box = self._orders = None
        if self._joined:
            self._joined = False
            _ray().shutdown()

    def run(
        self, work: Work, trials: Iterable[Trial], wanted: Wanted = always
    ) -> Generator[Trial | EpochFinished | Run | Notice | None]:
        """Carry out `trials`; see `Runner.run`."""
        self._join()
        if self._work is not work:
            self._box = [_ray().put(_packed(work))]  # in a list, or every task would be handed a copy
            self._work = work
        self._orders = self._orders or _orders()
        yield from _Session(self, work, self._box, wanted).run(iter(trials))

    def _join(self) -> None:
        address = self.address or os.environ.get("RAY_ADDRESS") or "local"
        if address.startswith("ray://"):
            raise ClusterError(f"the driver runs on a node of the cluster, but got {address}: start it there")
        ray = _ray()
        if not ray.is_initialized():
            os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
            alone: dict[str, Any] = {"num_cpus": self.jobs and math.ceil(self.jobs * self.cpus)}
            alone = {"include_dashboard": False, **alone} if address == "local" else {}
            with _handlers():
                try:
                    ray.init(address, log_to_driver=False, logging_level="ERROR", **alone)
                except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
                    raise ClusterError(
                        f"cannot join Ray at {address}: {error_line(error, 300)}; where it wants a token, "
                        "set RAY_AUTH_MODE=token"
                    ) from error
            self._joined = True
        if self.jobs is None and self.room() == 0:
            there = ray.cluster_resources()
            raise ClusterError(
                f"a trial takes {self.cpus:g} CPUs and {self.gpus:g} GPUs, but the nodes have "
                f"{there.get('CPU', 0):g} and {there.get('GPU', 0):g}"
            )

    def check_head(self) -> None:
        """Raise where Ray's head has gone: Ray itself ends this process, at once or after a minute."""
        address = _ray().get_runtime_context().gcs_address
        host, _, port = address.rpartition(":")
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=_LONGEST_SILENCE).close()
        except OSError as error:
            self._joined = False  # to leave Ray properly takes the head
            raise ClusterError(
                f"Ray's head at {address} has gone ({error.strerror or error}): what is finished is kept; "
                "once Ray runs again, the same command goes on"
            ) from error

    def room(self) -> int:
        """Return how many trials there is room for at a time."""
        if self.jobs is not None:
            return self.jobs
        there = _ray().cluster_resources()
        wishes = [(self.cpus, "CPU"), *([(self.gpus, "GPU")] if self.gpus else [])]
        return int(min(there.get(kind, 0.0) / wish for wish, kind in wishes))


@dataclass
class _Task:
    """Trials on their way, in order.

    `since` is when the first of them began, `late` the key of one that took too long. One that is `cancelled`
    may go on for a while, one that is `ended` may not.
    """

    number: int
    trials: list[Trial]
    since: float = math.inf
    late: str = ""
    cancelled: bool = False
    ended: bool = False


class _Session:
    """One call of `Ray.run`."""

    def __init__(self, runner: Ray, work: Work, box: Any, wanted: Wanted) -> None:
        ray = _ray()
        self._runner, self._work, self._box, self._wanted = runner, work, box, wanted
        self._orders, self._numbers = runner._orders, runner._numbers
        self._tasks: dict[Any, _Task] = {}
        self._again: deque[list[Trial]] = deque()
        self._tries: Counter[str] = Counter()
        self._seconds = [s for cell in work.plan.cells if (s := work.seconds(*cell)) is not None]
        self._nodes: set[str] = set()
        self._room, self._looked, self._heard = runner.room(), time.monotonic(), 0.0
        self._remote = ray.remote(num_cpus=runner.cpus, num_gpus=runner.gpus, max_retries=0)(_carry_out)
        self._remote = self._remote.options(num_returns="streaming")
        versions = {name: work.environment[name] for name in _SAME}
        self._fixed = versions, ray.get_runtime_context().get_node_id(), runner.memory

    def run(self, source: Iterator[Trial]) -> Generator[Trial | EpochFinished | Run | Notice | None]:
        """Keep as many tasks under way as there is room for, until there is nothing left."""
        ray = _ray()
        try:
            while True:
                if time.monotonic() - self._heard > _TICK:
                    self._runner.check_head()
                    self._heard = time.monotonic()
                yield from self._fill(source)
                if not self._tasks:
                    return
                ready, _ = ray.wait([*self._tasks], timeout=_TICK)
                if not ready:
                    yield None
                for stream in ready:
                    yield from self._next(stream)
                self._stop()
        finally:
            for task in self._tasks.values():
                self._orders.tell.remote(task.number, _STOP)

    def _fill(self, source: Iterator[Trial]) -> Iterator[Trial]:
        """Start tasks: what has to be made again first; one more than there is room for, lest any waits."""
        if time.monotonic() - self._looked > _LOOK:  # nodes come and go
            self._room, self._looked = max(1, self._runner.room()), time.monotonic()
        while self._again and len(self._tasks) <= self._room:
            self._start(self._again.popleft())
        room = self._room + 1 - len(self._tasks)
        if room <= 0:
            return
        mean = sum(self._seconds) / len(self._seconds) if self._seconds else math.inf
        each = max(1, min(self._runner.batch, int(_TASK / mean) if mean else self._runner.batch))
        drawn = []
        for trial in islice(source, room * each):
            yield trial
            drawn.append(trial)
        if drawn:
            size = math.ceil(len(drawn) / room)
            for first in range(0, len(drawn), size):
                self._start(drawn[first : first + size])

    def _start(self, trials: list[Trial]) -> None:
        number = next(self._numbers)
        stream = self._remote.remote(self._box, *self._fixed, self._orders, number, trials)
        self._tasks[stream] = _Task(number, trials)

    def _next(self, stream: Any) -> Iterator[EpochFinished | Run | Notice]:
        """Take in the next that a task tells, or its end."""
        from ray import exceptions

        task = self._tasks[stream]
        try:
            told = _ray().get(next(stream))
        except StopIteration:
            yield from self._end(stream, "no record came of it")
        except exceptions.NodeDiedError:
            yield from self._end(stream, "")
        except exceptions.RayTaskError as error:
            raise ClusterError(f"a node cannot carry out trials: {error_line(error.cause, 300)}") from error
        except exceptions.OutOfMemoryError:
            yield from self._end(stream, "Ray ended its process for want of memory on its node")
        except exceptions.RayError as error:
            yield from self._end(stream, f"its process ended unexpectedly ({one_line(error, 120)})")
        else:
            match told:
                case str():
                    raise ClusterError(told)
                case dict():
                    task.since = time.monotonic()
                    yield from self._seen(told)
                case Run() if task.cancelled:  # what was made of it may be no result
                    pass
                case Run():
                    task.since = time.monotonic()
                    task.trials.remove(told.trial)
                    self._seconds = [*self._seconds[-99:], told.seconds]
                    yield told
                case _:
                    yield told

    def _end(self, stream: Any, reason: str) -> Iterator[Run]:
        """Forget a task; make again what is left of it and wanted, unless the first of it is to blame."""
        task = self._tasks.pop(stream)
        self._orders.tell.remote(task.number, _FORGET)
        left = task.trials
        if left and task.late == left[0].key:
            yield self._work.lost(
                left.pop(0), f"took longer than {self._runner.timeout:g} s (--trial-timeout)"
            )
        elif left and reason and not task.cancelled:
            key = left[0].key
            self._tries[key] += 1
            if self._tries[key] == TRIES:
                yield self._work.lost(left.pop(0), f"{reason} on {TRIES} tries")
        if left := [trial for trial in left if self._wanted(trial)]:
            self._again.append(left)

    def _stop(self) -> None:
        """Stop tasks whose present trial is not wanted any more, or takes too long."""
        limit = math.inf if self._runner.timeout is None else self._runner.timeout
        for task in self._tasks.values():
            if task.ended or not task.trials:
                continue
            late = time.monotonic() - task.since > limit
            if late or not (task.cancelled or self._wanted(task.trials[0])):
                task.late = "" if task.cancelled or not late else task.trials[0].key
                task.cancelled, task.ended = True, late
                self._orders.tell.remote(task.number, _KILL if late else _STOP)

    def _seen(self, there: dict[str, str]) -> Iterator[Notice]:
        """Say once of every kind of node in what it is another machine than this one."""
        here = self._work.environment
        other = [f"{name} {there[name]}, here {here[name]}" for name in here if there.get(name) != here[name]]
        text = f"trials ran on nodes that differ from the driver's: {'; '.join(other)}"
        if other and text not in self._nodes:
            self._nodes.add(text)
            yield Notice("elsewhere", text)


def _ray() -> Any:
    hook = sys.excepthook
    try:
        import ray
    except ImportError:
        raise MissingDependencyError("the runner needs Ray: pip install 'rectifiers[ray]'") from None
    sys.excepthook = hook  # Ray's own waits for a head that has gone before it shows an error
    return ray


def _packed(work: Work) -> Parcel:
    try:
        return packed(work)
    except Exception as error:  # pickling the user's objects may raise anything
        raise ClusterError(
            f"the arms, the model or the training cannot be sent to other nodes ({error_line(error, 200)}): "
            "define them in a module, without open files, locks and the like"
        ) from error


@contextlib.contextmanager
def _handlers() -> Iterator[None]:
    """Keep what signals do: Ray sets a handler of its own for SIGTERM."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if before is not None:
            signal.signal(signal.SIGTERM, before)


def _orders() -> Any:
    """Start an actor from which processes learn that their task is to stop.

    `ray.cancel` would do, but it ends the driver where the task ends in the same moment: Ray 2.60 knows then
    neither that it runs nor that it is complete, and fails it as one that never ran.
    """
    ray = _ray()

    class Orders:  # a local class travels by value: its process loads neither this package nor torch
        def __init__(self) -> None:
            self._given: dict[int, asyncio.Future[str]] = {}

        def _of(self, number: int) -> asyncio.Future[str]:
            return self._given.setdefault(number, asyncio.get_running_loop().create_future())

        async def ask(self, number: int) -> str:
            return await self._of(number)

        async def tell(self, number: int, order: str) -> None:
            if not self._of(number).done():
                self._of(number).set_result(order)
            if order == _FORGET:
                del self._given[number]

    here = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(
        ray.get_runtime_context().get_node_id(), soft=False
    )
    options = {"num_cpus": 0, "max_concurrency": 100_000, "scheduling_strategy": here}
    return ray.remote(**options)(Orders).remote()


# What follows runs in a process of a node.

_ready: tuple[str, Work | str, dict[str, str]] = ("", "", {})


def _carry_out(
    box: list[Any],
    versions: dict[str, str],
    driver: str,
    memory: int | None,
    orders: Any,
    number: int,
    trials: list[Trial],
) -> Iterator[dict[str, str] | EpochFinished | Run | str]:
    """Tell what the process runs on, then of every trial; text where this node cannot carry them out."""
    global _ready
    ray = _ray()
    if _ready[0] != box[0].hex():
        _ready = box[0].hex(), *_begin(box, versions)
        limit(memory)
    _, work, there = _ready
    place = ray.util.get_node_ip_address()
    if isinstance(work, str):
        yield f"node {place} cannot carry out trials: {work}"
        return
    yield there
    with _Stoppable(orders, number) as stoppable, contextlib.suppress(KeyboardInterrupt):
        yield from _told(work, trials, driver, place, stoppable)


class _Stoppable:
    """A task that stops when it is told to: at once in the code of a trial, and nowhere else."""

    def __init__(self, orders: Any, number: int) -> None:
        self._lock = threading.Lock()
        self._within, self._stopped, self._over = False, False, False
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, signal.default_int_handler)  # a driver without a terminal ignores it
        threading.Thread(target=self._listen, args=(orders, number), daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        with self._lock:
            self._over = True

    def _listen(self, orders: Any, number: int) -> None:
        try:
            order = _ray().get(orders.ask.remote(number))
        except Exception:  # noqa: BLE001  the driver has gone, and so will this process
            return
        with self._lock:
            if order == _KILL and not self._over:
                os._exit(1)
            self._stopped = order == _STOP
            if self._stopped and self._within:
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


def _told(
    work: Work, trials: list[Trial], driver: str, place: str, stoppable: _Stoppable
) -> Iterator[EpochFinished | Run | str]:
    ray = _ray()
    for trial in trials:
        told, events = time.monotonic(), iter(work.train(trial))
        while (event := stoppable.next(events)) is not None:
            if isinstance(event, Run):
                strange = ray.get_runtime_context().get_node_id() != driver
                if strange and event.outcome == "crashed" and event.reason.startswith(_ABSENT):
                    yield (
                        f"node {place} lacks what a trial reads ({event.reason}): put it at the same "
                        "place on every node"
                    )
                    return
                yield event
            elif time.monotonic() - told > _TELL:
                told = time.monotonic()
                yield event


def _begin(box: list[Any], versions: dict[str, str]) -> tuple[Work | str, dict[str, str]]:
    """Return the work, or why this process cannot carry it out; and what it runs on."""
    import torch

    there = environment(torch.device("cpu"), 1)
    if other := [
        f"{name} {there[name]} there, {value} here"
        for name, value in versions.items()
        if there[name] != value
    ]:
        return f"it has other versions than the driver ({'; '.join(other)}): install the same", {}
    try:
        parcel: Parcel = _ray().get(box[0])
        work = parcel.unpacked()
        return work.changed() or work, environment(torch.device(work.plan.device), 1)
    except Exception as error:  # noqa: BLE001  rebuilding the user's objects may raise anything
        return f"the arms or the model cannot be rebuilt there ({error_line(error, 200)})", {}
