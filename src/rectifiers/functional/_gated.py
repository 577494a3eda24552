# mypy: disable-error-code="no-untyped-call, no-any-return"
# (Parts of torch have no types.)
"""Make the function of tensors of a gated unit: torch's operations, there is no kernel."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor
from torch.jit import is_tracing  # type: ignore[attr-defined]
from torch.overrides import handle_torch_function, has_torch_function_unary

from rectifiers.activations import Gated
from rectifiers.activations._gated import check_halves
from rectifiers.backends._torch import torch_executor
from rectifiers.functional._docstrings import docstring
from rectifiers.functional._signature import own_code

__all__ = ["derive_gated"]


@functools.cache
def derive_gated(record: Gated) -> Callable[..., Tensor]:
    """Return the function of ``(input, dim=-1)``."""
    name, gate, values = record.name, torch_executor(record.gate), record.gate.defaults
    theirs: Callable[..., Tensor] | None = getattr(F, name, None)

    def function(input: Tensor, dim: int = -1) -> Tensor:
        if has_torch_function_unary(input):
            result: Tensor = handle_torch_function(function, (input,), input, dim)
            return result
        if not (is_tracing() or input.is_nested):  # sizes are no numbers, and torch checks them
            check_halves(input.shape, dim, name)
        if theirs is not None:
            return theirs(input, dim)
        axis = dim % input.dim()
        halves = input.unflatten(axis, (2, -1))  # not `unbind`, whose views must not be written to
        return halves.select(axis, 0) * gate(halves.select(axis, 1), values)

    function = own_code(function, name)
    function.__name__ = function.__qualname__ = name
    function.__module__ = "rectifiers.functional"
    function.record = record  # type: ignore[attr-defined]
    function.__doc__ = docstring(record, inspect.signature(function))
    return function
