"""A study's data: loaded, fit to be learned from, on the device."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import torch

from rectifiers import tasks
from rectifiers.errors import ArgumentError, DataError
from rectifiers.tasks import Data, Task

__all__ = ["load", "to_device"]


def load(task: str | None, data: str | None, data_dir: str | Path | None) -> tuple[Task, Data]:
    """Return a named task, or the user's own, with its data; refuse what nothing can be learned from.

    Raises
    ------
    ArgumentError
        If both a task and own data are given.
    DataError
        If a part is empty or not finite, or all training targets are the same.
    """
    if data is not None:
        if task is not None:
            raise ArgumentError(f"give a task or your own data, but got task {task!r} and data {data!r}")
        found, loaded = tasks.own(data)
    else:
        found = tasks.get("digits" if task is None else task)
        loaded = found.load(data_dir)
    for part, x, y in (("training", loaded.train_x, loaded.train_y), ("test", loaded.test_x, loaded.test_y)):
        if not len(x):
            raise DataError(f"the {part} set of {found.name} is empty: {loaded.source}")
        for what, values in (("inputs", x), ("targets", y)):
            if values.is_floating_point() and not values.isfinite().all():
                bad = int((~values.isfinite()).sum())
                raise DataError(
                    f"{bad} of the {part} {what} of {found.name} are nan or infinite: {loaded.source}"
                )
    first = loaded.train_y[0]
    if bool((loaded.train_y == first).all()):
        raise DataError(
            f"all {len(loaded.train_y)} training samples of {found.name} have the same target "
            f"({first.tolist()}): there is nothing to learn; check how the labels are made"
        )
    return found, loaded


def to_device(data: Data, device: torch.device) -> Data:
    """Move the data; images as channels_last, which is how convolutions read them fastest."""
    moved = {name: getattr(data, name).to(device) for name in ("train_x", "train_y", "test_x", "test_y")}
    if data.train_x.ndim == 4:
        for name in ("train_x", "test_x"):
            moved[name] = moved[name].contiguous(memory_format=torch.channels_last)
    return dataclasses.replace(data, **moved)
