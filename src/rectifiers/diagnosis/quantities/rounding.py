"""Rounding loss of gradients: the share that is subnormal or flushed to 0 in its dtype."""

from __future__ import annotations

import torch

from rectifiers.diagnosis._slope import marked
from rectifiers.diagnosis.quantities._quantity import Quantity, Sample, Sums, Totals

__all__ = ["rounding"]


def _backward(sample: Sample) -> Sums:
    """Count elements where the activation lets a gradient pass: elsewhere 0 is what belongs there."""
    assert sample.gradient is not None
    size = sample.gradient.abs()
    zero = marked(torch.eq, size, 0.0)
    small = marked(torch.lt, size, torch.finfo(sample.dtype).tiny)
    passing = torch.ones_like(zero) if sample.slope is None else marked(torch.ne, sample.slope, 0.0)
    return {
        "passing.sum": passing.sum(dim=0),
        "flushed.sum": (passing * zero).sum(dim=0),
        "subnormal.sum": (small - zero).sum(dim=0),
    }


def _figure(totals: Totals) -> float | None:
    if "passing.sum" not in totals.sums:
        return None
    keys = ("passing", "flushed", "subnormal")
    passing, flushed, subnormal = (float(totals.sums[f"{key}.sum"].sum()) for key in keys)
    if not passing:
        return None
    # zeros alone are no rounding: max-pooling and a mean over classes that are right make them, too
    return (subnormal + flushed) / passing if subnormal else 0.0


rounding = Quantity("rounding", "lost", _figure, backward=_backward)
