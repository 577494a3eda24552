"""Make the module class of a gated unit from its record."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor

from rectifiers import functional
from rectifiers.activations import Gated
from rectifiers.functional._docstrings import docstring
from rectifiers.functional._signature import own_code
from rectifiers.nn._derived import derive
from rectifiers.nn._scriptable import ScriptableGated, scriptable
from rectifiers.nn._stand_in import StandIn

__all__ = ["derive_gated"]


class _GatedUnit(torch.nn.Module):
    """What the class of every gated unit does; the record says the rest."""

    record: ClassVar[Gated]
    _function: ClassVar[Callable[..., Tensor]]

    def __init__(self, dim: int = -1) -> None:
        self.record.parameters["dim"].check(dim, "dim")
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        """Apply the activation; axis `dim` becomes half as long."""
        return self._function(input, self.dim)

    def __prepare_scriptable__(self) -> torch.nn.Module:
        """Return what `torch.jit.script` compiles instead."""
        return ScriptableGated(scriptable(derive(self.record.gate)()), self.dim)

    def extra_repr(self) -> str:
        """Return the argument, as torch shows it."""
        return f"dim={self.dim}"


@functools.cache
def derive_gated(record: Gated) -> type[torch.nn.Module]:
    """Return the module class of a gated unit; a subclass of torch's class of that name, if there is one."""
    theirs = getattr(torch.nn, record.title, None)
    members: dict[str, Any] = {
        "__module__": "rectifiers.nn",
        "forward": own_code(_GatedUnit.forward, f"forward_of_{record.name}"),
        "record": record,
        "_function": staticmethod(functional.of(record)),
    }
    if theirs is None:
        cls = type(record.title, (_GatedUnit,), members)
    else:
        cls = StandIn(record.title, (_GatedUnit, theirs), members | {"_stands_for": theirs})
    cls.__doc__ = docstring(record, inspect.signature(cls), module=True)
    return cls
