"""What was changed in a model, so that it can be taken back bit for bit."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from rectifiers.call_sites import BASE
from rectifiers.errors import ArgumentError
from rectifiers.swapping._counting import counting

__all__ = ["Changes"]


class Changes(list[tuple[nn.Module, str, Any, Any]]):
    """A journal of changes to modules, undone in reverse. It is copied and pickled with the model."""

    def set(self, module: nn.Module, name: str, value: Any) -> None:
        """Set an attribute, a child or ``__class__``; one that was None is taken for one that was not."""
        _, dtype = _kind(module)
        before = getattr(module, name, None)
        if name == "__class__":
            before = getattr(before, BASE, before)  # a class made on the fly cannot be pickled
        self.append((module, name, before, dtype))
        setattr(module, name, value)

    def scale(self, module: nn.Module, name: str, factor: float) -> None:
        """Multiply a parameter in place."""
        parameter = getattr(module, name)
        self.append((module, name, parameter.detach().clone(), factor))
        with torch.no_grad():
            parameter.mul_(factor)

    def refuse_foreign(self) -> None:
        """Raise if something else has changed a class since, and would be lost."""
        for module, name, _, _ in self:
            if name == "__class__" and BASE not in vars(type(module)):
                raise ArgumentError(
                    f"unswap_ gives classes back, but one is {type(module).__name__} now: take back first "
                    "what has changed it"
                )

    def undo(self, length: int = 0) -> None:
        """Take changes back until there are `length`."""
        while len(self) > length:
            module, name, before, about = self.pop()
            if isinstance(about, float):
                parameter = getattr(module, name)
                before = before.to(parameter)
                same = parameter.shape == before.shape and torch.equal(parameter, before * about)
                with torch.no_grad():  # one that has been trained since keeps what it learned
                    parameter.copy_(before) if same else parameter.div_(about)
            elif before is None:
                delattr(module, name)
            else:
                if isinstance(before, nn.Module):  # the others may have been moved, cast, or switched
                    before.train(getattr(module, name).training)
                    device, dtype = _kind(module)
                    before.to(device, dtype if about not in (None, dtype) else None)
                made_on_the_fly = name == "__class__" and isinstance(before, tuple)
                setattr(module, name, counting(*before) if made_on_the_fly else before)


def _kind(module: nn.Module) -> tuple[torch.device | None, torch.dtype | None]:
    """Return device and type of a module's first parameter."""
    first = next((p for p in module.parameters() if p.is_floating_point()), None)
    return (None, None) if first is None else (first.device, first.dtype)
