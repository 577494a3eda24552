"""Which backend runs a call: what was asked for, what stands in the way, and why."""

from __future__ import annotations

import functools
import importlib.util
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch._C import (
    _are_functorch_transforms_active,
    _get_tracing_state,
    _has_storage,
    _len_torch_dispatch_stack,
)
from torch.autograd import forward_ad
from torch.compiler import is_compiling

from rectifiers.activations import Activation
from rectifiers.errors import ArgumentError, BackendError

if TYPE_CHECKING:
    from rectifiers.backends._kernels import Kernels

__all__ = [
    "TENSORS",
    "asked",
    "available",
    "backend",
    "choose",
    "obstacle",
    "ordinary",
    "readable",
    "requested",
]

_NAMES = ("auto", "numba", "triton", "torch")
_VARIABLE = "RECTIFIERS_BACKEND"
_DEFAULT = os.environ.get(_VARIABLE, "") or "auto"
_DTYPES = (torch.float32, torch.bfloat16, torch.float16, torch.float64)
TENSORS = (Tensor, torch.nn.Parameter, torch.nn.Buffer)


class _Asked(threading.local):
    """What this thread asked for. Not a `ContextVar`: a compiler that traces cannot read one.

    The class has what any thread asked for last, for threads that are none of Python's: autograd's, where
    checkpointing computes again. And before torch 2.12 a compiler that traces reads nothing but the class.
    """

    name = _DEFAULT

    def __init__(self) -> None:  # in every thread, at its first look
        here = threading.get_ident()
        if any(thread.ident == here for thread in threading.enumerate()):
            self.name = _DEFAULT


asked = _Asked()


@contextmanager
def backend(name: str) -> Iterator[None]:
    """Choose what computes the activations inside a ``with`` block, in this thread.

    Parameters
    ----------
    name : {"auto", "numba", "triton", "torch"}
        ``"numba"``: this library's kernels for the processor. ``"triton"``: those for CUDA.
        ``"torch"``: torch's operations. ``"auto"``, the default: kernels where they run and pay, torch
        elsewhere, as under a compiler that traces, in `torch.func`, in forward mode and for small
        tensors; `rectifiers.explain` gives the reason. The environment variable ``RECTIFIERS_BACKEND``
        sets the default.

    Raises
    ------
    ArgumentError
        The name is none of these.
    BackendError
        In a call inside the block: the backend asked for by name cannot run it; the message says why.

    Examples
    --------
    >>> import torch, rectifiers
    >>> from rectifiers import nn
    >>> with rectifiers.backend("torch"):
    ...     nn.ELU()(torch.tensor([-1.0, 2.0]))
    tensor([-0.6321,  2.0000])
    """
    _check(name, "backend")
    before = asked.name
    asked.name = _Asked.name = name
    try:
        yield
    finally:
        asked.name = _Asked.name = before


def _check(name: str, where: str) -> None:
    if name not in _NAMES:
        raise ArgumentError(f"`{where}` must be one of {', '.join(_NAMES)}, got {name!r}")


def requested() -> str:
    """Return the backend that is asked for; `choose` checks what the environment variable says."""
    return asked.name


def obstacle(input: Tensor) -> str:
    """Return why no kernel can run on a tensor here and now, whichever it is; an empty string if one can."""
    if _are_functorch_transforms_active():
        return "inside a transform of torch.func"
    if type(input) not in TENSORS:
        return f"the input is a {type(input).__name__}, not a plain tensor"
    if _len_torch_dispatch_stack() > 0:
        return "a dispatch mode looks at every operation"
    if forward_ad._current_level >= 0:
        return "differentiation in forward mode"
    if _get_tracing_state() is not None:
        return "torch.jit is tracing"
    if input.dtype not in _DTYPES:
        return f"no kernel is for {input.dtype}"
    if input.layout is not torch.strided or input.is_neg() or input._is_zerotensor():
        return f"the input's memory is not that of a plain tensor ({input.layout})"
    if not _has_storage(input):  # vmap as autograd uses it for batched gradients
        return "the input stands for a batch"
    if not (input.is_cpu or input.is_cuda):
        return f"no kernel is for the device {input.device.type}"
    if not input.numel():
        return "the input is empty"
    return ""


def ordinary(input: Tensor) -> bool:
    """Whether a tensor is on the processor, and nothing between Python and torch changes what it means."""
    return (
        type(input) in TENSORS
        and input.is_cpu
        and not _are_functorch_transforms_active()
        and not _len_torch_dispatch_stack()
    )


def readable(input: Tensor) -> bool:
    """Whether Python may look at the elements of a tensor, and at no great cost."""
    return ordinary(input) and _has_storage(input)


@functools.cache
def available(
    name: str, device: torch.device, record: Activation, dtype: torch.dtype
) -> tuple[Kernels | None, str]:
    """Return the kernels of a backend, or None and why they cannot run."""
    kernels: Kernels
    if name == "auto":
        found, reason = available("numba" if device.type == "cpu" else "triton", device, record, dtype)
        reason = reason if found is None else found.slow(record, dtype, device)
        return (None, reason) if reason else (found, "")
    if name == "numba":
        if device.type != "cpu":
            return None, f"numba is for the processor, the input is on {device}"
        from rectifiers.backends.cpu import kernels as on_cpu

        kernels = on_cpu
    else:
        if device.type != "cuda" and os.environ.get("TRITON_INTERPRET") != "1":
            return None, f"triton is for CUDA, the input is on {device}"
        if importlib.util.find_spec("triton") is None:
            return None, "triton is not installed"
        from rectifiers.backends.gpu import kernels as on_gpu

        kernels = on_gpu
    reason = kernels.refuses(record, dtype)
    return (None, reason) if reason else (kernels, "")


def choose(record: Activation, input: Tensor, name: str) -> tuple[Kernels | None, str]:
    """Return the kernels that run a call, or None for torch's operations; and why.

    Raises
    ------
    BackendError
        A backend was asked for by name and cannot run.
    """
    _check(name, _VARIABLE)
    if name == "torch":
        return None, "torch was asked for"
    reason = "a compiler is tracing" if is_compiling() else obstacle(input)
    if not reason:
        kernels, reason = available(name, input.device, record, input.dtype)
        if kernels is not None:
            return kernels, f"{name} was asked for" if name != "auto" else ""
    if name == "auto" or not input.numel():
        return None, reason
    raise BackendError(f"{record.name}: the backend {name!r} was asked for but cannot run: {reason}")
