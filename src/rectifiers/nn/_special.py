"""The classes whose shape is their own."""

from __future__ import annotations

import math
from typing import Any, Self

import torch
from torch import Tensor

from rectifiers import functional
from rectifiers.activations import Integer, Uniform
from rectifiers.activations import maxout as _maxout
from rectifiers.errors import ArgumentError

__all__ = ["CReLU", "Maxout", "MaxoutLinear", "PReLU", "RReLU", "Softmax"]


class PReLU(torch.nn.PReLU):
    """PReLU."""

    def __init__(
        self,
        num_parameters: int = 1,
        init: float = 0.25,
        device: Any = None,
        dtype: Any = None,
        *,
        dim: int = 1,
    ) -> None:
        Integer(1, minimum=1).check(num_parameters, "num_parameters")
        super().__init__(num_parameters, init, device, dtype)
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        """Apply the activation; the output has the shape of the input."""
        return functional.prelu(input, self.weight, self.dim)

    def extra_repr(self) -> str:
        """Return the arguments as torch shows them."""
        return super().extra_repr() + (f", dim={self.dim}" if self.dim != 1 else "")


class RReLU(torch.nn.RReLU):
    """RReLU."""

    def __init__(self, lower: float = 1 / 8, upper: float = 1 / 3, inplace: bool = False) -> None:
        Uniform.check_bounds(lower, upper)
        super().__init__(lower, upper, inplace)

    def forward(self, input: Tensor) -> Tensor:
        """Apply the activation; the output has the shape of the input."""
        return functional.rrelu(input, self.lower, self.upper, self.training, self.inplace)


class Maxout(torch.nn.Module):
    """Maxout."""

    def __init__(self, pieces: int = 2, dim: int = 1, grouping: str = "consecutive") -> None:
        super().__init__()
        _maxout.parameters["pieces"].check(pieces, "pieces")
        _maxout.parameters["grouping"].check(grouping, "grouping")
        self.pieces, self.dim, self.grouping = pieces, dim, grouping

    def forward(self, input: Tensor) -> Tensor:
        """Apply the activation."""
        return functional.maxout(input, self.pieces, self.dim, self.grouping)

    def extra_repr(self) -> str:
        """Return the arguments."""
        return f"pieces={self.pieces}, dim={self.dim}, grouping={self.grouping!r}"


class MaxoutLinear(torch.nn.Module):
    """Maxout layer."""

    def __init__(
        self,
        in_features: int,
        out_features: int,
        pieces: int = 2,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        _maxout.parameters["pieces"].check(pieces, "pieces")
        self.in_features, self.out_features, self.pieces = in_features, out_features, pieces
        options = {"device": device, "dtype": dtype}
        self.weight = torch.nn.Parameter(torch.empty(out_features * pieces, in_features, **options))
        self.bias = torch.nn.Parameter(torch.empty(out_features * pieces, **options)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the weights anew, as `torch.nn.Linear` does."""
        bound = 1 / math.sqrt(self.in_features) if self.in_features > 0 else 0
        for parameter in self.parameters():
            torch.nn.init.uniform_(parameter, -bound, bound)

    def forward(self, input: Tensor) -> Tensor:
        """Apply the layer."""
        return functional.maxout(torch.nn.functional.linear(input, self.weight, self.bias), self.pieces, -1)

    def extra_repr(self) -> str:
        """Return the arguments."""
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, pieces={self.pieces}, "
            f"bias={self.bias is not None}"
        )


class CReLU(torch.nn.Module):
    """CReLU."""

    def __init__(self, dim: int = 1) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        """Apply the activation."""
        return functional.crelu(input, self.dim)

    def extra_repr(self) -> str:
        """Return the arguments."""
        return f"dim={self.dim}"


class Softmax(torch.nn.Softmax):
    """Softmax."""

    def __init__(self, dim: int | None = None) -> None:
        if dim is None:
            raise ArgumentError("Softmax needs the axis that sums to one: give `dim`, e.g. Softmax(dim=-1)")
        super().__init__(dim)

    def forward(self, input: Tensor) -> Tensor:
        """Apply the activation."""
        return functional.softmax(input, self.dim)
