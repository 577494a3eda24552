"""The usual calls of PReLU and RReLU on small tensors, each in one function.

There, most of what a call costs is the way to what computes: arguments bound to names, checked and handed
from function to function. What is not as usual goes that way; nothing is decided here that is not decided
there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import torch
from torch import Tensor, empty_like, prelu
from torch.compiler import is_compiling

from rectifiers.backends._arguments import Random
from rectifiers.backends._choice import TENSORS, asked, ordinary
from rectifiers.backends._look import FEW

__all__ = ["Usual", "usual_prelu", "usual_rrelu"]

Usual: TypeAlias = Callable[[Tensor, tuple[Any, ...], dict[str, Any]], Tensor | None]
"""Of the input, and of a function's further arguments as they are given; None: go the longer way."""


def _as_modules(args: tuple[Any, ...]) -> bool:
    """Whether they are dim and inplace as a module gives them; what only equals these is no axis."""
    return len(args) == 2 and type(args[0]) is int and args[0] == 1 and args[1] is False


def usual_prelu(looks: Mapping[torch.dtype, Any], below: int) -> Usual:
    """Return the usual call of PReLU.

    Parameters
    ----------
    looks : mapping
        A `Look` that tells whether no element is 0, by type; there are none at first.
    below : int
        The number of elements from which kernels run.
    """

    def usual(input: Tensor, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor | None:
        if kwargs or not args or (len(args) > 1 and not _as_modules(args[1:])):
            return None
        weight = args[0]
        if asked.name != "auto" or is_compiling() or not ordinary(input) or type(weight) not in TENSORS:
            return None
        n, dtype = input.numel(), input.dtype
        look = looks.get(dtype)
        # n is a tensor where torch.jit is tracing.
        if look is None or type(n) is not int or n >= below or weight.dtype != dtype or weight.dim() != 1:
            return None
        count = weight.numel()
        if count != 1 and (input.dim() < 2 or input.size(1) != count):
            return None
        try:
            address = input.is_contiguous() and input.data_ptr()
        except RuntimeError:  # it has no memory of its own
            return None
        if not address or not look[n > FEW](address, n):
            return None
        output = prelu(input, weight)
        return output if output.dtype == dtype else None  # autocast's is another

    return usual


_TRAINING = {"training": True}


def usual_rrelu(
    writer: Callable[[float, float, bool, torch.dtype], Callable[[Tensor, Tensor, int], None] | None],
    types: tuple[torch.dtype, ...],
    below: int,
    bounds: tuple[float, float],
) -> Usual:
    """Return the usual call of RReLU in training.

    Parameters
    ----------
    writer : callable
        Of the bounds, whether their reciprocal is meant, and the type: what writes factors for an input and a
        seed into a tensor, if there is such a thing.
    types : tuple of torch.dtype
        For which the product is rounded as the activation is.
    below : int
        The number of elements from which kernels run.
    bounds : tuple of float
        The default ones.
    """
    source = Random(*bounds)

    def usual(input: Tensor, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor | None:
        if args:
            if kwargs or len(args) not in (3, 4) or args[2] is not True or args[3:] == (True,):
                return None
            if args[:2] != bounds or type(args[0]) is not float or type(args[1]) is not float:
                return None
        elif kwargs != _TRAINING or kwargs["training"] is not True:
            return None
        if asked.name != "auto" or is_compiling() or not ordinary(input):
            return None
        n, dtype = input.numel(), input.dtype
        if type(n) is not int or not 0 < n < below or dtype not in types or input.is_neg():
            return None
        try:
            if not input.is_contiguous() or not input.data_ptr():
                return None
        except RuntimeError:
            return None
        write = writer(*bounds, False, dtype)
        if write is None:
            return None
        factor = empty_like(input)
        write(input, factor, source.seed())
        return input * factor

    return usual
