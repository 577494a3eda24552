"""Noisy pictures of a disc and a square, each pixel with a label: background, disc, square.

::

    rectifiers compare --data rectifiers.tasks.examples.shapes:load \
        --model rectifiers.tasks.examples.shapes:build --loss 'segmentation(ignore_index=255)' --arms relu,elu
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["build", "load"]


def load() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return pictures ``(n, 1, 16, 16)`` and labels ``(n, 16, 16)``: 160 to train on, 80 to test on.

    The pixels at the edge of a shape count nowhere: their label is 255.
    """
    generator = torch.Generator().manual_seed(0)
    row, column = torch.arange(16).view(1, -1, 1), torch.arange(16).view(1, 1, -1)
    places = torch.randint(4, 12, (4, 240, 1, 1), generator=generator)
    disc = ((row - places[0]) ** 2 + (column - places[1]) ** 2).sqrt()
    square = torch.maximum((row - places[2]).abs(), (column - places[3]).abs())
    labels = torch.where(disc <= 3, 1, torch.where(square <= 3, 2, 0))
    x = labels.unsqueeze(1) - 0.7 + 0.25 * torch.randn(240, 1, 16, 16, generator=generator)
    labels[(disc - 3).abs() < 0.5] = 255
    return x[:160], labels[:160], x[160:], labels[160:]


def build(activation: Any, width: int = 8) -> nn.Module:
    """Return a network of two convolutions, which puts out logits ``(n, 3, 16, 16)``."""
    before = activation.inputs(width)
    after = activation.outputs(before)
    return nn.Sequential(
        nn.Conv2d(1, before, 3, padding=1),
        activation(before),
        nn.Conv2d(after, before, 3, padding=1),
        activation(before),
        nn.Conv2d(after, 3, 1),
    )
