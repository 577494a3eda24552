"""Sparsity: the share of outputs that are 0."""

from __future__ import annotations

import numpy as np
import torch

from rectifiers.diagnosis._slope import marked
from rectifiers.diagnosis.quantities._quantity import Quantity, Sample, Sums

__all__ = ["sparsity"]


def _forward(sample: Sample) -> Sums:
    return {"zeros.sum": marked(torch.eq, sample.y, 0.0).sum(dim=0)}


sparsity = Quantity("sparsity", "zeros", np.mean, ("zeros.sum",), _forward)
