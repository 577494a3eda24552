"""What `rectifiers.watch` costs, beside its peers: ``python benchmarks/watch_overhead.py``; writes WATCH.md.

Each arm has modules of its own, which share their parameters: where those lie in memory makes several per
cent. The arms take turns step by step, in one process on one thread: what slows the machine for a while slows
all. A cost is the median over rounds of ten steps of the time per step over that without in the same round,
by processor time, which counts the threads of a writer as well.

Beside it, on every step and at the same places, on the whole of each activation, in forward alone: hooks that
compute five of its means; the histograms of `torch.utils.tensorboard.SummaryWriter`; the same five means by
torch-module-monitor. What is not installed is left out.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import importlib.util
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import rectifiers

BATCH, SIZE = 64, 16
PAGE = Path(__file__).parent / "WATCH.md"


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
    """ResNet-18's shape for small images."""
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
    """ViT-tiny's shape for small images: 17 tokens of 192 features, 12 layers."""

    def __init__(self) -> None:
        super().__init__()
        self.patch, self.token = nn.Conv2d(3, 192, 4, 4), nn.Parameter(torch.zeros(1, 1, 192))
        layer = nn.TransformerEncoderLayer(192, 3, 768, 0.0, "gelu", batch_first=True, norm_first=True)
        self.layers = nn.TransformerEncoder(layer, 12, enable_nested_tensor=False)
        self.head = nn.Linear(192, 10)

    def forward(self, x: Tensor) -> Tensor:
        patches = self.patch(x).flatten(2).transpose(1, 2)
        return self.head(self.layers(torch.cat((self.token.expand(len(x), -1, -1), patches), 1))[:, 0])


def mlp() -> nn.Module:
    layers = [part for _ in range(4) for part in (nn.Linear(1024, 1024), nn.ReLU())]
    return nn.Sequential(nn.Flatten(), nn.Linear(3 * SIZE**2, 1024), nn.ReLU(), *layers, nn.Linear(1024, 10))


MODELS: dict[str, tuple[Callable[[], nn.Module], int]] = {
    "ResNet-18": (resnet, 12),
    "ViT-tiny": (Transformer, 16),
    "MLP, 5 x 1024": (mlp, 120),
}
"""What builds it, and rounds."""

MEANS: dict[str, Callable[[Tensor], Tensor]] = {
    "mean": lambda y: y.mean(),
    "square": lambda y: y.square().mean(),
    "zeros": lambda y: (y == 0).float().mean(),
    "size": lambda y: y.abs().mean(),
    "largest": lambda y: y.amax(),
}


def places(model: nn.Module) -> dict[str, nn.Module]:
    """Modules that put out as many numbers as the activations: those, or what a function is given by."""
    found = {name: m for name, m in model.named_modules() if isinstance(m, nn.ReLU)}
    return found or {name: m for name, m in model.named_modules() if name.endswith("linear1")}


Step = Callable[[], None]


@contextlib.contextmanager
def plain(model: nn.Module, step: Step) -> Iterator[Step]:
    yield step


def watched(every: int) -> Any:
    @contextlib.contextmanager
    def arm(model: nn.Module, step: Step) -> Iterator[Step]:
        with rectifiers.watch(model, every=every):
            yield step

    return arm


@contextlib.contextmanager
def hooked(model: nn.Module, look: Callable[[str, Tensor], None]) -> Iterator[None]:
    handles = [
        m.register_forward_hook(lambda _m, _a, y, name=name: look(name, y.detach()))
        for name, m in places(model).items()
    ]
    yield
    for handle in handles:
        handle.remove()


@contextlib.contextmanager
def hooks(model: nn.Module, step: Step) -> Iterator[Step]:
    sums: dict[str, Tensor] = {}

    def look(name: str, y: Tensor) -> None:
        found = torch.stack([mean(y) for mean in MEANS.values()])
        sums[name] = sums[name] + found if name in sums else found

    with hooked(model, look):
        yield step


@contextlib.contextmanager
def tensorboard(model: nn.Module, step: Step) -> Iterator[Step]:
    from torch.utils.tensorboard import SummaryWriter

    with tempfile.TemporaryDirectory() as folder, SummaryWriter(folder) as writer:
        count = 0

        def counted() -> None:
            nonlocal count
            step()
            count += 1

        with hooked(model, lambda name, y: writer.add_histogram(name, y, count)):
            yield counted


@contextlib.contextmanager
def module_monitor(model: nn.Module, step: Step) -> Iterator[Step]:
    from torch_module_monitor import ModuleMonitor

    others = rf"(?!({'|'.join(places(model))})$)"
    monitor = ModuleMonitor(monitor_step_fn=lambda count: True, excluded_modules_regex=others)
    monitor.set_module(model)
    for name, mean in MEANS.items():
        monitor.add_activation_metric(name, mean)
    count = 0

    def monitored() -> None:
        nonlocal count
        monitor.begin_step(count)
        step()
        monitor.end_step()
        count += 1

    yield monitored
    monitor.activation_hooks.remove_all_hooks()


ARMS: dict[str, tuple[Any, int, str]] = {
    "plain": (plain, 10, "torch"),
    "watch, every=1": (watched(1), 10, "torch"),
    "watch, every=10": (watched(10), 10, "torch"),
    "hooks, 5 means": (hooks, 3, "torch"),
    "TensorBoard histograms": (tensorboard, 1, "tensorboard"),
    "torch-module-monitor, 5 means": (module_monitor, 3, "torch_module_monitor"),
}
"""What it is, steps per round, and what must be installed."""


def step_of(model: nn.Module) -> Step:
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    x, y = torch.randn(BATCH, 3, SIZE, SIZE), torch.randint(0, 10, (BATCH,))

    def step() -> None:
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()

    return step


def row_of(name: str, rounds: int | None = None) -> str:
    """Measure a model; return its row of the table."""
    torch.manual_seed(0)
    random.seed(0)
    build, usual = MODELS[name]
    model = build()
    times: dict[str, list[float]] = {}
    with contextlib.ExitStack() as stack:
        runs: dict[str, Step] = {}
        for arm, (context, _, module) in ARMS.items():
            if importlib.util.find_spec(module) is not None:
                shared = {id(one): one for one in (*model.parameters(), *model.buffers())}
                own = copy.deepcopy(model, shared)
                runs[arm] = stack.enter_context(context(own, step_of(own)))
                times[arm] = [0.0]
                for _ in range(2):  # of the ten after, one is watched by `every=10`, and not the last one
                    runs[arm]()
        for turn in range(10 * (rounds or usual)):
            for arm in random.sample(list(runs), len(runs)):
                if turn % 10 < (steps := ARMS[arm][1]):
                    start = time.process_time()
                    runs[arm]()
                    times[arm][-1] += (time.process_time() - start) / steps
                if turn % 10 == 9:
                    times[arm].append(0.0)
    for took in times.values():
        took.pop()
    without = times.pop("plain")
    cells = [f"{1000 * statistics.median(without):.0f} ms"]
    for arm in list(ARMS)[1:]:
        ratios = [time / base - 1 for time, base in zip(times.get(arm, ()), without, strict=False)]
        if len(ratios) > 1:
            low, middle, high = statistics.quantiles(ratios, n=4)
            cells.append(f"{middle:+.1%} ({low:+.1%} to {high:+.1%})")
        else:
            cells.append("-")
    return f"| {name} | {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", nargs="*", default=list(MODELS), choices=list(MODELS))
    parser.add_argument("--rounds", type=int)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)  # a model that trains on for long may meet them, and slow down
    known = {
        line.split(" | ")[0][2:]: line for line in PAGE.read_text().splitlines() if line.startswith("| ")
    }
    for name in options.models:
        known[name] = row_of(name, options.rounds)
        print(known[name], flush=True)
    titles = " | ".join(("model", "step", *list(ARMS)[1:]))
    how = (
        f"By `make bench-watch`: batch {BATCH}, images of {SIZE} x {SIZE}, one thread of the CPU, torch "
        f"{torch.__version__}.\nWhat a training step costs more (median over rounds, and quartiles), by "
        "processor time; steps with and without take turns in one process.\n`watch` measures "
        "all its quantities, forward and backward, on a part of each activation; its peers those named,\n"
        "forward alone, on all of it, on every step."
    )
    rows = [known[name] for name in MODELS if name in known]
    line = "|".join(["---"] * (len(ARMS) + 1))
    PAGE.write_text(
        "\n".join(("# What watching costs", "", how, "", f"| {titles} |", f"|{line}|", *rows, ""))
    )


if __name__ == "__main__":
    main()
