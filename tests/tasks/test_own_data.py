"""The user's own data: what is accepted, what becomes of it, and what is told of the rest."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import Dataset, TensorDataset

from rectifiers import tasks
from rectifiers.errors import (
    ArgumentError,
    ArgumentTypeError,
    ImportPathError,
    RectifiersError,
    ShapeError,
    UserCodeError,
)
from rectifiers.tasks import Data, Task, losses

X = torch.arange(24.0).reshape(8, 3)
Y = torch.tensor([0, 1, 2, 0, 1, 2, 0, 1])
TEST_X, TEST_Y = X[:4] + 0.5, Y[:4]

Load = Callable[[Any], tuple[Task, Data]]


@pytest.fixture
def load() -> Iterator[Load]:
    """Load what a user's function returns."""
    module = ModuleType("own_data")
    sys.modules["own_data"] = module
    path = list(sys.path)

    def loaded(returned: Any) -> tuple[Task, Data]:
        module.load = returned if callable(returned) else lambda: returned  # type: ignore[attr-defined]
        return tasks.own("own_data:load")

    yield loaded
    sys.path[:] = path
    del sys.modules["own_data"]


class Pairs(Dataset[Any]):
    def __init__(self, x: Any, y: Any) -> None:
        self.x, self.y = x, y

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, i: int) -> Any:
        return self.x[i], self.y[i]


@pytest.mark.parametrize(
    "returned",
    [
        (X, Y, TEST_X, TEST_Y),
        [X.numpy(), Y.numpy(), TEST_X.numpy(), TEST_Y.numpy()],
        (X.double(), Y.to(torch.uint8), TEST_X.tolist(), TEST_Y.tolist()),
        (TensorDataset(X, Y), TensorDataset(TEST_X, TEST_Y)),
        (Pairs(X, Y), Pairs(TEST_X, TEST_Y)),
        (Pairs(X.numpy(), Y.tolist()), Pairs(TEST_X.tolist(), TEST_Y.numpy())),
        (X.clone().requires_grad_(), Y, TEST_X, TEST_Y),
    ],
    ids=[
        "tensors",
        "arrays",
        "mixed",
        "tensor data sets",
        "data sets",
        "data sets of numbers",
        "with gradient",
    ],
)
def test_every_accepted_form_gives_the_same_data(load: Load, returned: Any) -> None:
    task, data = load(returned)
    for got, expected in ((data.train_x, X), (data.train_y, Y), (data.test_x, TEST_X), (data.test_y, TEST_Y)):
        assert got.dtype == expected.dtype
        assert torch.equal(got, expected)  # taken as it is
        assert not got.requires_grad
    assert (data.classes, data.outputs, data.input_shape, data.resolution) == (3, 3, (3,), 25.0)
    assert (task.name, task.metric, task.unit) == ("own_data:load", "accuracy", "%")
    assert task.load() is data
    assert task.defaults_for().model == "mlp"
    assert data.loss == "cross entropy"


@pytest.mark.parametrize("shape, cnn", [((8, 3), False), ((8, 3, 9), True), ((8, 1, 9, 9), True)])
def test_the_cnn_is_for_signals_and_images(load: Load, shape: tuple[int, ...], cnn: bool) -> None:
    task, _ = load((torch.zeros(shape), Y, torch.zeros(shape), Y))
    assert ("cnn" in task.variants) == cnn


@pytest.mark.parametrize("columns", [None, 1, 2])
def test_targets_of_floating_point_are_a_regression(load: Load, columns: int | None) -> None:
    shape = (8,) if columns is None else (8, columns)
    y = torch.randn(shape, dtype=torch.float64)
    task, data = load((X, y, TEST_X, y[:4]))
    assert data.train_y.shape == (8, columns or 1)
    assert data.train_y.dtype == torch.float32
    assert (data.classes, data.outputs, data.resolution) == (None, columns or 1, 0.0)
    assert (task.metric, losses.of(data).metric) == ("R2", "R2")


def test_true_and_false_are_labels(load: Load) -> None:
    _, data = load((X, Y == 0, TEST_X, TEST_Y == 0))
    assert data.classes == 2
    assert data.train_y.tolist() == [1, 0, 0, 1, 0, 0, 1, 0]


NAN, INF = X.clone(), X.clone().double()
NAN[2, 1] = float("nan")
INF[0, 0] = 1e300


@pytest.mark.parametrize(
    "returned, error, said",
    [
        (None, ArgumentTypeError, "but returned NoneType"),
        ((X, Y, X), ArgumentTypeError, "but returned tuple of 3"),
        (
            (X.tolist(), Y.tolist()),
            ArgumentTypeError,
            r"items of a data set are pairs \(x, y\), but got list",
        ),
        ((5, 6), ArgumentTypeError, "a data set has a length and items"),
        ((Pairs([], []), Pairs([], [])), ArgumentError, "must have samples"),
        ((X, Y[:7], TEST_X, TEST_Y), ShapeError, "train of own_data:load has 8 samples and labels of shape"),
        ((X, Y, TEST_X, TEST_Y[0]), ShapeError, "test of own_data:load has 4 samples"),
        (
            (X[:0], Y[:0], TEST_X, TEST_Y),
            ShapeError,
            r"none of it 0, but train of own_data:load has \(0, 3\)",
        ),
        ((X[:, 0], Y, TEST_X, TEST_Y), ShapeError, r"shape \(n, ...\)"),
        ((X, Y, TEST_X[:, :2], TEST_Y), ShapeError, r"must have one shape, but got \(3,\) and \(2,\)"),
        ((NAN, Y, TEST_X, TEST_Y), ArgumentError, "inputs must be finite in float32, but train .* has 1 NaN"),
        ((X, Y, INF[:4], TEST_Y), ArgumentError, "but test of own_data:load has 1 NaN or infinite"),
        ((X, X[:, 0] / 0, TEST_X, TEST_X[:, 0]), ArgumentError, "targets must be finite"),
        ((X * 1j, Y, TEST_X, TEST_Y), ArgumentTypeError, "complex"),
        ((X, Y * 0, TEST_X, TEST_Y * 0), ArgumentError, r"all training labels are the same \(0\)"),
        (
            (X, Y * 0.0 + 3, TEST_X, TEST_Y * 0.1),
            ArgumentError,
            r"all training targets are the same \(\[3.0\]\)",
        ),
        ((X, Y * 0.1, TEST_X, TEST_Y * 0.0), ArgumentError, "all test targets are the same"),
        ((X, Y + 1, TEST_X, TEST_Y + 1), ArgumentError, "0 .. C-1 without gaps, .* 3 numbers from 1 to 3"),
        ((X, Y * 2, TEST_X, TEST_Y * 2), ArgumentError, "3 numbers from 0 to 4"),
        ((X, -Y, TEST_X, -TEST_Y), ArgumentError, "from -2 to 0"),
        ((X, Y, TEST_X, TEST_Y + 1), ArgumentError, r"must occur in training \(0 .. 2\), but got 3"),
        (
            (X, Y, TEST_X, TEST_Y * 1.0),
            ArgumentTypeError,
            "of one kind, but got torch.int64 and torch.float32",
        ),
        ((X, torch.eye(8).long(), TEST_X, torch.eye(8).long()[:4]), ShapeError, r"one-hot\? use argmax"),
        ((X, torch.rand(8, 2, 2), TEST_X, torch.rand(4, 2, 2)), ShapeError, r"targets must have shape"),
        ((X, torch.rand(8, 2), TEST_X, torch.rand(4)), ShapeError, r"one shape, but got \(2,\) and \(1,\)"),
        ((["a", "b"], Y, TEST_X, TEST_Y), ArgumentTypeError, "tensors or arrays of numbers"),
        (([[1, 2], [3]], Y, TEST_X, TEST_Y), ArgumentTypeError, "tensors or arrays of numbers"),
        ((Pairs([X[0], X[1, :2]], [0, 1]), Pairs(X, Y)), ShapeError, r"one shape, but got \(2,\) and \(3,\)"),
        ((Pairs(X, []), Pairs(X, Y)), UserCodeError, "a data set of own_data:load raised IndexError"),
        (lambda: {}["gone"], UserCodeError, "own_data:load raised KeyError: 'gone'"),
        (lambda needed: needed, UserCodeError, "own_data:load raised TypeError"),
    ],
)
def test_data_that_cannot_be_learned_is_one_line(
    load: Load, returned: Any, error: type[RectifiersError], said: str
) -> None:
    with pytest.raises(error, match=said) as caught:
        load(returned)
    assert "\n" not in str(caught.value)
    assert "own_data:load" in str(caught.value)


def test_the_users_frames(load: Load) -> None:
    def broken() -> None:
        np.zeros(3).reshape(2)

    with pytest.raises(UserCodeError) as caught:
        load(broken)
    assert "np.zeros(3).reshape(2)" in caught.value.frames
    assert "in own\n" not in caught.value.frames


def test_a_path_that_leads_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    with pytest.raises(ImportPathError, match="no module named 'no_such_data'"):
        tasks.own("no_such_data:load")
    (tmp_path / "constant.py").write_text("load = 3\n")
    with pytest.raises(ArgumentTypeError, match=r"constant\.py:load must be a function, but is int"):
        tasks.own("constant.py:load")
