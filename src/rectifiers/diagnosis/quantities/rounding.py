"""Rounding loss of gradients: the share that is subnormal or flushed to 0 in its dtype."""

from __future__ import annotations

import torch

from rectifiers.diagnosis.quantities._quantity import Quantity, Sample, Sums, Totals

__all__ = ["rounding"]


def _backward(sample: Sample) -> Sums:
    """Count elements where the activation lets a gradient pass: elsewhere 0 is what belongs there."""
    assert sample.gradient is not None
    tiny = torch.finfo(sample.dtype).tiny
    size = sample.gradient.abs()
    passing = torch.ones_like(size, dtype=torch.bool) if sample.slope is None else sample.slope != 0
    return {
        "passing.sum": passing.sum(dim=0),
        "flushed.sum": (passing & (size == 0)).sum(dim=0),
        "subnormal.sum": (passing & (size > 0) & (size < tiny)).sum(dim=0),
    }


def _figure(totals: Totals) -> float | None:
    if "passing.sum" not in totals.sums:
        return None
    passing, flushed, subnormal = (
        float(totals.sums[f"{key}.sum"].sum()) for key in ("passing", "flushed", "subnormal")
    )
    if not passing:
        return None
    # zeros alone are no rounding: max-pooling and a mean over classes that are right make them, too
    return (subnormal + flushed) / passing if subnormal else 0.0


rounding = Quantity(
    "rounding",
    "gradient lost",
    "share of gradients that are subnormal in their dtype, or flushed to 0 beside such",
    _figure,
    backward=_backward,
)
