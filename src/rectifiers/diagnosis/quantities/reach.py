"""Range mismatch: targets that the activation of the model's output cannot reach."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from rectifiers.call_sites import Call
from rectifiers.diagnosis._slope import values_at

__all__ = ["Reach", "reach_of"]

# a function may be nan at infinity, and far out where it need not be
_FAR = torch.tensor([1e3, 1e10, 1e30, torch.inf])
_POINTS = torch.cat((-_FAR, torch.linspace(-20, 20, 4001), _FAR))


@dataclass(frozen=True)
class Reach:
    """What an output can be, and what it should be.

    Attributes
    ----------
    site, activation : str
    low, high : float
        Of the activation's outputs; infinite where they have no bound.
    lowest, highest : float
        Of the targets.
    missed : float
        Share of targets out of reach.
    """

    site: str
    activation: str
    low: float
    high: float
    lowest: float
    highest: float
    missed: float


def reach_of(call: Call, units: int, targets: Tensor) -> Reach | None:
    """Compare targets with the range of an activation, found by calling it; None where it cannot be."""
    y = values_at(call, _POINTS, units)
    if y is None or y.isnan().all() or not targets.numel():
        return None
    low, high = float(y[~y.isnan()].min()), float(y[~y.isnan()].max())
    outside = (targets < low - 1e-6) | (targets > high + 1e-6)
    missed = float(outside.double().mean())
    return Reach(call.name, call.activation, low, high, float(targets.min()), float(targets.max()), missed)
