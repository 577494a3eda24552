"""Samples per class, and samples that are in both parts."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from rectifiers import tasks
from rectifiers.tasks import Data, class_counts, overlap


def data(train: torch.Tensor, test: torch.Tensor) -> Data:
    y, test_y = torch.arange(len(train)) % 3, torch.arange(len(test)) % 3
    return Data(train, y, test, test_y, 4, "cross entropy", "drawn")


def test_samples_of_each_class() -> None:
    found = data(torch.zeros(7, 2), torch.zeros(2, 2))
    assert class_counts(found) == ((3, 2, 2, 0), (1, 1, 0, 0))
    assert class_counts(dataclasses.replace(found, classes=None)) == ((), ())
    assert class_counts(tasks.get("xor").load()) == ((2, 2), (2, 2))


@pytest.mark.parametrize("shape", [(3,), (4,), (1,), (1, 5, 5), (3, 4, 4)])
def test_training_samples_that_are_in_the_test_set(shape: tuple[int, ...]) -> None:
    generator = torch.Generator().manual_seed(0)
    train, test = (torch.randn((n, *shape), generator=generator) for n in (50, 20))
    assert overlap(data(train, test)) == 0
    test[3], test[7], test[8] = train[2], train[5], train[5]
    train[9] = train[5]
    assert overlap(data(train, test)) == 3  # 2, 5 and 9
    nearly = train.clone()
    nearly.view(50, -1)[:, 0] = torch.nextafter(nearly.view(50, -1)[:, 0], torch.tensor(9.0))
    assert overlap(data(nearly, test)) == 0
    if len(shape) == 3:
        train, test = (x.contiguous(memory_format=torch.channels_last) for x in (train, test))
        assert overlap(data(train, test)) == 3


def test_samples_of_the_same_sum_are_not_the_same() -> None:
    train, test = torch.eye(8)[:4], torch.eye(8)[3:]
    assert overlap(data(train, test)) == 1


@pytest.mark.parametrize("name, number", [("xor", 4), ("digits", 0), ("mnist1d", 0)])
def test_of_the_tasks(name: str, number: int) -> None:
    assert overlap(tasks.get(name).load()) == number
