"""Make the module class from an activation's record."""

from __future__ import annotations

import functools
import inspect
from typing import Any, ClassVar

import torch
from torch import Tensor

from rectifiers import functional
from rectifiers.activations import Activation, Elementwise
from rectifiers.functional._derived import _bind

__all__ = ["derive"]


class _Derived(torch.nn.Module):
    """What every derived class does; the record says the rest."""

    record: ClassVar[Elementwise]
    inplace: bool

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        names = (*self.record.parameters, "inplace")
        values = _bind(type(self).__name__, names, (*self.record.defaults, False), args, kwargs)
        for (name, parameter), value in zip(self.record.parameters.items(), values, strict=False):
            parameter.check(value, name)
        super().__init__()
        for name, value in zip(names, values, strict=True):
            setattr(self, name, value)

    def forward(self, input: Tensor) -> Tensor:
        """Apply the activation; the output has the shape of the input."""
        values = [getattr(self, name) for name in self.record.parameters]
        return functional.of(self.record)(input, *values, self.inplace)

    def extra_repr(self) -> str:
        """Return the arguments as torch shows them."""
        shown = [f"{name}={getattr(self, name)!r}" for name in self.record.parameters]
        return ", ".join([*shown, "inplace=True"] if self.inplace else shown)


@functools.cache
def derive(record: Activation) -> type[torch.nn.Module]:
    """Return the module class of an elementwise activation, a subclass of torch's of that name if there is one."""
    assert isinstance(record, Elementwise)
    torch_class = getattr(torch.nn, record.title, torch.nn.Module)
    signature = inspect.signature(functional.of(record))
    parameters = list(signature.parameters.values())[1:]
    cls = type(record.title, (_Derived, torch_class), {"record": record, "__doc__": record.summary})
    cls.__module__ = "rectifiers.nn"
    cls.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return cls
