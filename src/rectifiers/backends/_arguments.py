"""Parameters that are more than a number: one per channel, or drawn per element."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from rectifiers.backends._kernels import Draw

__all__ = ["Channels", "Random"]


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
        if weight.numel() == 1:
            return weight.reshape(())
        shape = [1] * input.dim()
        shape[self.dim] = -1
        return weight.view(shape)


_SEEDS = 2**63 - 1


@dataclass(slots=True, eq=False)
class Random:
    """A parameter drawn per element from U(lower, upper), or one over such a number.

    Parameters
    ----------
    lower, upper : float
    generator : torch.Generator or None
        Source of the random numbers; the default generator of the input's device if None.
    reciprocal : bool
        Whether one over the number is meant.
    """

    lower: float
    upper: float
    generator: torch.Generator | None = None
    reciprocal: bool = False

    def seed(self, device: torch.device) -> Tensor:
        """Take a seed from the generator: all that is random about a kernel's numbers."""
        return torch.randint(_SEEDS, (), device=device, generator=self.generator)

    def draw(self, seed: Tensor) -> Draw:
        """The numbers that follow from a seed."""
        return Draw(self.lower, self.upper, seed, self.reciprocal)

    def numbers(self, input: Tensor) -> Tensor:
        """Draw one number per element by torch, in float64 for float64 and else in float32."""
        dtype = torch.float64 if input.dtype == torch.float64 else torch.float32
        drawn = torch.rand(input.shape, dtype=dtype, device=input.device, generator=self.generator)
        drawn = drawn.mul_(self.upper - self.lower).add_(self.lower)
        return drawn.reciprocal() if self.reciprocal else drawn
