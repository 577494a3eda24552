"""Dormant units: those whose outputs, or gradients, are small beside the layer's (Sokar 2023; GraMa)."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from rectifiers.diagnosis.quantities._quantity import ENOUGH, Quantity, Totals

__all__ = ["TAU", "dormant", "dormant_gradient"]

TAU = 0.025  # of Sokar et al. 2023, section 3


def _size(x: Tensor | None) -> Tensor:
    assert x is not None
    return x.abs().sum(dim=0)


def _below(key: str) -> Callable[[Totals], float | None]:
    def figure(totals: Totals) -> float | None:
        size = totals.mean(key)
        seen = totals.seen_backward if key.startswith("gradient") else totals.seen
        return None if size is None or seen < ENOUGH else float((size <= TAU * size.mean()).mean())

    return figure


dormant = Quantity("dormant", "dormant", _below("size.sum"), lambda sample: {"size.sum": _size(sample.y)})
dormant_gradient = Quantity(
    "dormant_gradient",
    "",
    _below("gradient_size.sum"),
    backward=lambda sample: {"gradient_size.sum": _size(sample.gradient)},
)
