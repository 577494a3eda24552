"""A study's data: a task's or the user's own, on the device."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import torch
from torch import Tensor

from rectifiers import tasks
from rectifiers.errors import ArgumentError
from rectifiers.tasks import Data, Task

__all__ = ["load", "to_device"]


def load(
    task: str | None, data: str | None, data_dir: str | Path | None, *, standardize: bool = False
) -> tuple[Task, Data]:
    """Return a named task, or the user's own, with its data."""
    if data is None:
        if standardize:
            raise ArgumentError("--standardize is for data of your own: the tasks bring theirs standardised")
        found = tasks.get("digits" if task is None else task)
        return found, found.load(data_dir)
    if task is not None:
        raise ArgumentError(f"give a task or your own data, but got task {task!r} and data {data!r}")
    return tasks.own(data, standardize=standardize)


def to_device(data: Data, device: torch.device) -> tuple[Data, Tensor, Tensor]:
    """Move the data; images as channels_last, which is how convolutions read them fastest.

    Returns
    -------
    data : Data
        Views of the other two.
    x, y : Tensor
        The samples to train on, then those to test on.
    """
    x = torch.cat((data.train_x, data.test_x)).to(device)
    y = torch.cat((data.train_y, data.test_y)).to(device)
    if x.ndim == 4:
        x = x.contiguous(memory_format=torch.channels_last)
    n = len(data.train_y)
    return dataclasses.replace(data, train_x=x[:n], train_y=y[:n], test_x=x[n:], test_y=y[n:]), x, y
