"""Dormant units: those whose outputs, or gradients, are small beside the layer's (Sokar 2023; GraMa)."""

from __future__ import annotations

from collections.abc import Callable

from rectifiers.diagnosis.quantities._quantity import Quantity, Sample, Sums, Totals
from rectifiers.diagnosis.quantities.dead import ENOUGH

__all__ = ["TAU", "dormant", "dormant_gradient"]

TAU = 0.025  # of Sokar et al. 2023, section 3


def _outputs(sample: Sample) -> Sums:
    return {"size.sum": sample.y.abs().sum(dim=0)}


def _gradients(sample: Sample) -> Sums:
    assert sample.gradient is not None
    return {"gradient_size.sum": sample.gradient.abs().sum(dim=0)}


def _below(key: str) -> Callable[[Totals], float | None]:
    def figure(totals: Totals) -> float | None:
        size = totals.sums.get(key)
        seen = totals.seen_backward if key.startswith("gradient") else totals.seen
        if size is None or seen < ENOUGH:
            return None
        return float((size <= TAU * size.mean()).mean())

    return figure


dormant = Quantity(
    "dormant",
    "dormant",
    f"share of units whose mean absolute output is at most {TAU} of the mean over units",
    _below("size.sum"),
    _outputs,
)
dormant_gradient = Quantity(
    "dormant_gradient",
    "dormant by gradient",
    f"share of units whose mean absolute gradient is at most {TAU} of the mean over units",
    _below("gradient_size.sum"),
    backward=_gradients,
)
