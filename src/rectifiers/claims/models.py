"""What claims train that is not in the library: activations with known mistakes, models of papers."""

from __future__ import annotations

import functools
import itertools
from typing import Any

import torch
from torch import Tensor, nn

__all__ = [
    "WholeArray",
    "divided_rrelu",
    "nin",
    "noisier_digits",
    "noisier_mnist",
    "noisy_digits",
    "noisy_mnist",
    "small_tutorial",
    "small_tutorial_batch_norm",
    "tutorial",
    "tutorial_batch_norm",
]


class WholeArray(nn.Module):
    """Leaky ReLU whose derivative is one number for the whole array: a known mistake.

    Parameters
    ----------
    one_if : {"any", "all"}
        The derivative is 1 if any, or if all, of the array is positive, and 0.01 otherwise.
    """

    def __init__(self, one_if: str = "any") -> None:
        super().__init__()
        self.one_if = one_if

    def forward(self, x: Tensor) -> Tensor:
        """Apply leaky ReLU with slope 0.01."""
        positive = x > 0
        one = positive.any() if self.one_if == "any" else positive.all()
        line = torch.where(one, 1.0, 0.01) * x
        return torch.where(positive, x, 0.01 * x).detach() + (line - line.detach())


def divided_rrelu(channels: int, per: str = "element") -> nn.Module:
    """Return RReLU as Xu et al. 2015 write it, with divisors from 3 to 8."""
    from rectifiers.nn import RReLU

    return RReLU.from_divisors(3, 8, per=per)


def _tutorial(activation: Any, sizes: tuple[int, int, int], norm: bool) -> nn.Module:
    """Two hidden layers, Xavier's weights, biases of 0, and batch norm before the activation or not."""
    layers: list[nn.Module] = [nn.Flatten()]
    for before, units in itertools.pairwise(sizes):
        layers += [nn.Linear(before, units), *([nn.BatchNorm1d(units)] if norm else []), activation(units)]
    layers.append(nn.Linear(sizes[-1], 10))
    for layer in layers:
        if isinstance(layer, nn.Linear):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
    return nn.Sequential(*layers)


tutorial, tutorial_batch_norm, small_tutorial, small_tutorial_batch_norm = (
    functools.partial(_tutorial, sizes=sizes, norm=norm)
    for sizes in ((784, 1024, 128), (64, 256, 64))
    for norm in (False, True)
)


def nin(activation: Any) -> nn.Module:
    """Return Network in Network for CIFAR-10 (Lin, Chen & Yan 2013), as its authors' configuration has it."""
    layers: list[nn.Module] = []
    before = 3
    for kernels, sizes, pooling in (
        ((5, 1, 1), (192, 160, 96), nn.MaxPool2d(3, 2, ceil_mode=True)),
        ((5, 1, 1), (192, 192, 192), nn.AvgPool2d(3, 2, ceil_mode=True)),
        ((3, 1, 1), (192, 192, 10), nn.AdaptiveAvgPool2d(1)),
    ):
        for kernel, channels in zip(kernels, sizes, strict=True):
            convolution = nn.Conv2d(before, channels, kernel, padding=kernel // 2)
            nn.init.normal_(convolution.weight, std=0.05)
            layers += [convolution, activation(channels)]
            before = channels
        layers += [pooling, nn.Dropout()]
    return nn.Sequential(*layers[:-1], nn.Flatten())


def _noisy(task: str, size: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return data whose test images have normal noise of `size` standard deviations of a pixel."""
    from rectifiers import tasks

    data = tasks.get(task).load()
    noise = torch.randn(data.test_x.shape, generator=torch.Generator().manual_seed(0))
    return data.train_x, data.train_y, data.test_x + size * data.train_x.std() * noise, data.test_y


# half and all of a pixel's standard deviation
noisy_digits, noisier_digits, noisy_mnist, noisier_mnist = (
    functools.partial(_noisy, task, size) for task in ("digits", "mnist") for size in (0.5, 1.0)
)
