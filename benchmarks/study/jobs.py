"""The studies that are timed, as plain values that travel to another process as JSON."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["DIGITS", "MNIST", "TINY", "Job", "Trial", "from_json", "part", "tests", "tuning", "without_data"]

Trial = tuple[str, str, float, int]
"""Phase ("tune" or "test"), activation, learning rate, seed."""


@dataclass(frozen=True)
class Job:
    """One study: train an MLP with each activation, tune its rate, test it.

    `rates`, `gains` (standard deviation of a layer's initial weights times the root of its inputs) and
    `sizes` (inputs, classes) are filled in from the library, so that all methods train the same network.
    """

    name: str
    title: str
    task: str
    arms: tuple[str, ...]
    width: int
    epochs: int
    batch: int
    depth: int = 2
    rates: tuple[float, ...] = ()
    gains: tuple[float, ...] = ()
    sizes: tuple[int, int] = (0, 0)
    tuning_seeds: int = 3
    test_seeds: int = 10
    max_seeds: int = 40
    validation: float = 1 / 6
    processes: int = 2

    @property
    def trainings(self) -> int:
        """How many trainings the whole grid and the test take."""
        return len(tuning(self)) + len(self.arms) * self.test_seeds

    def words(self, data_dir: Path | None) -> list[str]:
        """Return the command that has this library carry out the study; without how it is decided."""
        grid = ",".join(f"{rate:g}" for rate in self.rates)
        found = ["compare", self.task, "--arms", ",".join(self.arms), "--epochs", str(self.epochs)]
        found += ["--width", str(self.width), "--depth", str(self.depth), "--batch-size", str(self.batch)]
        found += ["--lr", grid, "--tuning-seeds", str(self.tuning_seeds), "--jobs", str(self.processes)]
        return found + (["--data-dir", str(data_dir)] if data_dir else [])


_SEVEN = ("relu", "leaky_relu(0.01)", "leaky_relu(1/5.5)", "prelu", "rrelu", "elu", "tanh")
_FIVE = ("relu", "leaky_relu(0.01)", "prelu", "elu", "tanh")
DIGITS = Job("digits", "digits, MLP 64-64-64-10, 12 epochs", "digits", _SEVEN, 64, 12, 64)
MNIST = Job("mnist", "MNIST, MLP 784-128-128-10, 3 epochs", "mnist", _FIVE, 128, 3, 128)
TINY = dataclasses.replace(
    DIGITS,
    name="tiny",
    title="digits, tiny sizes: the figures mean nothing",
    arms=("relu", "tanh"),
    width=8,
    epochs=1,
    rates=(0.05, 0.2),
    tuning_seeds=1,
    test_seeds=3,
    max_seeds=4,
    processes=1,
)


def from_json(value: dict[str, Any]) -> Job:
    """Rebuild a job from `dataclasses.asdict`, after a detour through JSON."""
    return Job(**{key: tuple(item) if isinstance(item, list) else item for key, item in value.items()})


def tuning(job: Job) -> list[Trial]:
    """Return the trials of the whole grid."""
    seeds = range(job.tuning_seeds)
    return [("tune", arm, rate, seed) for arm in job.arms for rate in job.rates for seed in seeds]


def tests(job: Job, chosen: Sequence[float]) -> list[Trial]:
    """Return the trials that test every arm at the rate chosen for it."""
    pairs = zip(job.arms, chosen, strict=True)
    return [("test", arm, rate, seed) for arm, rate in pairs for seed in range(job.test_seeds)]


def part(job: Job, share: int) -> list[Trial]:
    """Return every `share`-th trial of a study, tests at the middle rate of the grid among them."""
    middle = job.rates[len(job.rates) // 2]
    return [*tuning(job), *tests(job, [middle] * len(job.arms))][::share]


def without_data(job: Job, data_dir: Path | None) -> str:
    """Return in one line why a study cannot be run for want of its files; empty where it can."""
    if job.task != "mnist":
        return ""
    place = data_dir or os.environ.get("RECTIFIERS_DATA")
    if not place:
        return f"{job.title}: left out, no files: --data-dir DIR or RECTIFIERS_DATA names their directory"
    from rectifiers.errors import DataError
    from rectifiers.tasks.mnist import mnist

    try:
        mnist.load(place)
    except DataError as error:
        return f"{job.title}: left out: {error}"
    return ""
