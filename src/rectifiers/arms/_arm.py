"""The arm: one activation to be compared, made fresh for every layer."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import Any, NamedTuple

import torch
from torch import nn

from rectifiers.arms import _text
from rectifiers.arms._objects import load_object, source_hash, user_code
from rectifiers.errors import (
    ArgumentError,
    ArgumentTypeError,
    ShapeError,
    UnknownNameError,
    UserCodeError,
)

__all__ = ["Arm", "Sampled", "parse_arms"]

CHANNEL_PARAMETERS = ("channels", "num_channels", "in_channels", "num_parameters", "num_features", "features")
# how a module is run, not what it computes: no part of an arm's identity
_MECHANICS = ("inplace", "device", "dtype", "generator")
_PROBE = 840  # features to try an unknown module on: divisible by 1 .. 8
_CURVE_POINTS = 161
_CURVE_REACH = 4.0


class Sampled(NamedTuple):
    """A function on a grid: `x`, its value `f` and its derivative `df`, equally long."""

    x: tuple[float, ...]
    f: tuple[float, ...]
    df: tuple[float, ...]


@dataclass(frozen=True)
class Arm:
    """One activation to be compared.

    Called with a number of features it makes a fresh module for one layer, its features on axis 1.

    Attributes
    ----------
    label : str
        As it was written.
    identity : str
        What it means, with every argument filled in: equal for two spellings of one thing. For the user's
        own it holds the SHA-256 of the source file, so that edited code is another arm.
    name : str
        Name in the registry, ``""`` for torch's and the user's own.
    arguments : dict
        The arguments it is made with, defaults included.
    """

    label: str
    identity: str
    name: str
    arguments: dict[str, Any] = field(compare=False)
    _make: Callable[[int], nn.Module] = field(compare=False, repr=False)
    _object: Any = field(default=None, compare=False, repr=False)

    def __call__(self, channels: int) -> nn.Module:
        """Return a fresh module for `channels` features on axis 1."""
        if self.name:
            return self._make(channels)
        with user_code(f"making arm {self.label!r} for {channels} features"):
            return self._make(channels)

    def __reduce__(self) -> tuple[Any, ...]:
        if self._object is None:
            return _of_text, (self.label,)
        return _of_object, (self._object, self.label)

    def outputs(self, units: int) -> int:
        """Return how many features come out when `units` go in (CReLU: twice as many)."""
        return int(units * self._ratio)

    def inputs(self, units: int) -> int:
        """Return how many features must go in for a layer of `units` (Maxout of k pieces: k times as many)."""
        return units if self._ratio >= 1 else int(units / self._ratio)

    @property
    def keeps_width(self) -> bool:
        """Whether as many features come out as go in."""
        return self._ratio == 1

    @cached_property
    def _ratio(self) -> Fraction:
        if self.name == "maxout":
            return Fraction(1, self.arguments["pieces"])
        shape = self._probe(torch.zeros(2, _PROBE)).shape
        if len(shape) != 2 or shape[0] != 2:
            raise ShapeError(
                f"an arm keeps the batch and has its features on axis 1, but {self.label!r} "
                f"made {tuple(shape)} of (2, {_PROBE})"
            )
        ratio = Fraction(shape[1], _PROBE)
        if 1 not in (ratio.numerator, ratio.denominator) or not ratio:
            raise ShapeError(
                f"an arm multiplies or divides the number of features by a whole number, but {self.label!r} "
                f"made {shape[1]} of {_PROBE}"
            )
        return ratio

    def _probe(self, x: torch.Tensor) -> torch.Tensor:
        """Apply the arm outside training, leaving torch's random state as it was."""
        with torch.random.fork_rng(devices=[]):
            module = self(x.shape[1]).to(x.dtype).eval()
            with user_code(f"arm {self.label!r}"):
                y = module(x)
        if not isinstance(y, torch.Tensor):
            raise UserCodeError(f"an arm returns a tensor, but {self.label!r} returned {type(y).__name__}")
        return y

    @cached_property
    def gain(self) -> float:
        """Gain of the weights this arm feeds: 1 / sqrt(E f(z)^2) for z ~ N(0, 1)."""
        from rectifiers.initialization import gain

        if self.name:
            known = {"init": "weight"}
            return float(gain(self.name, **{known.get(k, k): v for k, v in self.arguments.items() if k not in ("dim", "grouping")}))
        with torch.random.fork_rng(devices=[]), user_code(f"gain of arm {self.label!r}"):
            return float(gain(self(_PROBE).eval()))

    def curve(self) -> Sampled | None:
        """Sample the function and its derivative on [-4, 4], with slopes at their initial or mean value.

        Returns
        -------
        Sampled or None
            None where an output depends on more than one input (Maxout, CReLU, Softmax).
        """
        if not self.keeps_width:
            return None
        x = torch.linspace(-_CURVE_REACH, _CURVE_REACH, _CURVE_POINTS, dtype=torch.float64)
        column = x.reshape(-1, 1).requires_grad_()
        with torch.enable_grad():
            y = self._probe(column)
            if not _elementwise(self._probe, x, y.detach().reshape(-1)):
                return None
            df = torch.zeros_like(column)
            if y.requires_grad:
                (df,) = torch.autograd.grad(y.sum(), column)
        return Sampled(*(tuple(t.detach().reshape(-1).tolist()) for t in (x, y, df)))


def _elementwise(apply: Callable[[torch.Tensor], torch.Tensor], x: torch.Tensor, y: torch.Tensor) -> bool:
    """Whether the values stay the same when the same numbers come in another arrangement."""
    several = torch.stack([x, x.flip(0)], dim=1)
    again = apply(several).detach()
    return again.shape == several.shape and torch.allclose(
        again, torch.stack([y, y.flip(0)], dim=1), rtol=1e-6, atol=1e-9, equal_nan=True
    )


def parse_arms(arms: str | Iterable[Any]) -> tuple[Arm, ...]:
    """Read a list of arms.

    Parameters
    ----------
    arms : str or iterable
        Text such as ``"relu,leaky_relu(1/5.5),torch:nn.Hardswish"``, or a list whose elements are such text,
        arms, or the objects themselves (module classes, instances, functions, records).

    Returns
    -------
    tuple of Arm
        In the order given.

    Raises
    ------
    UnknownNameError
        For a name nothing is registered under, with the nearest ones.
    ArgumentError
        For arguments that do not fit, or two arms that are the same.
    ImportPathError, UserCodeError
        For a path that leads nowhere, or code of the user's that raises.
    """
    found: list[Arm] = []
    for entry in [arms] if isinstance(arms, str) else arms:
        if isinstance(entry, str):
            found += map(_of_text, _text.split(entry))
        else:
            found.append(entry if isinstance(entry, Arm) else _of_object(entry))
    if not found:
        raise ArgumentError("at least one arm is needed, but got an empty list")
    seen: dict[str, str] = {}
    labels: set[str] = set()
    for arm in found:
        if arm.identity in seen:
            raise ArgumentError(
                f"arms must differ, but {seen[arm.identity]!r} and {arm.label!r} are both {arm.identity}"
            )
        if arm.label in labels:
            raise ArgumentError(f"labels of arms must differ, but {arm.label!r} names two")
        seen[arm.identity] = arm.label
        labels.add(arm.label)
    return tuple(found)


def _of_text(label: str) -> Arm:
    head, positional, named = _text.head_and_arguments(label)
    if ":" in head:
        target = load_object(head)
        stamp = "" if head.startswith("torch:") else f"@{source_hash(target)}"
        return _made(label, head, stamp, "", target, positional, named)
    from rectifiers import nn as ours
    from rectifiers.activations import registry

    if head not in registry:
        raise UnknownNameError.of("activation", head, registry)
    target = getattr(ours, registry[head].title)
    if head == "softmax" and not positional:
        named.setdefault("dim", 1)  # an arm has its features there
    try:
        arm = _made(label, head, "", head, target, positional, named)
        arm(arm.arguments.get("pieces", 1))  # the class checks its arguments
    except (ArgumentError, ArgumentTypeError) as error:
        raise type(error)(f"{error} (arm {label!r})") from None
    return arm


def _of_object(target: Any, label: str = "") -> Arm:
    """Make an arm of an object that was passed instead of text."""
    kind = target if hasattr(target, "__qualname__") else type(target)
    path = f"{kind.__module__}:{kind.__qualname__}"
    shown = label or getattr(target, "name", None) or getattr(target, "__name__", None) or repr(target)
    stamp = f"@{source_hash(target)}" + (f" {target!r}" if kind is not target else "")
    return _made(str(shown), path, stamp, "", target, (), {}, given=target)


def _made(
    label: str,
    head: str,
    stamp: str,
    name: str,
    target: Any,
    positional: tuple[Any, ...],
    named: dict[str, Any],
    given: Any = None,
) -> Arm:
    make, arguments = _maker(target, positional, named, label)
    told = {k: v for k, v in arguments.items() if k not in _MECHANICS}
    shown = ", ".join(f"{key}={value!r}" for key, value in told.items())
    identity = head + stamp + (f"({shown})" if shown else "")
    return Arm(label, identity, name, told, make, given)


def _maker(
    target: Any, positional: tuple[Any, ...], named: dict[str, Any], label: str
) -> tuple[Callable[[int], nn.Module], dict[str, Any]]:
    """Return how a layer's module is made of `target`, and the arguments with their defaults."""
    from rectifiers.activations import Activation

    if isinstance(target, Activation):
        target = target.module
    if isinstance(target, nn.Module):
        if positional or named:
            raise ArgumentError(f"{label!r} is a module already made, and takes no arguments")
        return lambda channels: copy.deepcopy(target), {}
    if not callable(target):
        raise ArgumentTypeError(
            f"an arm is a module class, a module or a function, but {label!r} is {type(target).__name__}"
        )
    try:
        signature = inspect.signature(target)
    except ValueError:  # written in C without a signature: a function on tensors
        signature = inspect.Signature(
            [inspect.Parameter("x", inspect.Parameter.POSITIONAL_ONLY)]
            + [inspect.Parameter("more", inspect.Parameter.VAR_POSITIONAL)]
            + [inspect.Parameter("named", inspect.Parameter.VAR_KEYWORD)]
        )
    parameters = signature.parameters
    channel = next((known for known in CHANNEL_PARAMETERS if known in parameters), None)
    makes = inspect.isclass(target) or channel is not None or not parameters
    lead: tuple[Any, ...] = () if makes else (None,)  # a function on tensors takes the tensor first
    arguments = _bound(signature, lead, positional, named, label)
    if not makes:
        return lambda channels: _Function(target, positional, named), arguments
    per_layer = channel is not None and channel not in _bound_names(signature, positional, named)
    if per_layer:
        arguments.pop(str(channel), None)
    required = [
        p.name
        for p in parameters.values()
        if p.default is p.empty
        and p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY, p.POSITIONAL_ONLY)
        and p.name not in arguments
        and not (per_layer and p.name == channel)
    ]
    if required:
        raise ArgumentError(
            f"{label!r} needs a value for {', '.join(required)}: write it as {label.split('(')[0]}"
            f"({required[0]}=...); only a parameter called {' or '.join(CHANNEL_PARAMETERS[:4:3])} is filled in"
        )

    def make(channels: int) -> nn.Module:
        made = target(*positional, **named, **({str(channel): channels} if per_layer else {}))
        return _as_module(made, label)

    return make, arguments


def _as_module(made: Any, label: str) -> nn.Module:
    if isinstance(made, nn.Module):
        return made
    if callable(made):
        return _Function(made, (), {})
    raise UserCodeError(f"{label!r} must make a module or a function, but made {type(made).__name__}")


def _bound_names(
    signature: inspect.Signature, positional: tuple[Any, ...], named: dict[str, Any]
) -> dict[str, Any]:
    return signature.bind_partial(*positional, **named).arguments


def _bound(
    signature: inspect.Signature,
    lead: tuple[Any, ...],
    positional: tuple[Any, ...],
    named: dict[str, Any],
    label: str,
) -> dict[str, Any]:
    """Return the arguments by name with their defaults, whole numbers as the default's type."""
    try:
        bound = signature.bind_partial(*lead, *positional, **named)
    except TypeError as error:
        allowed = [name for name in signature.parameters if name not in _MECHANICS][len(lead) :]
        raise ArgumentError(
            f"{label!r}: {error} (it takes {', '.join(allowed) or 'no arguments'})"
        ) from None
    bound.apply_defaults()
    open_ended = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    values = {
        key: value
        for key, value in list(bound.arguments.items())[len(lead) :]
        if value or signature.parameters[key].kind not in open_ended
    }
    for key, value in values.items():
        default = signature.parameters[key].default
        if isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
            values[key] = float(value)
    return values


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
