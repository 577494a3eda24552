"""What a task of Ray does: it carries out trials in a process of a node."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Any

from rectifiers.errors import error_line
from rectifiers.records.events import EpochFinished
from rectifiers.records.values import Run, Trial
from rectifiers.study.environment import environment
from rectifiers.study.runners.parcels import Parcel
from rectifiers.study.runners.processes import limit
from rectifiers.study.runners.ray_orders import Stoppable, ray_module
from rectifiers.study.work import Work

__all__ = ["carry_out"]

_TELL = 0.5  # seconds between two epochs that are told
_ABSENT = ("FileNotFoundError", "ModuleNotFoundError")
_ready: tuple[str, Work | str, dict[str, str]] = ("", "", {})


def carry_out(
    box: list[Any],
    versions: dict[str, str],
    driver: str,
    memory: int | None,
    helper: Any,
    number: int,
    trials: list[Trial],
) -> Iterator[dict[str, str] | EpochFinished | Run | str]:
    """Tell what the process runs on, then of every trial; text where this node cannot carry them out."""
    global _ready
    ray = ray_module()
    if _ready[0] != box[0].hex():
        _ready = box[0].hex(), *_begin(box, versions)
        limit(memory)
    _, work, there = _ready
    place = ray.util.get_node_ip_address()
    if isinstance(work, str):
        yield f"node {place} cannot carry out trials: {work}"
        return
    yield there
    with contextlib.suppress(KeyboardInterrupt), Stoppable(helper, number) as stoppable:
        yield from _told(work, trials, driver, place, stoppable)


def _told(
    work: Work, trials: list[Trial], driver: str, place: str, stoppable: Stoppable
) -> Iterator[EpochFinished | Run | str]:
    ray = ray_module()
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
        parcel: Parcel = ray_module().get(box[0])
        work = parcel.unpacked()
        return work.changed() or work, environment(torch.device(work.plan.device), 1)
    except Exception as error:  # noqa: BLE001  rebuilding the user's objects may raise anything
        return f"the arms or the model cannot be rebuilt there ({error_line(error, 200)})", {}
