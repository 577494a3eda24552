"""What a trained model is worth, and when it is worth nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from rectifiers.study.evaluation import HopelessError, NotFiniteError, score
from rectifiers.tasks import losses

SQUARES = losses.MeanSquaredError()
Y = torch.tensor([-1.0, 1.0] * 8)[:, None]


def reading(x: torch.Tensor, y: torch.Tensor) -> Callable[[torch.Tensor], tuple[Any, torch.Tensor]]:
    return lambda chosen: (x[chosen], y[chosen])


def scored(offset: float, held_out: list[int], y: torch.Tensor = Y) -> float:
    """Measure answers that are all off by `offset`."""
    answers = nn.Identity()
    return score(answers, reading(y + offset, y), torch.tensor(held_out), SQUARES, y).metric


def test_answers_far_worse_than_a_constant_are_no_result() -> None:
    assert scored(1.7, [0, 1, 2, 3]) == pytest.approx(-189)
    with pytest.raises(HopelessError, match=r"R2 is -206 % .* error 3.06, more than 3 times .* \(1\)"):
        scored(1.75, [0, 1, 2, 3])
    with pytest.raises(NotFiniteError):  # as training takes them: diverged
        scored(1e12, [0, 1, 2, 3])


def test_samples_that_are_much_alike_make_no_model_hopeless() -> None:
    y = torch.cat([Y, torch.tensor([[0.01], [0.02], [0.03]])])
    assert scored(0.5, [16, 17, 18], y) < -200


def test_samples_of_one_target_are_one_line() -> None:
    with pytest.raises(NotFiniteError, match="R2 has no value on 2 samples"):
        scored(0.5, [0, 2])


def test_accuracy_comes_with_balanced_accuracy() -> None:
    y = torch.tensor([0, 0, 0, 1])
    read = reading(torch.tensor([[1.0, 0.0]] * 4), y)
    found = score(nn.Identity(), read, torch.arange(4), losses.CrossEntropy(), y)
    assert (found.metric, found.balanced) == (75.0, 50.0)
    assert score(nn.Identity(), reading(Y, Y), torch.arange(4), SQUARES, Y).balanced is None
