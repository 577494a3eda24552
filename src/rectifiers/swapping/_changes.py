"""What was changed in a model, so that it can be taken back bit for bit."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["Changes"]

_MISSING = "<none>"


class Changes:
    """A journal of changes to modules, undone in reverse. It is copied and pickled with the model."""

    def __init__(self) -> None:
        self._done: list[tuple[str, nn.Module, str, Any]] = []

    def child(self, parent: nn.Module, name: str, new: nn.Module) -> None:
        """Put a module in the place of a parent's child, or add one."""
        self._done.append(("child", parent, name, getattr(parent, name, _MISSING)))
        setattr(parent, name, new)

    def attribute(self, module: nn.Module, name: str, value: Any) -> None:
        """Set an attribute that is neither a module nor a tensor."""
        self._done.append(("attribute", module, name, vars(module).get(name, _MISSING)))
        vars(module)[name] = value

    def cls(self, module: nn.Module, new: type[nn.Module]) -> None:
        """Give a module another class."""
        self._done.append(("class", module, "", type(module)))
        module.__class__ = new

    def scale(self, module: nn.Module, name: str, factor: float) -> None:
        """Multiply a parameter in place."""
        parameter = getattr(module, name)
        before = parameter.detach().clone()
        with torch.no_grad():
            parameter.mul_(factor)
        self._done.append(("scale", module, name, (before, parameter.detach().clone(), factor)))

    def undo(self) -> None:
        """Take every change back."""
        while self._done:
            kind, module, name, old = self._done.pop()
            if kind == "class":
                module.__class__ = old
            elif kind == "scale":
                self._unscale(getattr(module, name), *old)
            elif isinstance(old, str) and old == _MISSING:
                delattr(module, name)
            elif kind == "child":
                setattr(module, name, _beside(module, old))
            else:
                vars(module)[name] = old

    @staticmethod
    def _unscale(parameter: Tensor, before: Tensor, after: Tensor, factor: float) -> None:
        with torch.no_grad():
            same = parameter.shape == after.shape and torch.equal(parameter, after.to(parameter))
            # one that has been trained since keeps what it learned
            parameter.copy_(before) if same else parameter.div_(factor)


def _beside(parent: nn.Module, module: nn.Module) -> nn.Module:
    """Return a module that was put aside, moved to where the others have gone meanwhile."""
    if any(True for _ in module.parameters()):
        like = next((p for p in parent.parameters() if p.is_floating_point()), None)
        if like is not None:
            module.to(like.device)
    return module
