"""Weight updates that rounding loses: weights that stay although their gradient is not 0."""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["Updates"]

_ELEMENTS = 4096  # of each parameter


class Updates:
    """Compares a part of every parameter before and after the optimizer's step, on its device."""

    def __init__(self, model: nn.Module) -> None:
        self._parameters = {name: p for name, p in model.named_parameters() if p.requires_grad}
        self._before: dict[str, tuple[Tensor, Tensor]] = {}
        self._sums: dict[str, Tensor] = {}

    def before(self) -> None:
        """Keep the weights that are to move."""
        for name, parameter in self._parameters.items():
            if parameter.grad is not None and not parameter.grad.is_sparse:
                moves = _part(parameter.grad) != 0
                self._before[name] = _part(parameter).clone(), moves

    def after(self) -> None:
        """Count those that did not."""
        for name, (weights, moves) in self._before.items():
            lost = moves & (_part(self._parameters[name]) == weights)
            counts = torch.stack((lost.sum(), moves.sum())).to(torch.float32)
            self._sums[name] = self._sums[name] + counts if name in self._sums else counts
        self._before.clear()

    def figures(self) -> dict[str, float]:
        """Return the share that was lost, per parameter."""
        found = {name: counts.tolist() for name, counts in self._sums.items()}
        return {name: lost / all_ for name, (lost, all_) in found.items() if all_}


def _part(x: Tensor) -> Tensor:
    flat = x.detach().reshape(-1)
    return flat[:: max(1, flat.numel() // _ELEMENTS)]
