"""Losses and metrics, against their definitions."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from rectifiers import tasks
from rectifiers.tasks import losses

XOR = tasks.get("xor").load()


def of(name: str) -> losses.Loss:
    return losses.of(dataclasses.replace(XOR, loss=name))  # type: ignore[arg-type]


def test_cross_entropy() -> None:
    outputs, targets = torch.tensor([[3.0, 0.7, 0.5], [1.2, 1.0, 1.5]]), torch.tensor([0, 1])
    loss = of("cross entropy")
    assert float(loss.loss(outputs, targets)) == pytest.approx(
        -(np.log(0.8463) + np.log(0.2583)) / 2, rel=1e-3
    )
    assert int(loss.errors(outputs, targets)) == 1
    assert loss.score(outputs, targets) == 50.0
    assert (loss.metric, loss.unit) == ("accuracy", "%")


def test_binary_cross_entropy() -> None:
    outputs, targets = torch.tensor([[2.0], [-1.0], [-3.0], [0.0]]), torch.tensor([1, 0, 1, 1])
    loss = of("binary cross entropy")
    p = 1 / (1 + np.exp(-np.array([2.0, 1.0, -3.0, 0.0])))
    assert float(loss.loss(outputs, targets)) == pytest.approx(-np.log(p).mean(), rel=1e-5)
    assert int(loss.errors(outputs, targets)) == 2  # undecided is not right
    assert loss.score(outputs, targets) == 50.0


def test_an_output_of_nothing_but_zeros_solves_nothing() -> None:
    assert losses.of(XOR).score(torch.zeros(4, 1), XOR.test_y) == 0.0


def test_mean_squared_error_and_explained_variance() -> None:
    targets = torch.tensor([[1.0, 10.0], [2.0, 20.0], [3.0, 60.0]])
    loss = of("mean squared error")
    assert (loss.metric, loss.errors(targets, targets)) == ("R2", None)
    assert loss.score(targets, targets) == 100.0
    assert loss.score(targets.mean(0).expand(3, 2), targets) == pytest.approx(0.0, abs=1e-9)
    outputs = targets + torch.tensor([[1.0, 0.0], [0.0, -2.0], [0.0, 0.0]])
    assert float(loss.loss(outputs, targets)) == pytest.approx(5 / 6)
    spread = targets.numpy().var(0).sum() * 3
    assert loss.score(outputs, targets) == pytest.approx(100 * (1 - 5 / spread))


def test_balanced_accuracy_is_the_mean_of_the_classes_that_occur() -> None:
    targets = torch.tensor([0, 0, 0, 0, 0, 0, 2, 2])
    right, always = torch.eye(4)[targets], torch.eye(4)[torch.zeros(8, dtype=torch.long)]
    loss = of("cross entropy")
    assert (loss.score(always, targets), loss.balanced(always, targets)) == (75.0, 50.0)
    assert loss.balanced(right, targets) == 100.0
    right[6] = torch.eye(4)[3]  # a class that does not occur
    assert loss.balanced(right, targets) == 75.0
    assert of("binary cross entropy").balanced(-torch.ones(4, 1), torch.tensor([0, 0, 0, 1])) == 50.0
    assert of("mean squared error").balanced(torch.ones(2, 1), torch.ones(2, 1)) is None
