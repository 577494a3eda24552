"""Make the function of tensors from an activation's record."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.overrides import handle_torch_function, has_torch_function, has_torch_function_unary

from rectifiers.activations import Activation, Elementwise, Learned, Uniform
from rectifiers.backends import executor
from rectifiers.errors import ArgumentTypeError, ShapeError
from rectifiers.functional._docstrings import docstring
from rectifiers.functional._random import draw

__all__ = ["Signature", "derive", "signature_of"]

_ANY = inspect.Parameter.POSITIONAL_OR_KEYWORD
_KEYWORD = inspect.Parameter.KEYWORD_ONLY


def signature_of(record: Elementwise) -> inspect.Signature:
    """Return ``(input, *parameters, [training], [dim], inplace=False, *, [generator])``.

    A random parameter is given by `lower` and `upper` and needs `training` and `generator`; a learned one
    is a tensor and needs `dim`, the axis it belongs to. torch's order where torch has the function.
    """
    tail: list[inspect.Parameter] = []
    found = [inspect.Parameter("input", _ANY, annotation=Tensor)]
    for name, parameter in record.parameters.items():
        if isinstance(parameter, Uniform):
            for bound in ("lower", "upper"):
                default = getattr(parameter, bound)
                found.append(inspect.Parameter(bound, _ANY, default=default, annotation=float))
            tail.append(inspect.Parameter("training", _ANY, default=False, annotation=bool))
        elif isinstance(parameter, Learned):
            found.append(inspect.Parameter(name, _ANY, annotation=Tensor))
            tail.append(inspect.Parameter("dim", _ANY, default=1, annotation=int))
        else:
            kind = type(parameter.default)
            found.append(inspect.Parameter(name, _ANY, default=parameter.default, annotation=kind))
    tail = list({parameter.name: parameter for parameter in tail}.values())
    tail.append(inspect.Parameter("inplace", _ANY, default=False, annotation=bool))
    if any(isinstance(parameter, Uniform) for parameter in record.parameters.values()):
        generator = torch.Generator | None
        tail.append(inspect.Parameter("generator", _KEYWORD, default=None, annotation=generator))
    return inspect.Signature([*found, *tail], return_annotation=Tensor)


class Signature:
    """Arguments bound by position and name: what `inspect.Signature.bind` does, at a tenth of its cost."""

    def __init__(self, function: str, parameters: Mapping[str, inspect.Parameter]) -> None:
        self.function = function
        self.names = tuple(name for name, parameter in parameters.items() if parameter.kind is _ANY)
        self.defaults = {name: parameter.default for name, parameter in parameters.items()}
        self.required = tuple(name for name, default in self.defaults.items() if default is inspect._empty)

    def bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """Return the value of every argument."""
        if len(args) > len(self.names):
            raise ArgumentTypeError(
                f"{self.function}() takes {', '.join(self.names)}, got {len(args) - len(self.names)} more"
            )
        given = dict(zip(self.names, args, strict=False))
        for name in kwargs:
            if name in given:
                raise ArgumentTypeError(f"{self.function}() got `{name}` both by position and by name")
            if name not in self.defaults:
                raise ArgumentTypeError(
                    f"{self.function}() takes {', '.join(self.defaults)}, got unknown `{name}`"
                )
        values = {**self.defaults, **given, **kwargs}
        for name in self.required:
            if values[name] is inspect._empty:
                raise ArgumentTypeError(f"{self.function}() needs `{name}`")
        return values


@functools.cache
def derive(record: Activation) -> Callable[..., Tensor]:
    """Return the function of tensors of an elementwise activation; see `signature_of`."""
    assert isinstance(record, Elementwise)
    signature = signature_of(record)
    arguments = Signature(record.name, dict(list(signature.parameters.items())[1:]))
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
                values.append(_along(input, given[name], given["dim"], name))
            elif isinstance(parameter, Uniform):
                lower, upper = given["lower"], given["upper"]
                parameter.check_bounds(lower, upper)
                random = given["training"]
                values.append(
                    draw(input, lower, upper, given["generator"]) if random else (lower + upper) / 2
                )
            else:
                parameter.check(given[name], name)
                values.append(given[name])
        return execute(input, tuple(values), given["inplace"])

    function.__name__ = function.__qualname__ = record.name
    function.__module__ = "rectifiers.functional"
    function.__doc__ = docstring(record, signature)
    function.__signature__ = signature  # type: ignore[attr-defined]
    return function


def _along(input: Tensor, weight: Any, dim: int, name: str) -> Any:
    """Return a learned parameter shaped to broadcast along axis `dim` of the input, in the input's dtype."""
    if not isinstance(weight, Tensor):
        return weight
    if weight.dtype != input.dtype:
        weight = weight.to(input.dtype)
    if weight.numel() == 1:
        return weight.reshape(())
    axis = input.shape[dim] if -input.dim() <= dim < input.dim() else None
    if weight.dim() != 1 or weight.shape[0] != axis:
        features = "no such axis" if axis is None else f"{axis} features there"
        raise ShapeError(
            f"`{name}` must have one element, or one per feature along dim={dim}, but got {name} of shape "
            f"{tuple(weight.shape)} and input of shape {tuple(input.shape)} ({features})"
        )
    shape = [1] * input.dim()
    shape[dim] = -1
    return weight.view(shape)
