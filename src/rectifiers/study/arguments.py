"""The rules single arguments of a plan obey, each broken in one line."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from numbers import Integral, Real
from typing import Any, TypeVar

import torch

from rectifiers.errors import ArgumentError, ArgumentTypeError, UnknownNameError

__all__ = [
    "device",
    "learning_rates",
    "memory",
    "names",
    "one_of",
    "real",
    "seconds",
    "tuning_seeds",
    "whole",
]

_Name = TypeVar("_Name", bound=str)


def whole(name: str, value: Any, least: int) -> int:
    """Return a whole number of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise ArgumentTypeError(f"{name} is a whole number, but got {value!r}")
    if value < least:
        raise ArgumentError(f"`{name} >= {least}` must hold, but got {name}={value}")
    return int(value)


def real(name: str, value: Any, low: float, high: float = math.inf, *, ends: str = "()") -> float:
    """Return a finite number of the interval from `low` to `high`; `ends` says which ends belong to it."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise ArgumentTypeError(f"{name} is a number, but got {value!r}")
    number = float(value)
    above = number >= low if ends[0] == "[" else number > low
    below = number <= high if ends[1] == "]" else number < high
    if not (above and below and math.isfinite(number)):
        lower = f"{low:g} {'<=' if ends[0] == '[' else '<'} "
        upper = "" if high == math.inf else f" {'<=' if ends[1] == ']' else '<'} {high:g}"
        raise ArgumentError(f"`{lower}{name}{upper}` must hold, but got {name}={number:g}")
    return number


def one_of(name: str, value: Any, known: Sequence[_Name]) -> _Name:
    """Return one of the known names."""
    if value not in known:
        raise UnknownNameError.of(name, str(value), known)
    return known[known.index(value)]


def names(kind: str, values: str | Iterable[str], known: Sequence[str]) -> tuple[str, ...]:
    """Return known, distinct names, given as a list or as text with commas."""
    listed = [part.strip() for part in values.split(",")] if isinstance(values, str) else list(values)
    if not listed:
        raise ArgumentError(f"at least one {kind} is needed: one of {', '.join(known)}")
    for value in listed:
        one_of(kind, value, known)
    if len(set(listed)) < len(listed):
        raise ArgumentError(f"each {kind} is given once, but got {','.join(listed)}")
    return tuple(listed)


def learning_rates(value: str | float | Iterable[float], grid: tuple[float, ...]) -> tuple[float, ...]:
    """Return the rates to try, ascending: the task's `grid` for ``"auto"``, one number, or an own grid."""
    if isinstance(value, str):
        if value.strip() == "auto":
            return tuple(sorted(grid))
        try:
            rates = [float(part) for part in value.split(",")]
        except ValueError:
            raise ArgumentError(
                f"learning rate is `auto`, a number, or a grid such as 0.01,0.03,0.1, but got {value!r}"
            ) from None
    elif isinstance(value, Real):
        rates = [float(value)]
    elif isinstance(value, Iterable):
        rates = list(value)
    else:
        raise ArgumentTypeError(f"learning rate is `auto`, a number, or a grid, but got {value!r}")
    checked = sorted(real("learning rate", rate, 0) for rate in rates)
    if not checked:
        raise ArgumentError("at least one learning rate is needed, but got an empty grid")
    if len(set(checked)) < len(checked):
        raise ArgumentError(
            f"the rates of a grid are distinct, but got {', '.join(f'{r:g}' for r in checked)}"
        )
    return tuple(checked)


def device(name: str) -> torch.device:
    """Return a device of this machine that torch can use."""
    try:
        found = torch.device(name)
        if found.type == "meta":
            raise ArgumentError("device 'meta' computes nothing: use cpu or cuda")
        torch.zeros(1, device=found)
    except (RuntimeError, AssertionError) as error:  # the latter from a torch compiled without CUDA
        said = str(error).splitlines()[0]
        raise ArgumentError(f"device {name!r} cannot be used here: {said}; use cpu") from None
    return found


def tuning_seeds(usual: int, seeds: int) -> int:
    """Return on how many seeds rates are chosen: fewer where few decide, so that choosing costs no more."""
    return min(usual, 1 if seeds < 7 else 2 if seeds < 10 else 3)


_BYTES = {"b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 2**10, "mib": 2**20, "gib": 2**30}


def memory(name: str, value: str | int) -> int:
    """Return a number of bytes, given as such or as text: ``"500MB"``, ``"2GiB"``."""
    number, unit = value, "b"
    if isinstance(value, str):
        text = value.strip().lower()
        number = text.rstrip("abcdefghijklmnopqrstuvwxyz ")
        unit = text[len(number) :].strip() or "b"
    try:
        found = int(float(number) * _BYTES[unit])
    except (ValueError, KeyError, OverflowError):
        raise ArgumentError(f"{name} is an amount such as 500MB or 2GiB, but got {value!r}") from None
    return whole(name, found, 1)


_UNITS = {"s": 1.0, "sec": 1.0, "min": 60.0, "m": 60.0, "h": 3600.0}


def seconds(name: str, value: str | float) -> float:
    """Return a duration in seconds, given as such or as text: ``"90s"``, ``"10min"``, ``"2h"``."""
    if not isinstance(value, str):
        return real(name, value, 0)
    text = value.strip().lower()
    number = text.rstrip("abcdefghijklmnopqrstuvwxyz ")
    unit = text[len(number) :].strip() or "s"
    try:
        found = float(number) * _UNITS[unit]
    except (ValueError, KeyError):
        raise ArgumentError(f"{name} is a duration such as 90s, 10min or 2h, but got {value!r}") from None
    return real(name, found, 0)
