"""Where every random number of a study comes from.

Each purpose (initial weights, order of the samples, noise while training, validation split) of each
trial has a seed of its own, hashed from (phase, purpose, seed). The phase is part of it, so that
tuning seed 0 and test seed 0 share nothing; the arm is not, so that all arms share everything.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from rectifiers.records.values import Phase

__all__ = ["Order", "Parts", "derive", "generator", "split", "stratified"]


def derive(phase: Phase, purpose: str, seed: int) -> int:
    """Return the 63-bit seed of one purpose of one trial, the same on every machine."""
    digest = hashlib.sha256(f"rectifiers/{phase}/{purpose}/{seed}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def generator(phase: Phase, purpose: str, seed: int) -> torch.Generator:
    """Return a generator on the CPU that starts from that seed."""
    return torch.Generator().manual_seed(derive(phase, purpose, seed))


class Parts(NamedTuple):
    """Which samples a trial is trained on, and on which others it is measured: indices."""

    train: Tensor
    held_out: Tensor


def split(samples: int, validation: int, seed: int) -> Parts:
    """Return the samples to train on and to validate on, for one tuning seed."""
    shuffled = torch.randperm(samples, generator=generator("tune", "validation", seed))
    return Parts(shuffled[validation:], shuffled[:validation])


def stratified(labels: Tensor | None, samples: int, held_out: int, phase: Phase, seed: int) -> Parts:
    """Return another split into training and test samples for every seed, the same for all arms.

    Parameters
    ----------
    labels : Tensor or None
        Classes, which keep their shares in both parts up to rounding; None draws without regard to them.
    samples, held_out : int
        Samples in all, and how many of them to test on.
    phase : {"tune", "margin", "test"}
    seed : int
    """
    shuffled = torch.randperm(samples, generator=generator(phase, "split", seed))
    if labels is not None:
        # The j-th of c samples of a class stands at (j + 1/2) / c: the first of that order hold every class
        # in its share. A stable sort leaves ties to the shuffle.
        by_class = shuffled[torch.argsort(labels[shuffled], stable=True)]
        counts = torch.bincount(labels)
        starts = (torch.cumsum(counts, 0) - counts)[labels[by_class]]
        place = (torch.arange(samples) - starts + 0.5) / counts[labels[by_class]]
        rank = torch.empty(samples, dtype=torch.float64)
        rank[by_class] = place.double()
        shuffled = shuffled[torch.argsort(rank[shuffled], stable=True)]
    return Parts(shuffled[held_out:], shuffled[:held_out])


class Order:
    """The order in which samples come: a fresh permutation per epoch, and the hash of all of them.

    Parameters
    ----------
    phase : {"tune", "margin", "test"}
    seed : int
        Of the trial.
    samples, epochs : int
        Length and number of the permutations.
    """

    def __init__(self, phase: Phase, seed: int, samples: int, epochs: int) -> None:
        self._digest = hashlib.sha256()
        self._permutations = self._draw(generator(phase, "order", seed), samples, epochs)

    def _draw(self, source: torch.Generator, samples: int, epochs: int) -> Iterator[Tensor]:
        for _ in range(epochs):
            permutation = torch.randperm(samples, generator=source)
            self._digest.update(permutation.numpy().tobytes())
            yield permutation

    def __next__(self) -> Tensor:
        return next(self._permutations)

    def hash(self) -> str:
        """Return the SHA-256 over all epochs, drawing those a failed run has not reached."""
        for _ in self._permutations:
            pass
        return self._digest.hexdigest()
