"""Distributions of pre-activations with the activation's curve, as plain data."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch

from rectifiers.diagnosis._observer import SiteRecord
from rectifiers.diagnosis._slope import values_at
from rectifiers.diagnosis.quantities import Totals
from rectifiers.diagnosis.quantities.histogram import BINS, REACH

__all__ = ["histograms"]


def histograms(sites: Iterable[tuple[SiteRecord, Totals]]) -> list[dict[str, Any]]:
    """Return a row per site and bin: its middle, the share of pre-activations in it, the activation there."""
    x = REACH * ((2 * torch.arange(BINS) + 1) / BINS - 1)
    rows = []
    for site, slot in sites:
        counts = slot.sums["histogram.sum"].double().cpu()
        shares = counts / counts.sum().clamp(min=1.0)
        y = values_at(site.call, x, site.units)
        values = [None] * BINS if y is None else y.tolist()
        rows += [
            {"site": site.call.name, "x": a, "share": b, "f": c}
            for a, b, c in zip(x.tolist(), shares.tolist(), values, strict=True)
        ]
    return rows
