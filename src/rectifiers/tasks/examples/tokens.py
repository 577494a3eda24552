"""Sequences of tokens of different lengths; the label of each token says whether it rises, falls or stays.

::

    rectifiers compare --data rectifiers.tasks.examples.tokens:load \
        --model rectifiers.tasks.examples.tokens:build --loss token-labels --arms relu,gelu
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["Labeller", "build", "load"]

_TOKENS, _LENGTH = 8, 12


def load() -> tuple[dict[str, Tensor], Tensor]:
    """Return 400 sequences, padded with token 0 and label -100; token t is compared with token t - 1."""
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randint(1, _TOKENS, (400, _LENGTH), generator=generator)
    labels = torch.sign(tokens - tokens.roll(1, 1)) + 1
    labels[:, 0] = -100
    lengths = torch.randint(4, _LENGTH + 1, (400, 1), generator=generator)
    mask = torch.arange(_LENGTH) < lengths
    return {"tokens": tokens * mask, "mask": mask}, labels.masked_fill(~mask, -100)


class Labeller(nn.Module):
    """An embedding, a convolution over neighbours, and an activation between it and the labels."""

    def __init__(self, activation: Any, width: int = 16) -> None:
        super().__init__()
        self.embedding = nn.Embedding(_TOKENS, width, padding_idx=0)
        before = activation.inputs(2 * width)
        self.convolution = nn.Conv1d(width, before, 3, padding=1)
        self.activation = activation(before)
        self.head = nn.Linear(activation.outputs(before), 3)

    def forward(self, inputs: dict[str, Tensor]) -> Tensor:
        """Map tokens ``(n, length)`` to logits ``(n, length, 3)``."""
        embedded = self.embedding(inputs["tokens"]) * inputs["mask"].unsqueeze(-1)
        hidden = self.activation(self.convolution(embedded.transpose(1, 2)))
        return self.head(hidden.transpose(1, 2))  # type: ignore[no-any-return]


def build(activation: Any) -> nn.Module:
    """Return the model."""
    return Labeller(activation)
