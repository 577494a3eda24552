"""Say what runs a call, why, and what it saves for backward."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from rectifiers.activations import Activation, leaky_relu, rrelu
from rectifiers.backends._eligible import choose
from rectifiers.errors import ArgumentTypeError

__all__ = ["Explanation", "explain"]

_BY_KERNELS = {"PiecewiseLinearBackward", "SmoothBackward"}


@dataclass(frozen=True)
class Explanation:
    """What runs one call of an activation.

    Attributes
    ----------
    activation : str
    backend : {"llvm", "triton", "torch"}
        Whose code runs.
    reason : str
        Why it is that one.
    saves : str
        What is saved for backward.
    saved_bytes : int
        Bytes saved that are neither the input's nor the output's.
    """

    activation: str
    backend: str
    reason: str
    saves: str
    saved_bytes: int

    def __str__(self) -> str:
        runs = "torch's own operation" if self.backend == "torch" else f"the {self.backend} kernel"
        return f"{self.activation}: {runs} ({self.reason}); saves {self.saves} for backward"


def explain(activation: Callable[..., Tensor], input: Tensor, *args: Any, **kwargs: Any) -> Explanation:
    """Return what runs an activation on a tensor, why, and what it saves for backward.

    Parameters
    ----------
    activation : callable
        A module of `rectifiers.nn`, a function of `rectifiers.functional`, or one of those made from a record
        of `rectifiers.elementwise`.
    input : Tensor
        What it would be called with. It is called once, on a copy; random generators are left as they are.
    *args, **kwargs
        Further arguments of the call.

    Returns
    -------
    Explanation
        Printed, it is one line.

    Raises
    ------
    ArgumentTypeError
        `activation` is none of this library's.
    BackendError
        A backend was asked for by name and cannot run it.

    Examples
    --------
    >>> import torch, rectifiers
    >>> from rectifiers import nn
    >>> found = rectifiers.explain(nn.ELU(), torch.randn(8))
    >>> found.backend, found.saves
    ('torch', 'the input')
    >>> found.reason
    'the tensor has 8 elements, and the kernel is for 262144 or more'
    """
    record = getattr(activation, "record", None)
    if not isinstance(record, Activation):
        raise ArgumentTypeError(
            "`activation` must be a module of rectifiers.nn or a function of rectifiers.functional, got "
            f"{activation!r}"
        )
    fixed = record is rrelu and not _trains(activation, input, args, kwargs)
    kernels, reason = choose(leaky_relu if fixed else record, input)
    if kwargs.get("per", getattr(activation, "per", "element")) != "element":
        kernels, reason = None, "elements share random numbers"
    saved: list[Tensor] = []

    def pack(tensor: Tensor) -> Tensor:
        saved.append(tensor)
        return tensor

    generator = kwargs.get("generator", getattr(activation, "generator", None))
    state = None if generator is None else generator.get_state()
    copy = input.detach().clone().requires_grad_(input.is_floating_point())
    with (
        torch.random.fork_rng(devices=[input.device] if input.is_cuda else []),
        torch.enable_grad(),
        torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor),
    ):
        seen = copy * 1 if input.is_floating_point() else copy  # so that it may be written to
        output = activation(seen, *args, **kwargs)
    if generator is not None:
        generator.set_state(state)
    saved = saved[1:] if saved and saved[0] is copy else saved
    graph = [output.grad_fn, *(node for node, _ in getattr(output.grad_fn, "next_functions", ()))]
    if kernels is not None and not _BY_KERNELS & {type(node).__name__ for node in graph}:
        kernels, reason = None, "in place, under autocast or with as many pieces a kernel gains nothing"
    saves, size = _described(saved, seen, output, list(args), activation)
    return Explanation(record.name, "torch" if kernels is None else kernels.name, reason, saves, size)


def _trains(activation: Any, input: Tensor, args: Any, kwargs: Any) -> bool:
    """Whether an RReLU draws its slopes; otherwise it is a LeakyReLU."""
    if isinstance(activation, torch.nn.Module):
        return activation.training
    return bool(inspect.signature(activation).bind(input, *args, **kwargs).arguments.get("training"))


def _described(
    saved: list[Tensor], input: Tensor, output: Tensor, args: list[Any], activation: Any
) -> tuple[str, int]:
    """Describe saved tensors."""
    parameters = [*args, *(activation.parameters() if isinstance(activation, torch.nn.Module) else ())]
    known = {tensor.untyped_storage().data_ptr(): "" for tensor in parameters if isinstance(tensor, Tensor)}
    known |= {input.untyped_storage().data_ptr(): "the input"}
    known |= {output.untyped_storage().data_ptr(): "the output"}
    names: list[str] = []
    total = 0
    for tensor in {t.untyped_storage().data_ptr(): t for t in saved}.values():
        name = known.get(tensor.untyped_storage().data_ptr())
        if name is None:
            total += tensor.nbytes
            if tensor.numel() < 2:  # nothing, or a seed
                continue
            bits = 8 * tensor.nbytes / max(1, input.numel())
            name = f"{bits:.3g} bit{'s' if bits != 1 else ''} per element"
        if name and name not in names:
            names.append(name)
    return " and ".join(names) or "nothing", total
