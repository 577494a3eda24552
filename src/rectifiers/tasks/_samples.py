"""All samples of a task by number, those to train on first, wherever they are kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from rectifiers.tasks._drawn import Drawn
from rectifiers.tasks._trees import Inputs, mapped, plain, take, tensor

__all__ = ["Samples"]


@dataclass(frozen=True, eq=False)
class Samples:
    """Samples in memory, or read when they are wanted.

    Attributes
    ----------
    x : Tensor, or dictionary or tuple of tensors
        On the device.
    y : Tensor
        All targets; where they are `raw` and the samples `drawn`, an example.
    drawn : Drawn or None
    raw : bool
        Whether targets are whatever a data set gives.
    """

    x: Inputs
    y: Tensor
    drawn: Drawn | None = None
    raw: bool = False

    def batch(self, chosen: Tensor) -> tuple[Inputs, Tensor]:
        """Return a copy of some samples: inputs and targets, on the device."""
        if self.drawn is None:
            return take(self.x, chosen), self.y[chosen]
        inputs, targets = self.drawn.batch(chosen.tolist())
        found = plain(tensor(targets, "a data set")) if self.raw else self.y[chosen]
        device = self.y.device
        moved: Any = mapped(lambda one: one.to(device), inputs)
        return moved, found.to(device)
