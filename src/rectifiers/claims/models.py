"""What claims train that is not in the library: activations with known mistakes, models of papers."""

from __future__ import annotations

import itertools
from typing import Any

import torch
from torch import Tensor, nn

__all__ = [
    "WholeArray",
    "divided_rrelu",
    "noisier_digits",
    "noisier_mnist",
    "noisy_digits",
    "noisy_mnist",
    "small_tutorial",
    "small_tutorial_batch_norm",
    "tutorial",
    "tutorial_batch_norm",
]


class _WholeArray(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, one_if: str) -> Tensor:
        ctx.save_for_backward(x)
        ctx.one_if = one_if
        return torch.where(x > 0, x, 0.01 * x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        positive = ctx.saved_tensors[0] > 0
        one = positive.any() if ctx.one_if == "any" else positive.all()
        return gradients[0] * torch.where(one, 1.0, 0.01), None


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
        result: Tensor = _WholeArray.apply(x, self.one_if)  # type: ignore[no-untyped-call]
        return result


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


def tutorial(activation: Any) -> nn.Module:
    """Return 784-1024-128-10."""
    return _tutorial(activation, (784, 1024, 128), norm=False)


def tutorial_batch_norm(activation: Any) -> nn.Module:
    """Return 784-1024-128-10 with batch norm."""
    return _tutorial(activation, (784, 1024, 128), norm=True)


def small_tutorial(activation: Any) -> nn.Module:
    """Return 64-256-64-10."""
    return _tutorial(activation, (64, 256, 64), norm=False)


def small_tutorial_batch_norm(activation: Any) -> nn.Module:
    """Return 64-256-64-10 with batch norm."""
    return _tutorial(activation, (64, 256, 64), norm=True)


def _noisy(task: str, size: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    from rectifiers import tasks

    data = tasks.get(task).load()
    noise = torch.randn(data.test_x.shape, generator=torch.Generator().manual_seed(0))
    return data.train_x, data.train_y, data.test_x + size * data.train_x.std() * noise, data.test_y


def noisy_digits() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return digits whose test images have normal noise of half a pixel's standard deviation."""
    return _noisy("digits", 0.5)


def noisier_digits() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return digits with twice that noise."""
    return _noisy("digits", 1.0)


def noisy_mnist() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return MNIST whose test images have normal noise of half a pixel's standard deviation."""
    return _noisy("mnist", 0.5)


def noisier_mnist() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return MNIST with twice that noise."""
    return _noisy("mnist", 1.0)
