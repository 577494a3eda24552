"""Signatures that follow from a record, and arguments bound to them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from types import FunctionType
from typing import Any

import torch
from torch import Tensor

from rectifiers.activations import Elementwise, Learned, Uniform
from rectifiers.errors import ArgumentTypeError

__all__ = ["Arguments", "own_code", "signature_of"]

_ANY = inspect.Parameter.POSITIONAL_OR_KEYWORD
_KEYWORD = inspect.Parameter.KEYWORD_ONLY


def own_code(function: Callable[..., Any], name: str) -> Any:
    """Return the same function with a code object of its own.

    `torch.compile` counts recompilations per code object: what many activations share would reach its limit.
    """
    assert isinstance(function, FunctionType)
    copy = FunctionType(
        function.__code__.replace(co_name=name),
        function.__globals__,
        function.__name__,
        function.__defaults__,
        function.__closure__,
    )
    copy.__kwdefaults__, copy.__doc__ = function.__kwdefaults__, function.__doc__
    copy.__annotations__, copy.__qualname__ = function.__annotations__, function.__qualname__
    return copy


def signature_of(record: Elementwise) -> inspect.Signature:
    """Return ``(input, *parameters, [training], [dim], inplace=False, *, [per], [generator])``.

    A random parameter is given by `lower` and `upper` and needs `training`, `per` and `generator`; a learned
    one is a tensor and needs `dim`, the axis it belongs to. torch's order where torch has the function.
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
        tail.append(inspect.Parameter("per", _KEYWORD, default="element", annotation=str))
        generator = torch.Generator | None
        tail.append(inspect.Parameter("generator", _KEYWORD, default=None, annotation=generator))
    return inspect.Signature([*found, *tail], return_annotation=Tensor)


class Arguments:
    """Arguments bound by position and name: what `inspect.Signature.bind` does, at a tenth of its cost."""

    def __init__(self, function: str, parameters: Mapping[str, inspect.Parameter]) -> None:
        self.function = function
        self.names = tuple(name for name, parameter in parameters.items() if parameter.kind is _ANY)
        self.defaults = {name: parameter.default for name, parameter in parameters.items()}
        self.places = {name: place for place, name in enumerate(self.defaults)}
        values = tuple(self.defaults.values())
        self._rest = [values[count:] for count in range(len(self.names) + 1)]  # what so many leave open
        self._fewest, self._most = values.count(inspect._empty), len(self.names)

    def bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """Return the value of every argument by its name."""
        return dict(zip(self.defaults, self.ordered(args, kwargs), strict=True))

    def ordered(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Sequence[Any]:
        """Return the value of every argument, in the order of `places`."""
        count = len(args)
        if not kwargs and self._fewest <= count <= self._most:
            return args + self._rest[count]
        if count > self._most:
            raise self._error(args, kwargs)
        values = [*args, *self._rest[count]]
        for name, value in kwargs.items():
            place = self.places.get(name, -1)
            if place < count:  # unknown, or given by position as well
                raise self._error(args, kwargs)
            values[place] = value
        if count < self._fewest:
            for name in self.names[: self._fewest]:
                if values[self.places[name]] is inspect._empty:
                    raise ArgumentTypeError(f"{self.function}() needs `{name}`")
        return values

    def _error(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> ArgumentTypeError:
        if len(args) > len(self.names):
            more = len(args) - len(self.names)
            return ArgumentTypeError(f"{self.function}() takes {', '.join(self.names)}, got {more} more")
        for name in kwargs:
            if name in self.names[: len(args)]:
                return ArgumentTypeError(f"{self.function}() got `{name}` both by position and by name")
        unknown = next(name for name in kwargs if name not in self.defaults)
        return ArgumentTypeError(
            f"{self.function}() takes {', '.join(self.defaults)}, got unknown `{unknown}`"
        )
