"""Make the function of tensors from an activation's record."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from torch import Tensor
from torch.overrides import handle_torch_function, has_torch_function, has_torch_function_unary

from rectifiers.activations import Activation, Elementwise, Learned, Uniform
from rectifiers.backends import Channels, Random, executor
from rectifiers.errors import ArgumentTypeError, ShapeError
from rectifiers.functional._docstrings import docstring
from rectifiers.functional._signature import Arguments, signature_of

__all__ = ["derive"]


@functools.cache
def derive(record: Activation) -> Callable[..., Tensor]:
    """Return the function of tensors of an elementwise activation; see `signature_of`."""
    assert isinstance(record, Elementwise)
    signature = signature_of(record)
    arguments = Arguments(record.name, dict(list(signature.parameters.items())[1:]))
    plain = not any(isinstance(parameter, Learned | Uniform) for parameter in record.parameters.values())
    parameters = tuple(record.parameters.items())
    defaults = record.defaults
    execute = executor(record)

    def function(input: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        if has_torch_function_unary(input) or (not plain and has_torch_function((*args, *kwargs.values()))):
            overloaded = (input, *args, *kwargs.values())
            result: Tensor = handle_torch_function(function, overloaded, input, *args, **kwargs)
            return result
        if plain and not kwargs and len(args) <= len(defaults):  # the usual call, at a third of the cost
            for (name, parameter), value in zip(parameters, args, strict=False):
                parameter.check(value, name)
            return execute(input, args + defaults[len(args) :])
        given = arguments.bind(args, kwargs)
        if not plain and not input.is_floating_point():
            raise ArgumentTypeError(f"{record.name} needs a floating-point tensor, got {input.dtype}")
        values = []
        for name, parameter in parameters:
            if isinstance(parameter, Learned):
                values.append(_channels(input, given[name], given["dim"], name))
            elif isinstance(parameter, Uniform):
                lower, upper = given["lower"], given["upper"]
                parameter.check_bounds(lower, upper)
                mean = (lower + upper) / 2
                values.append(Random(lower, upper, given["generator"]) if given["training"] else mean)
            else:
                parameter.check(given[name], name)
                values.append(given[name])
        return execute(input, tuple(values), given["inplace"])

    function.__name__ = function.__qualname__ = record.name
    function.__module__ = "rectifiers.functional"
    function.record = record  # type: ignore[attr-defined]
    function.__doc__ = docstring(record, signature)
    function.__signature__ = signature  # type: ignore[attr-defined]
    return function


def _channels(input: Tensor, weight: Any, dim: int, name: str) -> Any:
    """Return a learned parameter with the axis of the input that it belongs to."""
    if not isinstance(weight, Tensor):
        return weight
    if weight.numel() == 1:
        return Channels(weight, dim)
    axis = input.shape[dim] if -input.dim() <= dim < input.dim() else None
    if weight.dim() != 1 or weight.shape[0] != axis:
        features = "no such axis" if axis is None else f"{axis} features there"
        raise ShapeError(
            f"`{name}` must have one element, or one per feature along dim={dim}, but got {name} of shape "
            f"{tuple(weight.shape)} and input of shape {tuple(input.shape)} ({features})"
        )
    return Channels(weight, dim)
