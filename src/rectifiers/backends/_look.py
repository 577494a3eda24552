"""Whether all elements of a tensor pass a test: torch is asked at first, and machine code from then on.

An operation of torch's that a call needs for nothing else costs several microseconds for a small tensor,
where the caches hold what the rest of a network needs; machine code costs one. At a large tensor it looks
three times as fast. But it needs LLVM, which nobody should have to load for a few tensors.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch._C import _has_storage

from rectifiers.activations import Elementwise
from rectifiers.backends._choice import choose, ordinary
from rectifiers.backends._memory_order import dense

if TYPE_CHECKING:
    from rectifiers.backends.cpu.look import Look

__all__ = ["FEW", "PATIENCE", "looks"]

PATIENCE = 1000
"""Number of small tensors for which torch is asked; a large one counts for several.

To load LLVM takes as long as it saves in some 30,000 looks at small tensors, or 2,000 at a million elements.
"""

_COUNTS = 1 << 16  # elements that count for one small tensor more
FEW = 1 << 12  # elements up to which a look takes about as long as the call of it


def looks(
    record: Elementwise, test: tuple[Any, ...], by_torch: Callable[[Tensor], bool]
) -> tuple[Callable[[Tensor], bool], dict[torch.dtype, Look]]:
    """Return what tells whether Python may look at a tensor, and all elements pass a test.

    And the machine code that it takes for each type, once there is some.

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
    native: dict[torch.dtype, Look] = {}
    patience = PATIENCE

    def passes(input: Tensor) -> bool:
        if not ordinary(input):
            return False
        n = input.numel()
        if type(n) is not int:  # torch.jit is tracing: a trace must hold for other elements, too
            return False
        look = native.get(input.dtype)
        if look is not None:
            try:
                if (input.is_contiguous() or (n > FEW and dense(input))) and (address := input.data_ptr()):
                    return look[n > FEW](address, n)  # an address of 0: no element is in memory
            except RuntimeError:  # it has no memory of its own
                return False
        return slowly(input, n)

    def slowly(input: Tensor, n: int) -> bool:
        nonlocal patience
        if not _has_storage(input):
            return False
        patience -= 1 + n // _COUNTS
        if patience <= 0:
            patience = PATIENCE
            if choose(record, input, "auto")[0] is not None:
                native.update(_native(test))
        return by_torch(input)

    return passes, native


def _native(test: tuple[Any, ...]) -> dict[torch.dtype, Look]:
    from rectifiers.backends.cpu import look

    name, *arguments = test
    return {dtype: getattr(look, name)(*arguments, dtype) for dtype in look.TYPES}
