"""Where every random number of a study comes from.

Each purpose (initial weights, order of the samples, noise while training, validation split) of each
trial has a seed of its own, hashed from (phase, purpose, seed). The phase is part of it, so that
tuning seed 0 and test seed 0 share nothing; the arm is not, so that all arms share everything.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import torch
from torch import Tensor

from rectifiers.records.values import Phase

__all__ = ["Order", "derive", "generator", "split"]


def derive(phase: Phase, purpose: str, seed: int) -> int:
    """Return the 63-bit seed of one purpose of one trial, the same on every machine."""
    digest = hashlib.sha256(f"rectifiers/{phase}/{purpose}/{seed}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def generator(phase: Phase, purpose: str, seed: int) -> torch.Generator:
    """Return a generator on the CPU that starts from that seed."""
    return torch.Generator().manual_seed(derive(phase, purpose, seed))


def split(samples: int, validation: int, seed: int) -> tuple[Tensor, Tensor]:
    """Return the indices to train on and to validate on, for one tuning seed."""
    shuffled = torch.randperm(samples, generator=generator("tune", "validation", seed))
    return shuffled[validation:], shuffled[:validation]


class Order:
    """The order in which samples come: a fresh permutation per epoch, and the hash of all of them.

    Parameters
    ----------
    phase : {"tune", "test"}
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
