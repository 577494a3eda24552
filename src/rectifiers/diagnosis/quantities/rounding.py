"""Rounding loss of gradients: the share that is subnormal or flushed to 0 in its dtype."""

from __future__ import annotations

import torch

from rectifiers.diagnosis._slope import marked
from rectifiers.diagnosis.quantities._quantity import Array, Gradient, Quantity, Sample, Sums

__all__ = ["rounding"]


def _forward(sample: Sample) -> Sums:
    slope = torch.ones_like(sample.x) if sample.slope is None else sample.slope
    return {"blocked.sum": marked(torch.eq, slope, 0.0).sum(dim=0)}


def _backward(gradient: Gradient) -> Sums:
    size = gradient.values.abs()
    return {
        "gradient_small.sum": marked(torch.lt, size, torch.finfo(gradient.dtype).tiny).sum(dim=0),
        "gradient_zero.sum": marked(torch.eq, size, 0.0).sum(dim=0),
    }


def _figure(small: Array, zero: Array, blocked: Array) -> float:
    """Share of the elements where the activation lets a gradient pass: elsewhere 0 is what belongs there."""
    # zeros alone are no rounding: max-pooling and a mean over classes that are right make them, too
    if (small <= zero).all():
        return 0.0
    lost, passing = (small - blocked).clip(min=0.0), 1 - blocked
    return float(lost.sum() / passing.sum()) if passing.any() else 0.0


_KEYS = ("gradient_small.sum", "gradient_zero.sum", "blocked.sum")
rounding = Quantity("rounding", "lost", _figure, _KEYS, _forward, _backward)
