"""Parameters that are more than a number: one per channel, or drawn per element."""

from __future__ import annotations

import functools
import threading
from dataclasses import dataclass

import torch
from torch import Tensor

from rectifiers.backends._kernels import Draw, Layout

__all__ = ["Channels", "Random", "layout_of", "numbers"]


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


def layout_of(input: Tensor, dim: int) -> Layout:
    """Return (outer, channels, inner) of a dense tensor as it lies in memory; `channels` along `dim`."""
    shape, strides = input.shape, input.stride()
    dim %= input.dim()
    outer = inner = 1
    for axis, length in enumerate(shape):
        if axis != dim and length != 1:
            if strides[axis] > strides[dim]:
                outer *= length
            else:
                inner *= length
    return outer, shape[dim], inner


_SEEDS = 2**63 - 1


class _Scratch(threading.local):
    """A tensor of this thread's for `Random.seed`."""

    def __init__(self) -> None:
        with torch.inference_mode(False):  # else none but inference could write to it
            self.seed = torch.empty((), dtype=torch.int64, device="cpu")


_scratch = _Scratch()


@dataclass(slots=True, eq=False)
class Random:
    """A parameter drawn per element from U(lower, upper), or one over such a number.

    Parameters
    ----------
    lower, upper : float
    generator : torch.Generator or None
        Source of the seed; the default generator of the input's device if None.
    reciprocal : bool
        Whether one over the number is meant.
    """

    lower: float
    upper: float
    generator: torch.Generator | None = None
    reciprocal: bool = False

    def draw(self, device: torch.device, swapped: Layout | None = None) -> Draw:
        """Take a seed from the generator: all that is random about the numbers."""
        seed = torch.randint(_SEEDS, (), device=device, generator=self.generator)
        return Draw(self.lower, self.upper, seed, self.reciprocal, swapped)

    def seed(self) -> int:
        """Take the same seed as `draw`, on the processor, at less cost than a new tensor's."""
        seed, generator = _scratch.seed, self.generator
        drawn = seed.random_(_SEEDS) if generator is None else seed.random_(_SEEDS, generator=generator)
        return drawn.item()  # type: ignore[return-value]

    def numbers(self, input: Tensor) -> Tensor:
        """Return one number per element, in float64 for float64 and else in float32."""
        return numbers(self.draw(input.device), input)


def numbers(draw: Draw, like: Tensor) -> Tensor:
    """Return the numbers of a tensor's elements in its shape, in float64 for float64 and else in float32."""
    dtype = torch.float64 if like.dtype == torch.float64 else torch.float32
    # The counts are small integers: exact in either type. Product and sum are rounded apart.
    found = _counts(draw.seed, like.shape).to(dtype) * draw.step + draw.base
    return found.reciprocal() if draw.reciprocal else found


_ROUNDS = 7
_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_WEYL = (0x9E3779B9, 0xBB67AE85)
_LOW = 0xFFFFFFFF


def _counts(seed: Tensor, shape: torch.Size) -> Tensor:
    """Return 16 random bits per element as int64: the stream that `Draw` defines, in torch's operations."""
    n = functools.reduce(lambda product, length: product * length, shape, 1)
    blocks = (n + 63) // 64
    counter = torch.arange(blocks * 8, device=seed.device)
    zero = torch.zeros_like(counter)
    state = (counter & _LOW, counter >> 32, zero, zero)
    low, high = seed & _LOW, (seed >> 32) & _LOW
    for turn in range(_ROUNDS):
        upper_0, lower_0 = _product(state[0], _MULTIPLIERS[0])
        upper_2, lower_2 = _product(state[2], _MULTIPLIERS[1])
        key_0, key_1 = (low + turn * _WEYL[0]) & _LOW, (high + turn * _WEYL[1]) & _LOW
        state = (upper_2 ^ state[1] ^ key_0, lower_2, upper_0 ^ state[3] ^ key_1, lower_0)
    halves = [half for word in state for half in (word & 0xFFFF, word >> 16)]
    lanes = [half.reshape(blocks, 8) for half in halves]
    return torch.stack(lanes, 1).reshape(-1)[:n].reshape(shape)


def _product(a: Tensor, multiplier: int) -> tuple[Tensor, Tensor]:
    """Upper and lower 32 bits of a product of 32-bit numbers, in int64 without its overflow."""
    below = (a & 0xFFFF) * multiplier
    above = (a >> 16) * multiplier + (below >> 16)
    return above >> 16, ((above & 0xFFFF) << 16) | (below & 0xFFFF)
