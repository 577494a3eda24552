"""A network of ResNet-18's shape for 32x32 images, with any activation that leaves the width as it is."""

from __future__ import annotations

import torch
from benchmarks.activations.cases import Call
from torch import Tensor, nn

__all__ = ["ResNet18"]


class _Activation(nn.Module):
    def __init__(self, function: Call, channels: int) -> None:
        super().__init__()
        self.function = function
        self.weight = nn.Parameter(torch.full((channels,), 0.25)) if channels else None

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x) if self.weight is None else self.function(x, self.weight)


class _Block(nn.Module):
    """Two convolutions with batch normalisation, and a way around them."""

    def __init__(self, function: Call, learned: bool, width: int, out: int, stride: int) -> None:
        super().__init__()
        channels = out if learned else 0
        self.first = nn.Sequential(
            nn.Conv2d(width, out, 3, stride, padding=1, bias=False),
            nn.BatchNorm2d(out),
            _Activation(function, channels),
        )
        self.second = nn.Sequential(nn.Conv2d(out, out, 3, padding=1, bias=False), nn.BatchNorm2d(out))
        self.around = nn.Sequential()
        if (width, stride) != (out, 1):
            self.around = nn.Sequential(nn.Conv2d(width, out, 1, stride, bias=False), nn.BatchNorm2d(out))
        self.last = _Activation(function, channels)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.last(self.second(self.first(x)) + self.around(x))
        return y


class ResNet18(nn.Sequential):
    """Four stages of two blocks, of `width` channels in the first and twice as many in each further one.

    Parameters
    ----------
    function : callable
        The activation; takes a weight per channel as well if `learned`.
    learned : bool
    width : int
    stages : int
        Fewer than four are no ResNet-18.
    """

    def __init__(self, function: Call, learned: bool, width: int = 64, stages: int = 4) -> None:
        layers: list[nn.Module] = [
            nn.Conv2d(3, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            _Activation(function, width if learned else 0),
        ]
        before = width
        for stage in range(stages):
            out = width * 2**stage
            layers.append(_Block(function, learned, before, out, 1 if stage == 0 else 2))
            layers.append(_Block(function, learned, out, out, 1))
            before = out
        super().__init__(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, 10))
