"""Whether all elements of a small tensor pass a test: torch is asked at first, and machine code from then on.

An operation of torch's that a call needs for nothing else costs several microseconds, where the caches hold
what the rest of a network needs; machine code costs one. But it takes LLVM, which nobody should have to load
for a few small tensors.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch._C import _are_functorch_transforms_active, _has_storage, _len_torch_dispatch_stack

from rectifiers.activations import Elementwise
from rectifiers.backends._choice import TENSORS, choose

__all__ = ["PATIENCE", "looks"]

PATIENCE = 1000
"""Number of tensors for which torch is asked. To load LLVM takes as long as it saves in some 30,000 looks."""

_LARGE = 1 << 15  # elements from which torch shares the work out among threads


def looks(
    record: Elementwise, test: tuple[Any, ...], by_torch: Callable[[Tensor], bool]
) -> Callable[[Tensor], bool]:
    """Return what tells whether Python may look at a tensor, and all elements pass a test.

    Parameters
    ----------
    record : Elementwise
        For whose sake; where no kernel may run it, torch is always asked.
    test : tuple
        Name of a function of `rectifiers.backends.cpu.look`, and its arguments but the type. No sign
        matters to it: a tensor may be one whose elements are to be negated.
    by_torch : callable
        Asks torch.
    """
    native: dict[torch.dtype, Callable[[int, int], bool]] = {}
    patience = PATIENCE

    def passes(input: Tensor) -> bool:
        # `readable`, without its call and its last question: this is all that a small tensor waits for.
        if (
            type(input) not in TENSORS
            or not input.is_cpu
            or _are_functorch_transforms_active()
            or _len_torch_dispatch_stack()
        ):
            return False
        n = input.numel()
        if type(n) is not int:  # torch.jit is tracing: a trace must hold for other elements, too
            return False
        look = native.get(input.dtype)
        if look is not None and n < _LARGE:
            try:
                if input.is_contiguous() and (address := input.data_ptr()):  # 0: no element is in memory
                    return look(address, n)
            except RuntimeError:  # it has no memory of its own
                return False
        return slowly(input, n)

    def slowly(input: Tensor, n: int) -> bool:
        nonlocal patience
        if not _has_storage(input):
            return False
        patience -= n < _LARGE
        if patience <= 0:
            patience = PATIENCE
            if choose(record, input, "auto")[0] is not None:
                native.update(_native(test))
        return by_torch(input)

    return passes


def _native(test: tuple[Any, ...]) -> dict[torch.dtype, Callable[[int, int], bool]]:
    from rectifiers.backends.cpu import look

    name, *arguments = test
    return {dtype: getattr(look, name)(*arguments, dtype) for dtype in look.TYPES}
