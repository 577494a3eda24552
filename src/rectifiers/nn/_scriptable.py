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
        return self.traced(input)


def scriptable(module: Any) -> torch.nn.Module:
    """Return an equivalent module that TorchScript compiles; the module itself if there is none."""
    record = module.record
    if getattr(module, "divisors", None) is not None or getattr(module, "generator", None) is not None:
        return module
    if getattr(module, "per", "element") != "element":  # torch's own draws one per element
        return module
    own = next(
        (cls for cls in type(module).__mro__ if cls.__module__.startswith("torch.nn.modules.act")), None
    )
    found: torch.nn.Module
    if own is None:
        if any(isinstance(parameter, Learned | Uniform) for parameter in record.parameters.values()):
            return module
        return _Traced(torch.jit.trace(_Formula(module), torch.linspace(-1, 1, 3)))
    if getattr(module, "dim", 1) != 1 and module.weight.numel() > 1:
        found = _ScriptablePReLU(module.weight, module.dim)
    else:
        names = [name for name in inspect.signature(own).parameters if hasattr(module, name)]
        found = own(**{name: getattr(module, name) for name in names})
        if isinstance(module, torch.nn.PReLU):
            found.weight = module.weight
    return found.train(module.training)
