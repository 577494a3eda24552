# mypy: disable-error-code="no-untyped-call, no-any-return"
# (Parts of torch have no types.)
"""What `torch.jit.script` compiles in place of a module: torch's own module, or one of its operations."""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch import Tensor

from rectifiers.activations import Learned, Uniform
from rectifiers.backends import formula_of
from rectifiers.errors import BackendError

__all__ = ["ScriptableCReLU", "ScriptableGated", "ScriptableMaxout", "scriptable"]


class ScriptableCReLU(torch.nn.Module):
    """CReLU in what TorchScript compiles."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        """Apply the activation."""
        return torch.cat((torch.relu(input), torch.relu(-input)), self.dim)


class ScriptableGated(torch.nn.Module):
    """One half times the gate of the other, in what TorchScript compiles."""

    def __init__(self, gate: torch.nn.Module, dim: int) -> None:
        super().__init__()
        self.gate, self.dim = gate, dim

    def forward(self, input: Tensor) -> Tensor:
        """Apply the activation."""
        axis = self.dim % input.dim()
        halves = input.unflatten(axis, [2, -1])
        return halves.select(axis, 0) * self.gate(halves.select(axis, 1))


class ScriptableMaxout(torch.nn.Module):
    """Maxout in what TorchScript compiles."""

    def __init__(self, pieces: int, dim: int, strided: bool) -> None:
        super().__init__()
        self.pieces, self.dim, self.strided = pieces, dim, strided

    def forward(self, input: Tensor) -> Tensor:
        """Apply the activation."""
        dim = self.dim % input.dim()
        if self.strided:
            return input.unflatten(dim, [self.pieces, -1]).max(dim)[0]
        return input.unflatten(dim, [-1, self.pieces]).max(dim + 1)[0]


class _ScriptablePReLU(torch.nn.Module):
    """PReLU along any axis."""

    def __init__(self, weight: torch.nn.Parameter, dim: int) -> None:
        super().__init__()
        self.weight, self.dim = weight, dim

    def forward(self, input: Tensor) -> Tensor:
        """Apply the activation."""
        return torch.prelu(input.transpose(1, self.dim), self.weight).transpose(1, self.dim)


class _Formula(torch.nn.Module):
    def __init__(self, module: Any) -> None:
        super().__init__()
        self.module = module

    def forward(self, input: Tensor) -> Tensor:
        record = self.module.record
        return formula_of(record)(input, *(getattr(self.module, name) for name in record.parameters))


class _Traced(torch.nn.Module):
    def __init__(self, traced: torch.nn.Module) -> None:
        super().__init__()
        self.traced = traced

    def forward(self, input: Tensor) -> Tensor:
        half = input.dtype == torch.float16 or input.dtype == torch.bfloat16
        return self.traced(input.float() if half else input).to(input.dtype)


class _Divided(torch.nn.Module):
    """RReLU whose slopes are one over a number between two bounds."""

    def __init__(self, lower: float, upper: float) -> None:
        super().__init__()
        self.lower, self.upper = lower, upper

    def forward(self, input: Tensor) -> Tensor:
        if not self.training:
            return torch.nn.functional.leaky_relu(input, 2 / (self.lower + self.upper))
        divisors = torch.rand_like(input) * (self.upper - self.lower) + self.lower
        return torch.where(input > 0, input, input / divisors)


class _Written(torch.nn.Module):
    """What torch has not in place, in place."""

    def __init__(self, module: torch.nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, input: Tensor) -> Tensor:
        return input.copy_(self.module(input.clone()))


def scriptable(module: Any) -> torch.nn.Module:
    """Return an equivalent module that TorchScript compiles.

    Raises
    ------
    BackendError
        There is none: of a generator, or of a formula with learned or random parameters.
    """
    record = module.record
    if getattr(module, "generator", None) is not None:
        raise BackendError(f"{record.title}: torch.jit.script compiles no `generator`; make it without one")
    if getattr(module, "per", "element") != "element":  # torch's own draws one per element
        raise BackendError(
            f"{record.title}: torch.jit.script compiles slopes per element, got per={module.per!r}"
        )
    own = next(
        (cls for cls in type(module).__mro__ if cls.__module__.startswith("torch.nn.modules.act")), None
    )
    found, writes = _equivalent(module, own)
    found = found if writes or not module.inplace else _Written(found)
    return found.train(module.training)


def _equivalent(module: Any, own: Any) -> tuple[torch.nn.Module, bool]:
    """The equivalent module, and whether it works in place if the module does."""
    record = module.record
    if own is None:
        if any(isinstance(parameter, Learned | Uniform) for parameter in record.parameters.values()):
            raise BackendError(
                f"{record.title}: torch.jit.script compiles no formula with learned or random parameters; "
                "use torch.export"
            )
        return _Traced(
            torch.jit.trace(_Formula(module), torch.linspace(-1, 1, 3, dtype=torch.float64))
        ), False
    if getattr(module, "divisors", None) is not None:
        return _Divided(*module.divisors), False
    if getattr(module, "dim", 1) != 1 and module.weight.numel() > 1:
        return _ScriptablePReLU(module.weight, module.dim), False
    names = [name for name in inspect.signature(own).parameters if hasattr(module, name)]
    found = own(**{name: getattr(module, name) for name in names})
    if isinstance(module, torch.nn.PReLU):
        found.weight = module.weight
    return found, "inplace" in names
