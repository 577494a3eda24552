"""Weight updates that rounding loses: weights that stay although their gradient is not 0."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["Updates"]

_ELEMENTS = 4096  # of each parameter


class Updates:
    """Compares a part of every parameter before and after the optimizer's step, on its device.

    Parameters
    ----------
    model : nn.Module
    every : int
        Every so many steps of the optimizer are watched; with accumulated gradients, they are not those of
        the model.
    """

    def __init__(self, model: nn.Module, every: int) -> None:
        self._names: dict[Tensor, str] = {p: name for name, p in model.named_parameters()}
        self._every, self._steps = every, 0
        self._before: dict[Tensor, tuple[Tensor, Tensor]] = {}
        self._sums: dict[str, Tensor] = {}

    def before(self, optimizer: torch.optim.Optimizer, *_: Any) -> None:
        """Keep the weights that are to move: not those whose learning rate is 0."""
        self._steps += 1
        if (self._steps - 1) % self._every:
            return
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                gradient = parameter.grad
                if parameter in self._names and gradient is not None and not gradient.is_sparse:
                    moves = (_part(gradient) != 0) & (group.get("lr", 1.0) != 0)
                    self._before[parameter] = _part(parameter).clone(), moves

    def after(self, *_: Any) -> None:
        """Count those that did not."""
        for parameter, (weights, moves) in self._before.items():
            lost = moves & (_part(parameter) == weights)
            counts = torch.stack((lost.sum(), moves.sum())).to(torch.float32)
            name = self._names[parameter]
            self._sums[name] = self._sums[name] + counts if name in self._sums else counts
        self._before.clear()

    def figures(self) -> dict[str, float]:
        """Return the share that was lost, per parameter."""
        found = {name: counts.tolist() for name, counts in self._sums.items()}
        return {name: lost / all_ for name, (lost, all_) in found.items() if all_}


def _part(x: Tensor) -> Tensor:
    flat = x.detach().reshape(-1)
    return flat[:: flat.numel() // _ELEMENTS | 1]  # odd: of a matrix, other columns in every row
