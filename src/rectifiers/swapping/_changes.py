"""What was changed in a model, so that it can be taken back bit for bit."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

__all__ = ["Changes"]


class Changes:
    """A journal of changes to modules, undone in reverse. It is copied and pickled with the model."""

    def __init__(self) -> None:
        self._done: list[tuple[nn.Module, str, Any, Any]] = []

    def __len__(self) -> int:
        return len(self._done)

    def set(self, module: nn.Module, name: str, value: Any) -> None:
        """Set an attribute, a child or ``__class__``; one that was None is taken for one that was not."""
        self._done.append((module, name, getattr(module, name, None), None))
        setattr(module, name, value)

    def scale(self, module: nn.Module, name: str, factor: float) -> None:
        """Multiply a parameter in place."""
        parameter = getattr(module, name)
        before = parameter.detach().clone()
        with torch.no_grad():
            parameter.mul_(factor)
        self._done.append((module, name, before, (parameter.detach().clone(), factor)))

    def undo(self, length: int = 0) -> None:
        """Take changes back until there are `length`."""
        while len(self._done) > length:
            module, name, before, scaled = self._done.pop()
            if scaled is not None:
                parameter, (after, factor) = getattr(module, name), scaled
                same = parameter.shape == after.shape and torch.equal(parameter, after.to(parameter))
                with torch.no_grad():  # one that has been trained since keeps what it learned
                    parameter.copy_(before) if same else parameter.div_(factor)
            elif before is None:
                delattr(module, name)
            else:
                if isinstance(before, nn.Module):  # the others may have been moved, or switched to evaluation
                    before.train(getattr(module, name).training)
                    like = next((p for p in module.parameters() if p.is_floating_point()), None)
                    if like is not None:
                        before.to(like.device)
                setattr(module, name, before)
