"""Samples that are read from data sets by number, while a model is trained."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, RandomSampler, SequentialSampler, default_collate

from rectifiers.arms import user_code
from rectifiers.call_sites import random_states
from rectifiers.errors import ArgumentError, ArgumentTypeError
from rectifiers.tasks._trees import Inputs, digest, kind, plain, tensor, tensors

__all__ = ["Drawn", "Source", "draws", "seeded", "source_of"]

_TRIED = 16  # samples


@dataclass(frozen=True, eq=False)
class Source:
    """A data set with a length, and the function that makes a batch of its items, if it has one.

    Attributes
    ----------
    dataset : object
        With ``len`` and items; an item is a pair (inputs, target), unless `collate` takes it apart.
    name : str
        For messages.
    collate : callable or None
        Of a list of items; returns (inputs, targets).
    batch_size : int or None
        That of the loader it came with.
    """

    dataset: Any
    name: str
    collate: Callable[[list[Any]], Any] | None = None
    batch_size: int | None = None

    def __len__(self) -> int:
        return len(self.dataset)

    def batch(self, indices: Sequence[int]) -> tuple[Inputs, Tensor]:
        """Read some samples as one batch: inputs and targets."""
        items = []
        for i in indices:
            with user_code(f"{self.name}: item {i} of the {len(self)} that the data set says it has"):
                items.append(self.dataset[i])
        with user_code(f"making a batch of {self.name}"):
            made = (self.collate or default_collate)(items)
        if not isinstance(made, Sequence) or len(made) != 2:
            raise ArgumentTypeError(
                f"{self.name}: a sample is a pair (inputs, target), but a batch is {kind(made)}: a loader's "
                "collate_fn can make one"
            )
        inputs, targets = made
        if self.collate is None:  # which makes lists of tuples, and of texts, which have no place in a batch
            inputs = tensors(tuple(inputs) if isinstance(inputs, list) else inputs, self.name)
        return plain(inputs), tensor(targets, self.name)

    def drawn(self) -> bool:
        """Return whether items are drawn anew whenever they are read."""
        some = range(0, len(self), max(1, len(self) // _TRIED))
        return draws(lambda: self.batch(some), self.name)


def source_of(part: Any, name: str) -> Source:
    """Take a data set, or the one in a loader.

    Raises
    ------
    ArgumentTypeError
        It is empty, has no length, or a loader has an order of its own.
    """
    source = Source(part, name)
    if isinstance(part, DataLoader):
        # Subclasses have an order of their own, and a part of the samples in each epoch is none of all.
        sampler: Any = part.sampler
        usual = type(sampler) in (RandomSampler, SequentialSampler) and part.batch_size is not None
        if not usual or getattr(sampler, "replacement", False) or len(sampler) != len(sampler.data_source):
            raise ArgumentTypeError(
                f"{name}: samples have numbers, and their order is drawn here, alike for all arms, but the "
                f"loader has an order of its own ({type(sampler).__name__}): pass a training function "
                "(`train=`)"
            )
        collate = None if part.collate_fn is default_collate else part.collate_fn
        source = Source(part.dataset, name, collate, part.batch_size)
    if not (hasattr(source.dataset, "__getitem__") and hasattr(source.dataset, "__len__") and len(source)):
        raise ArgumentTypeError(
            f"{name}: a data set has at least one item, by number, but got {kind(source.dataset)}: check "
            "where it reads them; a stream is for a training function (`train=`)"
        )
    return source


def draws(read: Callable[[], tuple[Inputs, Any]], name: str) -> bool:
    """Return whether reading draws from the random generators, if only to change a sample once in a while.

    Raises
    ------
    ArgumentError
        What is read changes although all generators start from the same seeds.
    """
    found = []
    for reading in (tuple, read, read):
        with seeded(0):
            content = digest(reading())
            on_gpus = [torch.rand(1, device=f"cuda:{gpu}").item() for gpu in _gpus()]
            found.append((content, torch.rand(1).item(), random.random(), np.random.rand(), *on_gpus))
    untouched, first, again = found
    if first != again:
        raise ArgumentError(
            f"{name}: every arm must see the same samples, but they differ with the same seeds: draw from "
            "the generators of torch, numpy or random, not from one of your own"
        )
    return first[1:] != untouched[1:]


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed the generators of torch, Python and NumPy for a block, and give them back as they were."""
    with random_states(_gpus()):
        torch.default_generator.manual_seed(seed)
        for gpu in _gpus():
            with torch.cuda.device(gpu):
                torch.cuda.manual_seed(seed)
        random.seed(seed)
        np.random.seed(seed)
        yield


def _gpus() -> list[int]:
    """Return the numbers of the GPUs that may draw; none before torch uses one: to begin takes seconds."""
    used: bool = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    return [*range(torch.cuda.device_count())] if used else []


class Drawn(NamedTuple):
    """Both parts of data that are read while a model is trained.

    Attributes
    ----------
    train, test : Source
    digest : str
        SHA-256 of their first reading.
    code : callable
        Makes of targets as they are read those that a model is trained on.
    """

    train: Source
    test: Source
    digest: str
    code: Callable[[Tensor], Tensor]

    def batch(self, indices: Sequence[int]) -> tuple[Inputs, Tensor]:
        """Read some samples of one part: those to train on have the first numbers."""
        first = len(self.train)
        source, start = (self.train, 0) if indices[0] < first else (self.test, first)
        inputs, targets = source.batch([i - start for i in indices])
        return inputs, self.code(targets)
