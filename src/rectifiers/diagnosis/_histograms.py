"""Distributions of pre-activations with the activation's curve, as plain data."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch

from rectifiers.diagnosis._history import Slot
from rectifiers.diagnosis._observer import SiteRecord
from rectifiers.diagnosis._slope import function_of
from rectifiers.diagnosis.quantities.histogram import BINS, REACH

__all__ = ["histograms"]


def histograms(sites: Iterable[tuple[SiteRecord, Slot]]) -> list[dict[str, Any]]:
    """Return a row per site and bin: its middle, the share of pre-activations in it, the activation there."""
    width = 2 * REACH / BINS
    x = -REACH + width * (np.arange(BINS) + 0.5)
    rows = []
    for site, slot in sites:
        counts = slot.sums["histogram.sum"].double().cpu().numpy()
        function = function_of(site.call)
        y = [None] * BINS
        if function is not None and site.units:
            with torch.no_grad(), torch.random.fork_rng(devices=[]):
                like = torch.tensor(x, dtype=torch.float32)[:, None].expand(-1, site.units)
                try:
                    y = function(like.clone()).float()[:, 0].tolist()
                except (RuntimeError, ValueError, IndexError):  # on another device, or made for other shapes
                    y = [None] * BINS
        shares = counts / max(1.0, counts.sum())
        rows += [
            {"site": site.call.name, "x": float(a), "share": float(b), "f": c}
            for a, b, c in zip(x, shares, y, strict=True)
        ]
    return rows
