"""Data sets that are read while a model is trained, because their samples change or a function joins them."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, IterableDataset, RandomSampler, SequentialSampler, default_collate

from rectifiers.arms import user_code
from rectifiers.call_sites import random_states
from rectifiers.errors import ArgumentError, ArgumentTypeError, RectifiersError
from rectifiers.tasks._trees import Inputs, plain, stacked

__all__ = ["Drawn", "Source", "same_draws", "source_of"]

_TRIED = 16  # samples: a flip of half of them goes unnoticed once in 65536
_CHUNK = 256
_OWN_WAY = "pass a training function (`train=`), which brings its own"


@dataclass(frozen=True, eq=False)
class Source:
    """A data set with a length, and the function that makes a batch of its items, if it has one.

    Attributes
    ----------
    dataset : object
        With ``len`` and items; an item is a pair (inputs, target), unless `collate` takes it apart.
    collate : callable or None
        Of a list of items; returns (inputs, targets).
    batch_size : int or None
        That of the loader it came with.
    name : str
        For messages.
    workers : int
        Those of the loader, which are not started.
    """

    dataset: Any
    collate: Callable[[list[Any]], Any] | None
    batch_size: int | None
    name: str
    workers: int = 0

    def __len__(self) -> int:
        return len(self.dataset)

    def items(self, indices: Sequence[int]) -> list[Any]:
        """Read some items."""
        found = []
        for i in indices:
            try:
                with user_code(f"item {i} of the data set {self.name}", IndexError, StopIteration):
                    found.append(self.dataset[i])
            except (IndexError, StopIteration):
                raise ArgumentError(
                    f"{self.name}: a data set has as many items as it says, but of {len(self)} there is no "
                    f"number {i}"
                ) from None
        return found

    def batch(self, indices: Sequence[int]) -> tuple[Inputs, Any]:
        """Read some samples as one batch of inputs and targets."""
        items = self.items(indices)
        with user_code(f"making a batch of {self.name}", RectifiersError):
            made = self.collate(items) if self.collate else self._stacked(items)
        if not isinstance(made, Sequence) or len(made) != 2:
            count = f" of {len(made)}" if isinstance(made, Sequence) else ""
            raise ArgumentTypeError(
                f"{self.name}: a batch is a pair (inputs, targets), but got {type(made).__name__}{count}"
            )
        return plain(made[0]), made[1]

    def _stacked(self, items: list[Any]) -> Any:
        if not all(isinstance(item, Sequence) and len(item) == 2 for item in items):
            raise ArgumentTypeError(
                f"{self.name}: items of a data set are pairs (x, y), but got {type(items[0]).__name__}"
            )
        return tuple(stacked(part, self.name) for part in zip(*items, strict=True))


def source_of(part: Any, name: str) -> Source:
    """Take a data set, or the one in a loader.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        It is empty, has no length, or a loader has a sampler of its own.
    """
    collate = batch_size = None
    workers = 0
    if isinstance(part, DataLoader):
        sampler = type(part.sampler).__name__
        if isinstance(part.dataset, IterableDataset) or part.batch_size is None:
            raise ArgumentTypeError(
                f"{name}: a loader's data set has numbered items, but this one has an order of its own: "
                f"{_OWN_WAY}"
            )
        if not isinstance(part.sampler, RandomSampler | SequentialSampler) or (
            isinstance(part.sampler, RandomSampler) and part.sampler.replacement
        ):
            raise ArgumentTypeError(
                f"{name}: the order of samples is drawn here, alike for all arms, but the loader has a "
                f"{sampler}: {_OWN_WAY}"
            )
        batch_size, workers = part.batch_size, part.num_workers
        collate = None if part.collate_fn is default_collate else part.collate_fn
        part = part.dataset
    if not (hasattr(part, "__getitem__") and hasattr(part, "__len__")):
        raise ArgumentTypeError(f"{name}: a data set has a length and items, but got {type(part).__name__}")
    if not len(part):
        raise ArgumentError(f"{name}: a data set must have samples, but got an empty one")
    return Source(part, collate, batch_size, name, workers)


def same_draws(source: Source) -> bool:
    """Return whether a data set gives the same items each time.

    Raises
    ------
    ArgumentError
        Its items change although all generators start from the same seeds.
    """
    some = range(0, len(source), max(1, len(source) // _TRIED))
    reads = []
    for seed in (0, 0, 1):
        with seeded(seed):
            reads.append(source.items(some))
    first, again, other = reads
    if not _equal(first, again):
        raise ArgumentError(
            f"{source.name}: every arm must see the same samples, but items differ with the same seeds: draw "
            "from the generators of torch, numpy or random, not from one of the data set's own"
        )
    return _equal(first, other)


def _equal(first: Any, second: Any) -> bool:
    if isinstance(first, Mapping):
        return first.keys() == second.keys() and all(_equal(first[key], second[key]) for key in first)
    if isinstance(first, list | tuple):
        return len(first) == len(second) and all(map(_equal, first, second))
    if hasattr(first, "__array__"):
        one, other = np.asarray(first), np.asarray(second)
        if one.shape != other.shape:
            return False
        return bool(((one == other) | ((one != one) & (other != other))).all())  # NaN is as NaN
    return bool(first == second)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed the generators of torch, Python and NumPy for a block, and give them back as they were."""
    with random_states():
        torch.default_generator.manual_seed(seed)
        random.seed(seed)
        np.random.seed(seed)
        yield


@dataclass(frozen=True, eq=False)
class Drawn:
    """Both parts of the data, read when they are wanted: the training samples come first in the numbering."""

    train: Source
    test: Source

    def batch(self, indices: Sequence[int]) -> tuple[Inputs, Any]:
        """Read samples of one of the two parts."""
        first = len(self.train)
        if indices[0] < first:
            return self.train.batch(indices)
        return self.test.batch([i - first for i in indices])

    def example(self, size: int) -> tuple[tuple[Inputs, Any], tuple[Inputs, Any]]:
        """Return the first samples of each part, the same every time."""
        with seeded(0):
            train, test = (part.batch(range(min(size, len(part)))) for part in (self.train, self.test))
        return train, test

    def targets(self) -> list[Any]:
        """Return all targets of each part, as they are the first time."""
        with seeded(0):
            return [
                stacked([y for at in _chunks(len(part)) for y in part.batch(at)[1]], part.name)
                for part in (self.train, self.test)
            ]


def _chunks(samples: int) -> Iterator[range]:
    return (range(start, min(start + _CHUNK, samples)) for start in range(0, samples, _CHUNK))
