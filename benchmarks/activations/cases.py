"""The activations that are measured, each as this library, torch and a plain formula write it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import rectifiers
from rectifiers import functional as ours
from rectifiers.errors import BackendError

__all__ = ["CASES", "Call", "Case", "by_name", "refusal"]

Call: TypeAlias = Callable[..., Tensor]
"""A function of the input and, where there is one, the weight per channel."""


@dataclass(frozen=True)
class Case:
    """One activation and whom it is measured against.

    Attributes
    ----------
    name, title : str
        In the registry, and for people.
    ours, own, plain : callable
        This library's, torch's own, and the formula that is handed to `torch.compile`.
    own_name : str
        How torch's own is written.
    module : callable
        Makes this library's module for a number of channels.
    bits : float or None
        Fewest bits per element of input that backward needs; None where it needs input or output.
    learned : bool
        Whether there is a weight per channel, whose gradient is taken as well.
    outputs : float
        Elements of output per element of input.
    random : bool
        Whether two calls give different results.
    also : mapping of str to callable
        Other ways to write it, measured for information.
    """

    name: str
    title: str
    ours: Call
    own: Call
    plain: Call
    own_name: str
    module: Callable[[int], nn.Module]
    bits: float | None = None
    learned: bool = False
    outputs: float = 1.0
    random: bool = False
    also: Mapping[str, Call] = field(default_factory=dict)

    def bytes_of(self, direction: str, itemsize: int) -> float:
        """Return the fewest bytes ``"forward"`` or ``"backward"`` alone can move, per element of input."""
        kept = 0.0 if direction == "forward" else float(itemsize)
        return itemsize * (1.0 + self.outputs) + (kept if self.bits is None else self.bits / 8.0)

    def bytes_moved(self, itemsize: int) -> float:
        """Return the fewest bytes forward and backward can move, per element of input.

        Forward reads the input and writes the output, backward reads the output's gradient and writes the
        input's. Between them lie `bits`, written and read, or backward reads input or output once more.
        """
        gradients_and_values = 2.0 * itemsize * (1.0 + self.outputs)
        return gradients_and_values + (itemsize if self.bits is None else 2.0 * self.bits / 8.0)

    def fits(self, elements: int) -> bool:
        """Return whether it can be applied to one row of so many features."""
        return self.outputs >= 1.0 or elements * self.outputs >= 1.0


def _per_channel(weight: Tensor, x: Tensor) -> Tensor:
    return weight.view([1, -1] + [1] * (x.dim() - 2))


def _elu(x: Tensor) -> Tensor:
    return torch.where(x > 0, x, torch.expm1(x))


def _selu(x: Tensor) -> Tensor:
    scale, alpha = 1.0507009873554805, 1.6732632423543772
    return torch.where(x > 0, scale * x, scale * alpha * torch.expm1(x))


def _softplus(x: Tensor) -> Tensor:
    return torch.log1p(torch.exp(-x.abs())) + x.clamp_min(0)


def _rrelu(x: Tensor) -> Tensor:
    return torch.where(x > 0, x, x * (1 / 8 + (1 / 3 - 1 / 8) * torch.rand_like(x)))


def _crelu(x: Tensor) -> Tensor:
    return torch.cat((torch.relu(x), torch.relu(-x)), 1)


def _maxout(x: Tensor) -> Tensor:
    pairs: Tensor = x.unflatten(1, (-1, 2))  # type: ignore[no-untyped-call]
    return pairs.max(2).values


CASES = (
    Case(
        "relu",
        "ReLU",
        ours.relu,
        torch.relu,
        lambda x: torch.where(x > 0, x, 0.0),
        "torch.relu",
        lambda channels: rectifiers.nn.ReLU(),
        bits=1.0,
    ),
    Case(
        "leaky_relu",
        "LeakyReLU",
        ours.leaky_relu,
        F.leaky_relu,
        lambda x: torch.where(x > 0, x, 0.01 * x),
        "F.leaky_relu",
        lambda channels: rectifiers.nn.LeakyReLU(),
        bits=1.0,
    ),
    Case(
        "prelu",
        "PReLU",
        ours.prelu,
        F.prelu,
        lambda x, weight: torch.where(x > 0, x, _per_channel(weight, x) * x),
        "F.prelu",
        lambda channels: rectifiers.nn.PReLU(channels),
        learned=True,
    ),
    Case(
        "rrelu",
        "RReLU",
        lambda x: ours.rrelu(x, training=True),
        lambda x: F.rrelu(x, training=True),
        _rrelu,
        "F.rrelu(training=True)",
        lambda channels: rectifiers.nn.RReLU(),
        bits=1.0,
        random=True,
    ),
    Case("elu", "ELU", ours.elu, F.elu, _elu, "F.elu", lambda channels: rectifiers.nn.ELU()),
    Case("selu", "SELU", ours.selu, F.selu, _selu, "F.selu", lambda channels: rectifiers.nn.SELU()),
    Case("celu", "CELU", ours.celu, F.celu, _elu, "F.celu", lambda channels: rectifiers.nn.CELU()),
    Case(
        "silu",
        "SiLU",
        ours.silu,
        F.silu,
        lambda x: x * torch.sigmoid(x),
        "F.silu",
        lambda channels: rectifiers.nn.SiLU(),
    ),
    Case(
        "gelu",
        "GELU",
        ours.gelu,
        F.gelu,
        lambda x: 0.5 * x * (1.0 + torch.erf(x * math.sqrt(0.5))),
        "F.gelu",
        lambda channels: rectifiers.nn.GELU(),
    ),
    Case(
        "mish",
        "Mish",
        ours.mish,
        F.mish,
        lambda x: x * torch.tanh(_softplus(x)),
        "F.mish",
        lambda channels: rectifiers.nn.Mish(),
    ),
    Case(
        "softplus",
        "Softplus",
        ours.softplus,
        F.softplus,
        _softplus,
        "F.softplus",
        lambda channels: rectifiers.nn.Softplus(),
    ),
    Case(
        "crelu",
        "CReLU",
        ours.crelu,
        _crelu,
        _crelu,
        "torch.cat((relu(x), relu(-x)), 1)",
        lambda channels: rectifiers.nn.CReLU(),
        bits=2.0,
        outputs=2.0,
    ),
    Case(
        "maxout",
        "Maxout",
        ours.maxout,
        _maxout,
        _maxout,
        "x.unflatten(1, (-1, 2)).max(2).values",
        lambda channels: rectifiers.nn.Maxout(2),
        bits=0.5,
        outputs=0.5,
        also={"amax": lambda x: x.unflatten(1, (-1, 2)).amax(2)},
    ),
)


def refusal(case: Case, error: BackendError) -> str:
    """Return a sentence about a case that the backend which was asked for by name cannot run."""
    return f"{case.title} is left out: {error}."


def by_name(name: str) -> Case:
    """Return the case of that name in the registry."""
    return next(case for case in CASES if case.name == name)
