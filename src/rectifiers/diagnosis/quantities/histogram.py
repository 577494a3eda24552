"""Histogram of the pre-activations between -8 and 8: for the report."""

from __future__ import annotations

import torch

from rectifiers.diagnosis.quantities._quantity import Quantity, Sample, Sums

__all__ = ["BINS", "REACH", "histogram"]

BINS, REACH = 64, 8.0
_ELEMENTS = 1024


def _forward(sample: Sample) -> Sums:
    flat = sample.x.reshape(-1)
    part = flat[:: max(1, flat.numel() // _ELEMENTS)].clamp(-REACH, REACH)
    return {"histogram.sum": torch.histc(part.float(), BINS, -REACH, REACH)}


histogram = Quantity("histogram", "", None, (), _forward)
