"""A study's data: a task's or the user's own, on the device."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import torch

from rectifiers import tasks
from rectifiers.errors import ArgumentError
from rectifiers.tasks import Data, Task

__all__ = ["load", "to_device"]


def load(task: str | None, data: str | None, data_dir: str | Path | None) -> tuple[Task, Data]:
    """Return a named task, or the user's own, with its data."""
    if data is None:
        found = tasks.get("digits" if task is None else task)
        return found, found.load(data_dir)
    if task is not None:
        raise ArgumentError(f"give a task or your own data, but got task {task!r} and data {data!r}")
    return tasks.own(data)


def to_device(data: Data, device: torch.device) -> Data:
    """Move the data; images as channels_last, which is how convolutions read them fastest."""
    moved = {name: getattr(data, name).to(device) for name in ("train_x", "train_y", "test_x", "test_y")}
    if data.train_x.ndim == 4:
        for name in ("train_x", "test_x"):
            moved[name] = moved[name].contiguous(memory_format=torch.channels_last)
    return dataclasses.replace(data, **moved)
