"""Gradient: its root mean square at a site, by which vanishing and exploding are seen."""

from __future__ import annotations

import math

import numpy as np
import torch

from rectifiers.diagnosis.quantities._quantity import Quantity, Sample, Sums, Totals

__all__ = ["gradient"]


def _backward(sample: Sample) -> Sums:
    """Norm of each unit's gradient; scaled, since a vanishing gradient's squares are 0 in float32."""
    assert sample.gradient is not None
    limits = torch.finfo(sample.gradient.dtype)
    scale = torch.linalg.vector_norm(sample.gradient, math.inf).clamp(limits.tiny, limits.max)
    return {"gradient.hypot": sample.gradient.div(scale).square_().sum(dim=0).sqrt_().mul_(scale)}


def _figure(totals: Totals) -> float | None:
    norms = totals.sums.get("gradient.hypot")
    if norms is None or not totals.seen_backward:
        return None
    return math.sqrt(np.square(norms).mean() / totals.seen_backward)


gradient = Quantity("gradient", "gradient RMS", _figure, backward=_backward, share=False)
