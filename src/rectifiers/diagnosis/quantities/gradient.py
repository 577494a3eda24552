"""Gradient: its root mean square at a site, by which vanishing and exploding are seen."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from rectifiers.diagnosis.quantities._quantity import Array, Quantity, Sample, Sums

__all__ = ["gradient"]


def _backward(sample: Sample, gradient: Tensor) -> Sums:
    """Norm of each unit's gradient; scaled, since a vanishing gradient's squares are 0 in float32."""
    limits = torch.finfo(gradient.dtype)
    scale = torch.linalg.vector_norm(gradient, math.inf).clamp(limits.tiny, limits.max)
    return {"gradient.hypot": gradient.div(scale).square_().sum(dim=0).sqrt_().mul_(scale)}


def _figure(norms: Array) -> float:
    return math.sqrt(np.square(norms).mean())


gradient = Quantity("gradient", "gradient RMS", _figure, ("gradient.hypot",), backward=_backward, share=False)
