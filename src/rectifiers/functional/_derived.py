"""Make the function of tensors from an activation's record."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from torch import Tensor
from torch.overrides import handle_torch_function, has_torch_function_unary

from rectifiers.activations import Activation, Elementwise
from rectifiers.backends import executor
from rectifiers.errors import ArgumentTypeError

__all__ = ["derive"]

_POSITIONAL = inspect.Parameter.POSITIONAL_OR_KEYWORD


@functools.cache
def derive(record: Activation) -> Callable[..., Tensor]:
    """Return ``function(input, *parameters, inplace=False)`` for an elementwise activation."""
    assert isinstance(record, Elementwise)
    parameters = tuple(record.parameters.items())
    names = (*record.parameters, "inplace")
    defaults = (*record.defaults, False)
    execute = executor(record)

    def function(input: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        if has_torch_function_unary(input):
            result: Tensor = handle_torch_function(function, (input,), input, *args, **kwargs)
            return result
        if not args and not kwargs:
            return execute(input, defaults[:-1])
        values = _bind(record.name, names, defaults, args, kwargs)
        for (name, parameter), value in zip(parameters, values, strict=False):
            parameter.check(value, name)
        return execute(input, values[:-1], values[-1])

    function.__name__ = function.__qualname__ = record.name
    function.__module__ = "rectifiers.functional"
    function.__doc__ = _docstring(record)
    function.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [
            inspect.Parameter("input", _POSITIONAL, annotation=Tensor),
            *(
                inspect.Parameter(name, _POSITIONAL, default=default, annotation=type(default))
                for name, default in zip(names, defaults, strict=True)
            ),
        ],
        return_annotation=Tensor,
    )
    return function


def _bind(
    function: str,
    names: tuple[str, ...],
    defaults: tuple[Any, ...],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> tuple[Any, ...]:
    """Return one value per name: what `inspect.Signature.bind` does, at a tenth of its cost."""
    if len(args) > len(names):
        raise ArgumentTypeError(f"{function}() takes at most {len(names) + 1} arguments, got {len(args) + 1}")
    values = [*args, *defaults[len(args) :]]
    for name, value in kwargs.items():
        if name not in names:
            raise ArgumentTypeError(f"{function}() takes {', '.join(names)} besides the input, got {name!r}")
        if names.index(name) < len(args):
            raise ArgumentTypeError(f"{function}() got `{name}` both by position and by name")
        values[names.index(name)] = value
    return tuple(values)


def _docstring(record: Elementwise) -> str:
    return record.summary
