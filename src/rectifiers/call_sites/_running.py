"""Run a model once on an example, and leave it as it was."""

from __future__ import annotations

import contextlib
import random
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from rectifiers.errors import (
    ArgumentError,
    ArgumentTypeError,
    RectifiersError,
    UserCodeError,
    error_line,
    one_line,
)

__all__ = ["mapped", "random_states", "refuse_closed", "run", "unchanged"]


def run(model: nn.Module, example: Any) -> Any:
    """Return what a model makes of a copy of an example."""
    copied = mapped(_copied, example)
    args = () if isinstance(example, Mapping) else copied if isinstance(example, tuple) else (copied,)
    kwargs = copied if isinstance(example, Mapping) else {}
    loaded = "torch._dynamo" in sys.modules  # which takes seconds; compiled functions run as they are written
    stance = torch.compiler.set_stance("force_eager") if loaded else contextlib.nullcontext()
    try:
        with warnings.catch_warnings(), stance:
            warnings.simplefilter("ignore")  # a try is no place to warn
            return model(*args, **kwargs)
    except RectifiersError:
        raise
    except Exception as error:  # the model is the user's
        shapes = one_line(mapped(lambda x: tuple(x.shape), example), 200)
        raise UserCodeError(
            f"an example must run through the model, but {type(model).__name__} on {shapes} raised "
            f"{error_line(error)}"
        ) from error


def mapped(function: Callable[..., Any], *values: Any) -> Any:
    """Return tuples, lists and dicts with their tensors put through a function; what else is there stays.

    Of several values of one structure, the function gets the tensors in the same place.
    """
    value = values[0]
    if isinstance(value, Tensor):
        return function(*values)
    if isinstance(value, Mapping):
        return {key: mapped(function, *(one[key] for one in values)) for key in value}
    if isinstance(value, tuple | list):
        made = [mapped(function, *parts) for parts in zip(*values, strict=True)]
        return type(value)(*made) if hasattr(value, "_fields") else type(value)(made)
    return value


def _copied(x: Tensor) -> Tensor:
    """Return a copy that a model may overwrite, also where its gradient is wanted."""
    copied = x.detach().clone()
    return copied.requires_grad_() * 1 if x.requires_grad else copied


def refuse_closed(model: nn.Module, wrappers: tuple[type[nn.Module], ...] = ()) -> None:
    """Raise for models whose forward pass cannot be followed as it is written, and for those in wrappers."""
    if not isinstance(model, nn.Module):
        raise ArgumentTypeError(f"a model is a torch.nn.Module, but got {type(model).__name__}")
    for path, module in model.named_modules():
        compiled = type(module).__name__ == "OptimizedModule" or vars(module).get("_compiled_call_impl")
        kind = "scripted" if isinstance(module, torch.jit.ScriptModule) else "compiled" if compiled else ""
        if kind := kind or "wrapped" * isinstance(module, wrappers):
            raise ArgumentError(
                f"what is called must be seen, but {path or 'the model'} is {kind}: hand it over before that"
            )
    if any(nn.parameter.is_lazy(t) for t in (*model.parameters(), *model.buffers())):
        raise ArgumentError("each layer must have its shape, but one is lazy: run the model on it first")


@contextlib.contextmanager
def random_states(devices: Sequence[int] = ()) -> Iterator[None]:
    """Put the generators of torch, Python and NumPy back when the block ends; those of GPUs by number."""
    python, numpy = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng(devices=devices):
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)


@contextlib.contextmanager
def unchanged(model: nn.Module) -> Iterator[None]:
    """Put buffers, modes and all random states back when the block ends."""
    buffers = [
        (module, name, buffer, buffer.detach().clone())
        for module in model.modules()
        for name, buffer in module.named_buffers(recurse=False)
    ]
    modes = [(module, module.training) for module in model.modules()]
    devices = {t.device for t in (*model.parameters(), *model.buffers()) if t.device.type == "cuda"}
    try:
        with random_states(sorted(device.index for device in devices)):
            yield
    finally:
        for module, training in modes:
            module.training = training
        with torch.no_grad():
            for module, name, buffer, value in buffers:
                if getattr(module, name) is not buffer:
                    setattr(module, name, buffer)
                if not torch.equal(buffer, value):
                    buffer.resize_(value.shape).copy_(value)
