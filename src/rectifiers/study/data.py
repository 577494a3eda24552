"""A study's data: a task's or the user's own, on the device."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rectifiers import tasks
from rectifiers.errors import ArgumentError
from rectifiers.study.pieces import Piece
from rectifiers.tasks import Data, Task
from rectifiers.tasks._trees import Inputs, mapped, take
from rectifiers.tasks.losses import Loss

__all__ = ["load", "to_device"]


def load(
    task: str | None,
    data: Piece | None,
    data_dir: str | Path | None,
    *,
    standardize: bool,
    objective: Loss | None,
    **own: Any,
) -> tuple[Task, Data]:
    """Return a named task, or the user's own as `tasks.own` takes it, with its data."""
    if data is not None:
        return tasks.own(data.name, given=data.value, standardize=standardize, objective=objective, **own)
    if objective is not None or standardize:
        raise ArgumentError("loss, metric and standardize are for data of your own: give data as well")
    found = tasks.get("digits" if task is None else task)
    return found, found.load(data_dir)


def to_device(data: Data, device: torch.device) -> tuple[Data, Inputs, Tensor]:
    """Move the data; images as channels_last, which is how convolutions read them fastest.

    Returns
    -------
    data : Data
        Views of the other two, without the user's own objects: what is left travels to other processes.
    x, y : Tensor, or several for x
        The samples to train on, then those to test on; an example of the former where samples are drawn.
    """

    def placed(*parts: Tensor) -> Tensor:
        x = torch.cat(parts).to(device)
        return x.contiguous(memory_format=torch.channels_last) if x.ndim == 4 else x

    if data.drawn is not None:
        x, y = mapped(placed, data.train_x), data.train_y.to(device)
        return dataclasses.replace(data, train_x=x, objective=None, drawn=None), x, y
    x, y = mapped(placed, data.train_x, data.test_x), torch.cat((data.train_y, data.test_y)).to(device)
    train, test = slice(len(data.train_y)), slice(len(data.train_y), None)
    parts = {"train_x": take(x, train), "test_x": take(x, test), "train_y": y[train], "test_y": y[test]}
    return dataclasses.replace(data, **parts, objective=None), x, y
