"""What `rectifiers.watch` says of healthy networks: ``python benchmarks/false_alarms.py`` (a minute).

Fifty of them: six activations, fully connected of 2 to 5 layers and convolutional with and without batch
normalisation, weights by `init_`, trained by SGD or Adam at usual rates on what a random teacher says. Each
sentence of advice is a false alarm, and is printed.
"""

from __future__ import annotations

import itertools

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import rectifiers

SEEDS, STEPS, BATCH = 50, 120, 64
KINDS = (nn.ReLU, nn.LeakyReLU, nn.ELU, nn.Tanh, nn.GELU, nn.SiLU)


def dense(kind: type[nn.Module], depth: int) -> nn.Module:
    layers = [part for _ in range(depth - 1) for part in (nn.Linear(64, 64), kind())]
    return nn.Sequential(nn.Flatten(), nn.Linear(192, 64), kind(), *layers, nn.Linear(64, 4))


def convolutional(kind: type[nn.Module], depth: int) -> nn.Module:
    norm = nn.BatchNorm2d if depth % 2 else nn.Identity
    widths = [3, *[16 * 2 ** (index // 2) for index in range(depth)]]
    layers = [
        part
        for inside, outside in itertools.pairwise(widths)
        for part in (nn.Conv2d(inside, outside, 3, padding=1), norm(outside), kind())
    ]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(4 * widths[-1], 4))


def data(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    x = torch.randn(4 * BATCH, 3, 8, 8, generator=generator)
    return x, (x.flatten(1) @ torch.randn(192, 4, generator=generator)).argmax(1)


def said(seed: int) -> list[str]:
    """Train one network; return the advice on it."""
    torch.manual_seed(seed)
    x, y = data(torch.Generator().manual_seed(seed))
    model = (dense, convolutional)[seed // 6 % 2](KINDS[seed % 6], 2 + seed % 4)
    rectifiers.init_(model, example=x)
    rate = (0.05, 1e-3)[seed % 5 == 0]
    optimizer = (torch.optim.SGD, torch.optim.Adam)[seed % 5 == 0](model.parameters(), lr=rate)
    with rectifiers.watch(model, every=2, optimizer=optimizer) as w:
        for step in range(STEPS):
            rows = slice(BATCH * (step % 4), BATCH * (step % 4 + 1))
            optimizer.zero_grad()
            F.cross_entropy(model(x[rows]), y[rows]).backward()
            optimizer.step()
    return [advice.sentence for advice in w.advice() if advice.code != "healthy"]


if __name__ == "__main__":
    torch.set_num_threads(1)
    alarms = {seed: sentences for seed in range(SEEDS) if (sentences := said(seed))}
    for seed, sentences in alarms.items():
        print(f"seed {seed}: {' '.join(sentences)}")
    print(f"{len(alarms)} of {SEEDS} healthy networks got advice")
