"""A study's data on the device."""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor

from rectifiers.tasks import Data
from rectifiers.tasks._trees import Inputs, mapped, take

__all__ = ["to_device"]


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
