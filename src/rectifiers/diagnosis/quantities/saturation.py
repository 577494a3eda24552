"""Saturation: the share of positions where the absolute derivative is below 0.05."""

from __future__ import annotations

import numpy as np
import torch

from rectifiers.diagnosis._slope import marked
from rectifiers.diagnosis.quantities._quantity import Quantity, Sample, Sums

__all__ = ["FLAT", "saturation"]

FLAT = 0.05


def _forward(sample: Sample) -> Sums:
    return {} if sample.slope is None else {"flat.sum": marked(torch.lt, sample.slope.abs(), FLAT).sum(dim=0)}


saturation = Quantity("saturation", "flat", np.mean, ("flat.sum",), _forward)
