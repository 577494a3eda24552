"""One training as tutorials of PyTorch write it: TensorDataset, DataLoader, nn.Sequential, torch.optim.

Nothing is logged and no loss is read back, which tutorials do and which would cost more. The data are tensors
already: a dataset that opens and transforms one image after the other would be slower.
"""

from __future__ import annotations

import functools
import math
import time
from pathlib import Path
from typing import Any

import torch
from benchmarks.study.jobs import Job, Trial
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset, random_split

__all__ = ["Data", "load", "timed"]

Data = dict[str, Tensor]

_ACTIVATIONS: dict[str, Any] = {
    "relu": lambda width: nn.ReLU(),
    "leaky_relu(0.01)": lambda width: nn.LeakyReLU(0.01),
    "leaky_relu(1/5.5)": lambda width: nn.LeakyReLU(1 / 5.5),
    "prelu": lambda width: nn.PReLU(width),
    "rrelu": lambda width: nn.RReLU(),
    "elu": lambda width: nn.ELU(),
    "tanh": lambda width: nn.Tanh(),
}


def load(path: Path) -> Data:
    """Return the four tensors of the data."""
    found: Data = torch.load(path)
    return found


def timed(data: Data, job: Job, trial: Trial) -> tuple[float, float, float]:
    """Carry out one trial; return its accuracy in %, and the times at which it began and ended."""
    _import_optimisers()
    begin = time.time()
    return _train(data, job, trial), begin, time.time()


@functools.cache
def _import_optimisers() -> None:
    """Make an optimiser: the first one in a process imports torch's compiler, which belongs to the start."""
    torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)


def _network(job: Job, arm: str) -> nn.Module:
    features, classes = job.sizes
    layers: list[nn.Module] = [nn.Flatten()]
    for _ in range(job.depth):
        layers += [nn.Linear(features, job.width), _ACTIVATIONS[arm](job.width)]
        features = job.width
    model = nn.Sequential(*layers, nn.Linear(features, classes))
    gain = 1.0  # the first layer sees the data
    for layer in model:
        if isinstance(layer, nn.Linear):
            nn.init.normal_(layer.weight, std=gain / math.sqrt(layer.in_features))
            nn.init.zeros_(layer.bias)
            gain = job.gains[job.arms.index(arm)]
    return model


def _train(data: Data, job: Job, trial: Trial) -> float:
    phase, arm, rate, seed = trial
    torch.manual_seed(seed if phase == "tune" else 1000 + seed)
    train: Any = TensorDataset(data["train_x"], data["train_y"])
    held_out: Any = TensorDataset(data["test_x"], data["test_y"])
    if phase == "tune":
        validation = round(job.validation * len(train))
        train, held_out = random_split(train, [len(train) - validation, validation])
    batches = DataLoader(train, batch_size=job.batch, shuffle=True, drop_last=True)
    model = _network(job, arm)
    loss_of = nn.CrossEntropyLoss()
    optimiser = torch.optim.SGD(model.parameters(), lr=rate, momentum=0.9)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, job.epochs * len(batches))
    model.train()
    for _ in range(job.epochs):
        for x, y in batches:
            optimiser.zero_grad()
            loss = loss_of(model(x), y)
            loss.backward()
            optimiser.step()
            schedule.step()
    model.eval()
    right = 0
    with torch.no_grad():
        for x, y in DataLoader(held_out, batch_size=1000):
            right += int((model(x).argmax(1) == y).sum())
    return 100 * right / len(held_out)
