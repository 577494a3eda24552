# mypy: disable-error-code="no-untyped-call"
# (Parts of torch have no types.)
"""Parameters that are more than a number: one per channel, or drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.jit import is_tracing  # type: ignore[attr-defined]

from rectifiers.backends._kernels import Draw
from rectifiers.errors import ArgumentTypeError

__all__ = ["Channels", "Random", "constant"]


@dataclass(slots=True, eq=False)
class Channels:
    """A learned parameter: one value, or one per feature along an axis.

    Parameters
    ----------
    weight : Tensor of shape (1,), () or (C,)
    dim : int
        The axis of the input that has C features.
    """

    weight: Tensor
    dim: int

    def against(self, input: Tensor) -> Tensor:
        """The values in the shape that broadcasts against the input, in its dtype."""
        weight = self.weight if self.weight.dtype == input.dtype else self.weight.to(input.dtype)
        if not is_tracing() and weight.numel() == 1:  # a trace knows sizes as tensors
            return weight.reshape(())
        shape = [1] * input.dim()
        shape[self.dim] = -1
        return weight.view(shape)


def constant(value: Any) -> Any:
    """Return the value of a parameter that is not learned, an error if it expects a gradient."""
    if isinstance(value, Tensor) and value.requires_grad:
        raise ArgumentTypeError(f"a parameter that is not learned must be a number, got {value!r}: detach it")
    return value


_SEEDS = 2**63 - 1


@dataclass(slots=True, eq=False)
class Random:
    """A parameter drawn from U(lower, upper), or one over such a number.

    Parameters
    ----------
    lower, upper : float
    generator : torch.Generator or None
        Source of the random numbers; the default generator of the input's device if None.
    reciprocal : bool
        Whether one over the number is meant.
    per : {"element", "channel", "call"}
        Whether there is one per element, per example and channel (axes 0 and 1), or one alone.
    """

    lower: float
    upper: float
    generator: torch.Generator | None = None
    reciprocal: bool = False
    per: str = "element"

    def seed(self, device: torch.device) -> Tensor:
        """Take a seed from the generator: all that is random about a kernel's numbers."""
        return torch.randint(_SEEDS, (), device=device, generator=self.generator)

    def draw(self, seed: Tensor) -> Draw:
        """The numbers that follow from a seed."""
        return Draw(self.lower, self.upper, seed, self.reciprocal)

    def numbers(self, input: Tensor) -> Tensor:
        """Draw numbers that broadcast against the input, in float64 for float64 and else in float32."""
        dtype = torch.float64 if input.dtype == torch.float64 else torch.float32
        own = 2 if self.per == "channel" else 0  # axes along which every entry has its own
        shared = [*input.shape[:own], *(1 for _ in input.shape[own:])]
        shape = input.shape if self.per == "element" else shared
        drawn = torch.rand(shape, dtype=dtype, device=input.device, generator=self.generator)
        drawn = drawn.mul_(self.upper - self.lower).add_(self.lower)
        return drawn.reciprocal() if self.reciprocal else drawn
