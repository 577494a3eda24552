"""Losses with the metric that goes with them, by name: one file each, and its line here."""

from __future__ import annotations

from rectifiers.tasks.losses import Loss
from rectifiers.tasks.presets.segmentation import Segmentation
from rectifiers.tasks.presets.several_labels import SeveralLabels
from rectifiers.tasks.presets.token_labels import TokenLabels

__all__ = ["PRESETS"]

PRESETS: dict[str, type[Loss]] = {
    "several-labels": SeveralLabels,
    "token-labels": TokenLabels,
    "segmentation": Segmentation,
}
