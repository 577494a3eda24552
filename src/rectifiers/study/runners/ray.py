"""Trials as tasks of Ray: on this machine, or on every node of a cluster."""

from __future__ import annotations

import contextlib
import math
import os
import signal
import socket
import threading
import time
from collections import Counter, deque
from collections.abc import Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count, islice
from typing import Any, NoReturn, Self

from rectifiers.errors import ClusterError, error_line, one_line
from rectifiers.records.events import EpochFinished
from rectifiers.records.values import Notice, Run, Trial
from rectifiers.study import arguments
from rectifiers.study.runners.parcels import Parcel, packed
from rectifiers.study.runners.ray_orders import FORGET, KILL, STOP, helper, ray_module
from rectifiers.study.runners.ray_task import carry_out
from rectifiers.study.work import TRIES, Wanted, Work, always

__all__ = ["Ray"]

_TICK = 0.2  # seconds between two chances to stop
_LOOK = 2.0  # seconds between two counts of the cluster's processors
_TASK = 2.0  # seconds a task takes where several trials make one
_LONGEST_SILENCE = 10.0  # seconds until the head is taken for gone
_SAME = ("rectifiers", "torch", "numpy")  # versions on which the numbers of a trial depend


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
    _helper: Any = field(default=None, init=False, repr=False)
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
        self._work = self._box = self._helper = None
        if self._joined:
            self._joined = False
            ray_module().shutdown()

    def run(
        self, work: Work, trials: Iterable[Trial], wanted: Wanted = always
    ) -> Generator[Trial | EpochFinished | Run | Notice | None]:
        """Carry out `trials`; see `Runner.run`."""
        self._join()
        if self._work is not work:
            self._box = [ray_module().put(_packed(work))]  # in a list, or every task would be handed a copy
            self._work = work
        self._helper = self._helper or helper()
        yield from _Session(self, work, self._box, wanted).run(iter(trials))

    def _join(self) -> None:
        address = self.address or os.environ.get("RAY_ADDRESS") or "local"
        if address.startswith("ray://"):
            raise ClusterError(f"the driver runs on a node of the cluster, but got {address}: start it there")
        ray = ray_module()
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
        address = ray_module().get_runtime_context().gcs_address
        host, _, port = address.rpartition(":")
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=_LONGEST_SILENCE).close()
        except OSError as error:
            self.gone(error.strerror or str(error))

    def gone(self, reason: str) -> NoReturn:
        """Raise because Ray's head, or this node of it, has gone."""
        self._joined = False  # to leave Ray properly takes the head
        address = ray_module().get_runtime_context().gcs_address
        raise ClusterError(
            f"Ray's head at {address} has gone ({reason}): what is finished is kept; "
            "once Ray runs again, the same command goes on"
        )

    def room(self, there: Mapping[str, float] | None = None) -> int:
        """Return how many trials there is room for at a time, in the cluster or in the resources of one."""
        if self.jobs is not None:
            return self.jobs
        there = ray_module().cluster_resources() if there is None else there
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
        ray = ray_module()
        self._runner, self._work, self._box, self._wanted = runner, work, box, wanted
        self._helper, self._numbers = runner._helper, runner._numbers
        self._tasks: dict[Any, _Task] = {}
        self._again: deque[list[Trial]] = deque()
        self._tries: Counter[str] = Counter()
        self._seconds = [s for cell in work.plan.cells if (s := work.seconds(*cell)) is not None]
        self._nodes: set[str] = set()
        self._room, self._looked, self._heard = runner.room(), time.monotonic(), 0.0
        self._there: Any = None
        self._remote = ray.remote(num_cpus=runner.cpus, num_gpus=runner.gpus, max_retries=0)(carry_out)
        self._remote = self._remote.options(num_returns="streaming")
        versions = {name: work.environment[name] for name in _SAME}
        self._fixed = versions, ray.get_runtime_context().get_node_id(), runner.memory

    def run(self, source: Iterator[Trial]) -> Generator[Trial | EpochFinished | Run | Notice | None]:
        """Keep as many tasks under way as there is room for, until there is nothing left."""
        ray = ray_module()
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
                self._helper.tell.remote(task.number, STOP)

    def _fill(self, source: Iterator[Trial]) -> Iterator[Trial]:
        """Start tasks: what has to be made again first; one more than there is room for, lest any waits."""
        self._count()
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

    def _count(self) -> None:
        """Count now and then what room there is: nodes come and go."""
        from ray import exceptions

        ray = ray_module()
        if self._there is None and time.monotonic() - self._looked > _LOOK:
            self._there = self._helper.resources.remote()
        if self._there is not None and ray.wait([self._there], timeout=0)[0]:
            try:
                self._room = max(1, self._runner.room(ray.get(self._there)))
            except exceptions.RayError as error:
                self._runner.gone(one_line(error, 120))
            self._there, self._looked = None, time.monotonic()

    def _start(self, trials: list[Trial]) -> None:
        number = next(self._numbers)
        stream = self._remote.remote(self._box, *self._fixed, self._helper, number, trials)
        self._tasks[stream] = _Task(number, trials)

    def _next(self, stream: Any) -> Iterator[EpochFinished | Run | Notice]:
        """Take in the next that a task tells, or its end."""
        from ray import exceptions

        task = self._tasks[stream]
        try:
            told = ray_module().get(next(stream))
        except StopIteration:
            yield from self._end(stream, "no record came of it")
        except exceptions.NodeDiedError:
            yield from self._end(stream, "")
        except exceptions.RayTaskError as error:
            if isinstance(error.cause, exceptions.RaySystemError):  # another head is at its address, say
                self._runner.gone(one_line(error.cause, 120))
            if not task.cancelled:
                raise ClusterError(
                    f"a node cannot carry out trials: {error_line(error.cause, 300)}"
                ) from error
            yield from self._end(stream, "")
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
        self._helper.tell.remote(task.number, FORGET)
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
                self._helper.tell.remote(task.number, KILL if late else STOP)

    def _seen(self, there: dict[str, str]) -> Iterator[Notice]:
        """Say once of every kind of node in what it is another machine than this one."""
        here = self._work.environment
        other = [f"{name} {there[name]}, here {here[name]}" for name in here if there.get(name) != here[name]]
        text = f"trials ran on nodes that differ from the driver's: {'; '.join(other)}"
        if other and text not in self._nodes:
            self._nodes.add(text)
            yield Notice("elsewhere", text)


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
