"""What an arm is called that was passed as an object: by its class and what it was made with."""

from __future__ import annotations

import functools
import inspect
import types
from pathlib import Path
from typing import Any

import torch
from torch import nn

from rectifiers.activations import Activation
from rectifiers.arms._identity import without_addresses
from rectifiers.arms._making import signature_of
from rectifiers.arms._objects import user_code
from rectifiers.errors import one_line

__all__ = ["label_of"]

_LONGEST = 80
_PLAIN = (bool, int, float, complex, str, bytes, type(None))


def label_of(target: Any) -> str:
    """Return an object's name and arguments in one line, such as ``"Mine(slope=0.1)"``; no address in it."""
    with user_code(f"naming an arm of {type(target).__name__}"):
        return one_line(without_addresses(_label(target)), _LONGEST)


def _label(target: Any) -> str:
    if isinstance(target, Activation):
        return target.name
    if isinstance(target, functools.partial):
        positional = [_shown(value) for value in target.args]
        return f"{_label(target.func)}({', '.join([*positional, *_named(target.keywords)])})"
    if isinstance(target, types.FunctionType):
        code, cells = target.__code__, inspect.getclosurevars(target).nonlocals
        if target.__name__ == "<lambda>":
            file = Path(code.co_filename)  # a notebook's cell has none, and another name in each session
            return f"lambda ({file.name}:{code.co_firstlineno})" if file.is_file() else "lambda"
        arguments = _named({name: v for name, v in cells.items() if isinstance(v, _PLAIN)})
        return f"{target.__name__}({', '.join(arguments)})" if arguments else target.__name__
    if isinstance(name := getattr(target, "__name__", None), str):
        return name
    kind = type(target)
    if isinstance(target, nn.Module) and (extra := target.extra_repr()):
        return f"{kind.__name__}({extra})"
    held = {
        name: getattr(target, name, getattr(target, f"_{name}", inspect.Parameter.empty))
        for name in signature_of(kind).parameters
    }
    if arguments := _named({k: v for k, v in held.items() if v is not inspect.Parameter.empty}):
        return f"{kind.__name__}({', '.join(arguments)})"
    said = repr(target)
    return f"{kind.__name__}()" if " object at 0x" in said else said


def _named(arguments: dict[str, Any]) -> list[str]:
    return [f"{name}={_shown(value)}" for name, value in arguments.items()]


def _shown(value: Any) -> str:
    if isinstance(value, torch.Tensor):
        return f"{value.item():g}" if value.numel() == 1 else f"<{'x'.join(map(str, value.shape))} numbers>"
    return _label(value) if callable(value) else repr(value)
