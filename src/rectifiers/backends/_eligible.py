# mypy: disable-error-code="no-untyped-call, no-any-return"
# (Parts of torch have no types.)
"""Which code runs a call: a kernel, or torch's own operations; decided here and nowhere else."""

from __future__ import annotations

import functools
import importlib.util
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.compiler import is_compiling
from torch.fx.experimental.proxy_tensor import get_proxy_mode
from torch.jit import is_tracing  # type: ignore[attr-defined]

from rectifiers.activations import Activation, Elementwise, Learned, Uniform
from rectifiers.backends._memory_order import PLAIN, dense, in_memory
from rectifiers.backends._thresholds import NEVER, least
from rectifiers.errors import ArgumentError, BackendError

if TYPE_CHECKING:
    from rectifiers.backends._kernels import Kernels

__all__ = ["choose", "has_kernel", "kernels_for", "least_elements", "requested", "set_backend", "using"]

_NAMES = ("auto", "llvm", "triton", "torch")
_VARIABLE = "RECTIFIERS_BACKEND"
_DTYPES = (torch.float32, torch.bfloat16, torch.float16)
_SMALL = "the tensor is small"
_requested = os.environ.get(_VARIABLE, "") or "auto"


def set_backend(name: str) -> str:
    """Choose what computes the activations, for the whole process.

    Call it where a program starts: a checkpointed region whose forward pass and recomputation run on
    different backends raises torch's `CheckpointError`.

    Parameters
    ----------
    name : {"auto", "llvm", "triton", "torch"}
        ``"llvm"``: this library's kernels for the CPU. ``"triton"``: those for CUDA. ``"torch"``: torch's
        operations. ``"auto"``, the default: kernels for tensors large enough to gain from them, torch's
        operations otherwise; `rectifiers.explain` gives the reason. The environment variable
        ``RECTIFIERS_BACKEND`` sets the default. Activations that have no kernel are torch's own under
        every name, and so are all in float64: kernels are for float32, bfloat16 and float16.

    Returns
    -------
    str
        The name that was set before.

    Raises
    ------
    ArgumentError
        The name is none of these.
    BackendError
        In a later call: the backend requested by name cannot run it; the message says why.

    Examples
    --------
    >>> import torch, rectifiers
    >>> from rectifiers import nn
    >>> before = rectifiers.set_backend("torch")
    >>> nn.ELU()(torch.tensor([-1.0, 2.0]))
    tensor([-0.6321,  2.0000])
    >>> rectifiers.set_backend(before)
    'torch'
    """
    global _requested
    _check(name, "name")
    before, _requested = _requested, name
    return before


@contextmanager
def using(name: str) -> Iterator[None]:
    """Set a backend for a ``with`` block, for the whole process: for tests and benchmarks."""
    before = set_backend(name)
    try:
        yield
    finally:
        set_backend(before)


def requested() -> str:
    """Return the backend that is requested."""
    return _requested


def _check(name: str, where: str) -> None:
    if name not in _NAMES:
        raise ArgumentError(f"`{where}` must be one of {', '.join(_NAMES)}, got {name!r}")


def ineligible(input: Tensor, enough: int) -> str:
    """Return why torch's operations run a call; an empty string if the input is one for a kernel.

    What is true of a tensor here is as true when checkpointing recomputes it: nothing depends on dispatch
    modes, hooks, forward mode or the grad mode, all of which an autograd function takes part in.
    """
    if is_compiling() or is_tracing():
        return "a compiler is tracing"
    if type(input) not in PLAIN:
        return f"the input is a {type(input).__name__}, not a plain tensor"
    if input.numel() < enough:
        return _SMALL
    if input.layout is not torch.strided or input.is_nested or input.dtype not in _DTYPES:
        return f"no kernel reads tensors of {input.dtype}, {input.layout}"
    if not (input.is_cpu or input.is_cuda):
        return f"no kernel is for the device {input.device.type}"
    if not in_memory(input):
        return "the input is wrapped by a transform of torch.func, or has no memory of its own"
    if get_proxy_mode() is not None:
        return "make_fx is tracing"
    if enough and not dense(input):  # a kernel reads a copy, on request
        return "the elements of the input do not fill their memory"
    return ""


def has_kernel(record: Activation, *, on_gpu: bool = False) -> bool:
    """Whether there are kernels of an activation; the others are torch's own, always."""
    if isinstance(record, Elementwise):
        random, learned = (
            any(isinstance(p, kind) for p in record.parameters.values()) for kind in (Uniform, Learned)
        )
        # slopes would have to be drawn again in torch's operations
        if not record.written or (random and (learned or record.keeps != "sign")):
            return False
    return least(record, on_gpu=on_gpu) != NEVER


def least_elements(record: Activation, input: Tensor) -> int:
    """Return the number of elements from which a kernel is worthwhile, where `input` is."""
    on_gpu = getattr(input, "is_cuda", False)  # of what is no tensor torch's own says so
    return least(record, on_gpu=on_gpu) // (input.itemsize if on_gpu else 1)


def kernels_for(record: Activation, input: Tensor) -> Kernels | None:
    """Return the kernels that run a call of an activation that has some, or None for torch's operations.

    Raises
    ------
    BackendError
        A backend was requested by name and cannot run it.
    """
    if _requested == "auto":
        # asked first: what traces cannot read the registry once the caller's code has changed any dictionary
        if is_compiling() or ineligible(input, least_elements(record, input)):
            return None
        return available("auto", input.device, record, input.dtype)[0]
    return None if _requested == "torch" else choose(record, input)[0]


def choose(record: Activation, input: Tensor) -> tuple[Kernels | None, str]:
    """Return what `kernels_for` returns, and why."""
    name = _requested
    _check(name, _VARIABLE)
    if name == "torch":
        return None, "torch was requested"
    if isinstance(record, Elementwise) and not record.written:
        return None, "a derivative of it is found by autograd: a kernel needs its formula"
    if not has_kernel(record, on_gpu=input.is_cuda or name == "triton"):
        return None, "there is no kernel: torch's own is as fast"
    if input.dtype == torch.float64:
        return None, "there is no kernel for torch.float64"
    enough = least_elements(record, input) if name == "auto" else 0
    size = f"the tensor has {input.numel()} elements, and the kernel is for {enough} or more"
    reason = ineligible(input, enough) or ("" if input.numel() else "the input is empty")
    if reason:
        kernels, reason = None, size if reason == _SMALL and input.numel() > 0 else reason
    else:
        kernels, reason = available(name, input.device, record, input.dtype)
    if kernels is not None:
        return kernels, size if name == "auto" else f"{name} was requested"
    if name == "auto" or not input.numel():
        return None, reason
    raise BackendError(f"{record.name}: the backend {name!r} was requested but cannot run: {reason}")


@functools.cache
def available(
    name: str, device: torch.device, record: Activation, dtype: torch.dtype
) -> tuple[Kernels | None, str]:
    """Return the kernels of a backend, or None and why they cannot run."""
    kernels: Kernels
    if name == "llvm" or (name == "auto" and device.type == "cpu"):
        if device.type != "cpu":
            return None, f"llvm is for the CPU, the input is on {device}"
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
