"""One label a pixel."""

from __future__ import annotations

import torch
from torch import Tensor

from rectifiers.tasks.presets.token_labels import TokenLabels

__all__ = ["Segmentation"]


class Segmentation(TokenLabels):
    """Cross entropy over pixels; targets ``(n, height, width)``, outputs ``(n, classes, height, width)``.

    Measured by the mean IoU: of each class that occurs among targets or answers, over all pixels together.
    """

    metric = "mean IoU"
    name, axis, layout, least_axes = "segmentation", 1, "(n, classes, height, width)", 3

    def score(self, outputs: Tensor, targets: Tensor) -> float:
        """Return the mean over classes of intersection over union, in %; of `rows`."""
        classes, said = outputs.shape[-1], outputs.argmax(-1)
        pairs = torch.bincount(targets * classes + said, minlength=classes * classes).view(classes, classes)
        both = pairs.diagonal().double()
        either = pairs.sum(0) + pairs.sum(1) - both
        return float(100 * (both[either > 0] / either[either > 0]).mean())
