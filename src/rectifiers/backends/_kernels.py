"""What a set of kernels offers, whatever the device: the interface between autograd and the machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias

import torch
from torch import Tensor

from rectifiers.activations import Activation, Elementwise

__all__ = ["Draw", "Kernels", "Layout", "Saved", "Values"]

Layout: TypeAlias = tuple[int, int, int]
Saved: TypeAlias = Literal["sign", "output", "input"]
Values: TypeAlias = tuple[Any, ...]


@dataclass(slots=True, eq=False)
class Draw:
    """A random number per element that can be drawn again: from a counter-based generator and a seed.

    Element e of the tensor, counted in logical (row-major) order, takes 16 bits of a word of SplitMix64
    (Steele, Lea & Flood 2014), which passes BigCrush::

        word  = mix(seed + (e // 4 + 1) * 0x9E3779B97F4A7C15)
        k     = word >> 16 * (e % 4) & 0xFFFF
        value = base + step * k           (the product is rounded, then the sum)

    in float32.

    Parameters
    ----------
    lower, upper : float
        Bounds of the number.
    seed : Tensor of int64, 0-d
        On the device of the tensor.
    reciprocal : bool
        Whether one over the number is used.
    """

    lower: float
    upper: float
    seed: Tensor
    reciprocal: bool = False

    @property
    def step(self) -> float:
        """Distance of neighbouring values."""
        return (self.upper - self.lower) / 65536

    @property
    def base(self) -> float:
        """The smallest value: half a step above the lower bound."""
        return self.lower + self.step / 2


class Kernels(Protocol):
    """Kernels of one device.

    All tensors of one call live on that device and are dense; those of equal shape have equal strides, and
    a kernel takes their elements as they lie in memory. Types are float32, float16 or bfloat16, one per
    call; half types are computed in float32 and rounded once. The caller makes outputs, the kernels
    make what they pack. Empty tensors do not get here. Where a number is drawn the elements are in logical
    order in memory, and nothing is learned.

    `values` holds one entry per parameter of the record: a number (`Real`, `Integer`), a word (`Choice`), a
    `Draw` (`Uniform`), or for `Learned` a contiguous tensor of shape (channels,) in the type of `x`.
    `layout` is (outer, channels, inner): the axis the learned parameters belong to lies in the middle of
    the tensor as it lies in memory; (1, 1, n) where nothing is learned per channel.
    """

    name: str

    def refuses(self, record: Activation, dtype: torch.dtype) -> str:
        """Return why these kernels cannot run a record for a type here; an empty string if they can."""
        ...

    def value(
        self, record: Elementwise, values: Values, layout: Layout, x: Tensor, y: Tensor, keep: bool
    ) -> Tensor | None:
        """Write f(x) into `y`, which may be `x`; return a packed bit per element if `keep`.

        It is whether x is positive, as the record takes NaN (`nan_is_positive`).
        """
        ...

    def slope(
        self,
        record: Elementwise,
        values: Values,
        layout: Layout,
        keeps: Saved,
        kept: Tensor,
        g: Tensor,
        gx: Tensor,
    ) -> tuple[Tensor, ...]:
        """Write g times the derivative into `gx`; return the gradient of every learned parameter.

        `kept` is what `value` returned for ``keeps="sign"``, else f(x) or x itself; in terms of x the
        derivative is `derivative_of_input` where the record has it. The gradients, of shape (channels,),
        float32 or float64, are sums in an order that depends on the layout alone.
        """
        ...

    def maxout_value(self, layout: Layout, x: Tensor, y: Tensor, keep: bool) -> Tensor | None:
        """Write the largest of the pieces, NaN if one is, into `y`; return packed winners if `keep`.

        `layout` is (rows, pieces, inner): x is (rows, pieces, inner) and y (rows, inner) in memory. The
        first of equal pieces wins, a NaN before all numbers; ceil(log2(pieces)) bits per output.
        """
        ...

    def maxout_slope(self, layout: Layout, winners: Tensor, g: Tensor, gx: Tensor) -> None:
        """Write `g` where the winner is and 0 elsewhere into `gx`."""
        ...

    def crelu_value(self, layout: tuple[int, int], x: Tensor, y: Tensor, keep: bool) -> Tensor | None:
        """Write max(0, x) and max(0, -x) into `y`; return two packed bits per element if `keep`.

        They are x > 0 and x < 0, both set for NaN.
        `layout` is (rows, length): x is (rows, length) and y (rows, 2, length) in memory. NaN goes to both.
        """
        ...

    def crelu_slope(self, layout: tuple[int, int], signs: Tensor, g: Tensor, gx: Tensor) -> None:
        """Write into `gx` the first half of `g` where x > 0, minus the second where x < 0, 0 elsewhere.

        Where x is NaN it is the difference of both, as of torch's two operations.
        """
        ...
