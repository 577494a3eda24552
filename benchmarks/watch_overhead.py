"""What `rectifiers.watch` costs: ``python benchmarks/watch_overhead.py``; writes benchmarks/WATCH.md.

Steps with and without are interleaved in one process on one thread. A figure compares the fastest steps by
processor time, on which other work on the machine counts least. Beside it: forward hooks that compute three
of the means.
"""

from __future__ import annotations

import argparse
import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import rectifiers

BATCH = 64


class Block(nn.Module):
    def __init__(self, inside: int, outside: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inside, outside, 3, stride, 1, bias=False)
        self.conv2 = nn.Conv2d(outside, outside, 3, 1, 1, bias=False)
        self.bn1, self.bn2, self.relu = (
            nn.BatchNorm2d(outside),
            nn.BatchNorm2d(outside),
            nn.ReLU(inplace=True),
        )
        short = nn.Conv2d(inside, outside, 1, stride, bias=False)
        self.short = nn.Sequential(short, nn.BatchNorm2d(outside)) if stride > 1 else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu(self.bn1(self.conv1(x)))
        return self.relu(self.bn2(self.conv2(y)) + self.short(x))


def resnet() -> nn.Module:
    """ResNet-18's shape for 32 x 32 images."""
    widths = [
        (64, 64, 1),
        (64, 64, 1),
        (64, 128, 2),
        (128, 128, 1),
        (128, 256, 2),
        (256, 256, 1),
        (256, 512, 2),
        (512, 512, 1),
    ]
    stem = [nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.BatchNorm2d(64), nn.ReLU(inplace=True)]
    return nn.Sequential(
        *stem, *(Block(*w) for w in widths), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 10)
    )


class Transformer(nn.Module):
    """ViT-tiny's shape for 32 x 32 images: 65 tokens of 192 features, 12 layers."""

    def __init__(self) -> None:
        super().__init__()
        self.patch = nn.Conv2d(3, 192, 4, 4)
        layer = nn.TransformerEncoderLayer(192, 3, 768, 0.0, "gelu", batch_first=True, norm_first=True)
        self.layers, self.head = (
            nn.TransformerEncoder(layer, 12, enable_nested_tensor=False),
            nn.Linear(192, 10),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.layers(self.patch(x).flatten(2).transpose(1, 2)).mean(1))


def mlp() -> nn.Module:
    layers = [part for _ in range(4) for part in (nn.Linear(1024, 1024), nn.ReLU())]
    return nn.Sequential(nn.Flatten(), nn.Linear(3072, 1024), nn.ReLU(), *layers, nn.Linear(1024, 10))


@contextlib.contextmanager
def watched(model: nn.Module, every: int) -> Iterator[None]:
    with rectifiers.watch(model, every=every):
        yield


@contextlib.contextmanager
def hooks(model: nn.Module, every: int) -> Iterator[None]:
    """Mean, standard deviation and zeros of every activation module's outputs, by plain forward hooks."""
    sums: dict[nn.Module, Tensor] = {}

    def hook(module: nn.Module, args: Any, output: Tensor) -> None:
        y = output.detach().float()
        found = torch.stack((y.mean(), y.square().mean(), (y == 0).float().mean()))
        sums[module] = sums.get(module, 0) + found

    kinds = (nn.ReLU, nn.GELU, nn.TransformerEncoderLayer)
    handles = [m.register_forward_hook(hook) for m in model.modules() if isinstance(m, kinds)]
    yield
    for handle in handles:
        handle.remove()


def step_of(model: nn.Module) -> Callable[[], None]:
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    x, y = torch.randn(BATCH, 3, 32, 32), torch.randint(0, 10, (BATCH,))

    def step() -> None:
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()

    return step


def overhead(build: Callable[[], nn.Module], how: Any, every: int, rounds: int) -> tuple[float, float]:
    """Return the seconds of a step without, and what a step costs on average with, as a share of that."""
    torch.manual_seed(0)
    model = build()
    step = step_of(model)
    step()
    without, with_ = [], []
    for _ in range(rounds):
        for times, context in ((without, contextlib.nullcontext()), (with_, how(model, 1))):
            with context:
                for index in range(2):
                    start = time.process_time()
                    step()
                    if index:
                        times.append(time.process_time() - start)
    plain = min(without)

    return plain, (min(with_) - plain) / plain / every


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--models", default="resnet,transformer,mlp")
    options = parser.parse_args()
    torch.set_num_threads(1)
    models = {"resnet": resnet, "transformer": Transformer, "mlp": mlp}
    titles = "model, batch 64", "step", "watch, every=1", "every=10 (a tenth of that)", "plain hooks, every=1"
    lines = [f"| {' | '.join(titles)} |", "|---|---|---|---|---|"]
    for name in options.models.split(","):
        plain, cost = overhead(models[name], watched, 1, options.rounds)
        _, hooked = overhead(models[name], hooks, 1, options.rounds)
        lines.append(f"| {name} | {plain:.2f} s | {cost:+.1%} | {cost / 10:+.1%} | {hooked:+.1%} |")
        print(lines[-1], flush=True)
    head = "# What watching costs"
    how = "Fastest training step by processor time, on one thread: `python benchmarks/watch_overhead.py`."
    text = "\n".join((head, "", how, "", *lines, ""))
    (Path(__file__).parent / "WATCH.md").write_text(text)


if __name__ == "__main__":
    main()
