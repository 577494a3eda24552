"""Measure groups in this process, and say after every step how far it is.

A process of their own keeps groups apart: what `rectifiers.keep_freed_memory` does cannot be undone.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from benchmarks.activations import memory, results, timing
from benchmarks.activations.cases import CASES
from benchmarks.activations.machine import fingerprint
from benchmarks.activations.results import Kept, Outcome, Peak, Timed
from benchmarks.activations.settings import SWEPT, Group, Settings

import rectifiers
import rectifiers.backends

__all__ = ["MARK", "run", "steps"]

MARK = "@measured "
"""Begins a line that reports a step; anything else on the output is chatter."""


def steps(group: Group) -> int:
    """Return how many steps a group takes."""
    return len(group.shapes) * len(SWEPT if group.kind == "sweep" else CASES)


def run(groups: Sequence[Group], settings: Settings, cache: Path) -> None:
    """Measure groups and write each one's outcome as soon as there is one."""
    mark = fingerprint(settings)  # of the code as it was imported
    torch.set_num_threads(settings.threads)
    with _backend(settings.backend):
        for group in groups:
            outcome = _outcome(group, settings, mark)
            results.save(outcome, results.place(cache, settings.device, group))


def _outcome(group: Group, settings: Settings, mark: str) -> Outcome:
    notes: list[str] = []
    if group.kind == "time" and group.keep_from:
        notes.append(f"For every contestant, {timing.keep_freed_memory()}.")
    rows: list[Any] = []
    for title, row in _measured(group, settings):
        if isinstance(row, str):
            notes.append(row)
        elif row is not None:
            rows.append(row)
        if title:
            print(f"{MARK}{title}", flush=True)
    return Outcome(
        group.name,
        mark,
        results.now(),
        tuple(dict.fromkeys(notes)),
        timed=tuple(row for row in rows if isinstance(row, Timed)),
        kept=tuple(row for row in rows if isinstance(row, Kept)),
        peak=tuple(row for row in rows if isinstance(row, Peak)),
    )


def _measured(group: Group, settings: Settings) -> Iterator[tuple[str, Timed | Kept | Peak | str | None]]:
    if group.kind == "sweep":
        return timing.sweep(group, settings)
    if group.kind == "directions":
        return timing.directions(group, settings)
    if group.kind == "kept":
        return memory.kept_group(group, settings)
    if group.kind == "peak":
        return memory.peak_group(group, settings)
    return timing.time_group(group, settings)


def _backend(name: str) -> contextlib.AbstractContextManager[Any]:
    choose = getattr(rectifiers.backends, "using", None) or getattr(rectifiers, "backend", None)
    if choose is not None:
        chosen: contextlib.AbstractContextManager[Any] = choose(name)
        return chosen
    if name != "auto":
        raise SystemExit(f"this version of the library has no choice of backends, so no {name!r}")
    return contextlib.nullcontext()
