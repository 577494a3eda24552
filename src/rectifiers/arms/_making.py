"""How the module of one layer is made of what an arm was given: a class, a module, a function, a record."""

from __future__ import annotations

import copy
import functools
import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from rectifiers.activations import Activation
from rectifiers.arms._text import Word, not_an_argument
from rectifiers.errors import ArgumentError, ArgumentTypeError, UserCodeError

__all__ = ["maker", "signature_of"]

CHANNEL_PARAMETERS = ("channels", "num_channels", "in_channels", "num_parameters", "num_features", "features")
# how a module is run, not what it computes: no part of what an arm means
_MECHANICS = ("inplace", "device", "dtype", "generator")

Make = Callable[[int], nn.Module]


def maker(
    target: Any, positional: tuple[Any, ...], named: dict[str, Any], label: str
) -> tuple[Make, dict[str, Any]]:
    """Return what makes a module for a number of features, and the arguments with their defaults.

    Raises
    ------
    ArgumentError
        If the arguments do not fit the signature, or a required one is missing.
    ArgumentTypeError
        If `target` is nothing an arm can be made of.
    """
    if isinstance(target, Activation):
        target = target.module
    if isinstance(target, nn.Module):
        if positional or named:
            raise ArgumentError(f"{label!r} is a module already made and takes no arguments")
        return functools.partial(_copy, target), {}
    if not callable(target):
        raise ArgumentTypeError(
            f"an arm is a module class, a module or a function, but {label!r} is {type(target).__name__}"
        )
    signature = signature_of(target)
    channel = next((name for name in CHANNEL_PARAMETERS if name in signature.parameters), None)
    if inspect.isclass(target) or channel is not None or not signature.parameters:
        given = _bound(signature, positional, named, label)
        if channel in given:
            channel = None
        _complete(signature, {*given, channel}, label)
        make = functools.partial(_call, target, positional, named, channel, label)
        return make, _meaning(signature, given, {channel})
    tensor = next(iter(signature.parameters))
    given = _bound(signature, (None, *positional), named, label)
    _complete(signature, {*given}, label)
    return functools.partial(_apply, target, positional, named), _meaning(signature, given, {tensor})


def _copy(module: nn.Module, channels: int) -> nn.Module:
    return copy.deepcopy(module)


def _apply(
    function: Callable[..., Any], positional: tuple[Any, ...], named: dict[str, Any], channels: int
) -> nn.Module:
    return _Function(function, positional, named)


def _call(
    factory: Callable[..., Any],
    positional: tuple[Any, ...],
    named: dict[str, Any],
    channel: str | None,
    label: str,
    channels: int,
) -> nn.Module:
    made = factory(*positional, **named, **({} if channel is None else {channel: channels}))
    if isinstance(made, nn.Module):
        return made
    if callable(made):
        return _Function(made, (), {})
    raise UserCodeError(f"{label!r} must make a module or a function, but made {type(made).__name__}")


class _Function(nn.Module):
    """A function on tensors as a module."""

    def __init__(
        self, function: Callable[..., Any], positional: tuple[Any, ...], named: dict[str, Any]
    ) -> None:
        super().__init__()
        self._function, self._positional, self._named = function, positional, named

    def forward(self, x: torch.Tensor) -> Any:
        """Apply the function."""
        return self._function(x, *self._positional, **self._named)


def signature_of(target: Callable[..., Any]) -> inspect.Signature:
    """Return a signature; that of any function on tensors where there is none."""
    try:
        return inspect.signature(target)
    except ValueError:  # written in C: a function on tensors that takes what it takes
        return inspect.signature(lambda x, /, *positional, **named: None)


def _bound(
    signature: inspect.Signature, positional: tuple[Any, ...], named: dict[str, Any], label: str
) -> dict[str, Any]:
    """Return the given arguments by name."""
    for name, value in named.items():
        parameter = signature.parameters.get(name)
        if isinstance(value, Word) and parameter is not None and not isinstance(parameter.default, str):
            raise not_an_argument(value, label)
    try:
        return signature.bind_partial(*positional, **named).arguments
    except TypeError as error:
        allowed = ", ".join(name for name in signature.parameters if name not in _MECHANICS)
        raise ArgumentError(f"{label!r}: {error} (parameters: {allowed or 'none'})") from None


def _complete(signature: inspect.Signature, present: set[str | None], label: str) -> None:
    """Raise if a required argument is neither given nor filled in."""
    missing = [
        p.name
        for p in signature.parameters.values()
        if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD) and p.name not in present
    ]
    if missing:
        raise ArgumentError(
            f"{label!r} needs {' and '.join(missing)}: write {label.split('(')[0]}({missing[0]}=...); only a "
            f"parameter for the number of features ({', '.join(CHANNEL_PARAMETERS)}) is filled in"
        )


def _meaning(signature: inspect.Signature, given: dict[str, Any], without: set[str | None]) -> dict[str, Any]:
    """Return the arguments that say what is computed, defaults filled in, numbers of the defaults' type."""
    meaning = {}
    for name, parameter in signature.parameters.items():
        value = given.get(name, parameter.default)
        if name in without or name in _MECHANICS or value is parameter.empty:
            continue
        whole = isinstance(value, int) and not isinstance(value, bool)
        meaning[name] = float(value) if whole and isinstance(parameter.default, float) else value
    return meaning
