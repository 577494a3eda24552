"""xor: the four points no linear model separates."""

from __future__ import annotations

from pathlib import Path

import torch

from rectifiers.tasks._task import Data, Defaults, Task

__all__ = ["task"]


def _load(data_dir: Path | None) -> Data:
    # the corners of a square around 0: already with mean 0 and variance 1
    x = torch.tensor([[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]])
    y = torch.tensor([0, 1, 1, 0])
    return Data(x, y, x.clone(), y.clone(), 2, "binary cross entropy", "four points, by definition")


task = Task(
    name="xor",
    title="XOR",
    summary="The four points and a 2-h-1 network; trained, validated and tested on the same four.",
    loader=_load,
    defaults=Defaults(
        model="mlp",
        width=16,
        depth=1,
        epochs=200,
        batch_size=4,
        learning_rates=(0.03, 0.1, 0.3, 1.0),
        validation=0.0,
    ),
)
