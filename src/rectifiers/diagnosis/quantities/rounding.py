"""Rounding loss of gradients: the share that is subnormal or flushed to 0 in its dtype."""

from __future__ import annotations

import torch
from torch import Tensor

from rectifiers.diagnosis._slope import marked
from rectifiers.diagnosis.quantities._quantity import Array, Quantity, Sample, Sums

__all__ = ["rounding"]


def _backward(sample: Sample, gradient: Tensor) -> Sums:
    """Count elements where the activation lets a gradient pass: elsewhere 0 is what belongs there."""
    size = gradient.abs()
    zero = marked(torch.eq, size, 0.0)
    small = marked(torch.lt, size, torch.finfo(sample.dtype).tiny)
    passing = torch.ones_like(zero) if sample.slope is None else marked(torch.ne, sample.slope, 0.0)
    return {
        "gradient_passing.sum": passing.sum(dim=0),
        "gradient_flushed.sum": (passing * zero).sum(dim=0),
        "gradient_subnormal.sum": (passing * (small - zero)).sum(dim=0),
    }


def _figure(passing: Array, flushed: Array, subnormal: Array) -> float:
    # zeros alone are no rounding: max-pooling and a mean over classes that are right make them, too
    return float((subnormal.sum() + flushed.sum()) / passing.sum()) if subnormal.any() else 0.0


_KEYS = ("gradient_passing.sum", "gradient_flushed.sum", "gradient_subnormal.sum")
rounding = Quantity("rounding", "lost", _figure, _KEYS, backward=_backward)
