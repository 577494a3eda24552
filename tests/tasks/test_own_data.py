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


def read_only(x: torch.Tensor) -> np.ndarray[Any, Any]:
    """Return an array that cannot be written to, as those of pandas."""
    array = x.clone().numpy()
    array.flags.writeable = False
    return array


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
        (Pairs(X.numpy(), Y.tolist()), Pairs(TEST_X.numpy(), TEST_Y.numpy())),
        (X.clone().requires_grad_(), Y, TEST_X, TEST_Y),
        (read_only(X), read_only(Y), TEST_X, TEST_Y),
    ],
    ids=[
        "tensors",
        "arrays",
        "mixed",
        "tensor data sets",
        "data sets",
        "data sets of numbers",
        "with gradient",
        "read-only arrays",
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
    y = 1e5 * torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) + 1e7
    task, data = load((X, y, TEST_X, y[:4] + 1))
    assert data.train_y.shape == (8, columns or 1)
    assert data.train_y.dtype == torch.float32
    assert (data.classes, data.outputs, data.resolution) == (None, columns or 1, 0.0)
    assert (task.metric, losses.of(data).metric) == ("R2", "R2")
    torch.testing.assert_close(data.train_y.mean(0), torch.zeros(columns or 1), rtol=0, atol=1e-6)
    torch.testing.assert_close(data.train_y.std(0, correction=0), torch.ones(columns or 1))
    mean, deviation = (torch.tensor(v) for v in (data.target_mean, data.target_deviation))
    original = y[:4].reshape(4, -1).float() + 1
    torch.testing.assert_close(data.test_y * deviation + mean, original, rtol=0, atol=2)
    (note,) = data.notes
    assert note.startswith("targets are standardised by the training part (")
    assert ("all count alike" in note) == (columns == 2)


def test_r2_is_the_same_in_original_units(load: Load) -> None:
    y, test_y = 300 * X[:, 0] ** 2 + 7, 300 * TEST_X[:, 0] + 7
    _, data = load((X, y, TEST_X, test_y))
    answers = torch.linspace(100, 3000, 4)
    scaled = (answers - data.target_mean[0]) / data.target_deviation[0]
    score = losses.of(data).score
    assert score(scaled[:, None], data.test_y) == pytest.approx(
        score(answers[:, None], test_y[:, None]), abs=1e-4
    )


def test_an_output_that_never_changes_stays_finite(load: Load) -> None:
    y = torch.stack([torch.arange(8) * 0.3, torch.full((8,), 0.1)], 1)
    _, data = load((X, y, TEST_X, y[:4]))
    assert data.target_deviation[1] == 1.0
    assert data.train_y[:, 1].abs().max() < 1e-6


@pytest.mark.parametrize(
    "train, test, codes, labels",
    [
        (Y == 0, TEST_Y == 0, [1, 0, 0, 1, 0, 0, 1, 0], ("False", "True")),
        (Y + 1, TEST_Y + 1, Y.tolist(), ("1", "2", "3")),
        (Y * 5 - 7, TEST_Y * 5 - 7, Y.tolist(), ("-7", "-2", "3")),
        (-Y, -TEST_Y, [2, 1, 0, 2, 1, 0, 2, 1], ("-2", "-1", "0")),
        (
            ["dog", "cat"] * 4,
            ["cat", "cat", "dog", "dog"],
            [1, 0] * 4,
            ("cat", "dog"),
        ),
        (np.array(["b", "a", "a", "b"] * 2), ["a"] * 4, [1, 0, 0, 1] * 2, ("a", "b")),
        (np.array(["b", "a"] * 4, dtype=object), np.array([b"a"] * 4), [1, 0] * 4, ("a", "b")),
        (["a\nb", "c"] * 4, ["c"] * 4, [0, 1] * 4, ("a b", "c")),
        (Y, TEST_Y, Y.tolist(), ()),
        (["1", "0"] * 4, ["1"] * 4, [1, 0] * 4, ()),
    ],
    ids=["bool", "from 1", "gaps", "negative", "texts", "arrays", "objects", "lines", "0 .. C-1", "digits"],
)
@pytest.mark.parametrize("form", ["arrays", "data sets"])
def test_labels_are_classes_in_sorted_order(
    load: Load, train: Any, test: Any, codes: list[int], labels: tuple[str, ...], form: str
) -> None:
    parts = (X, train, TEST_X, test)
    if form == "data sets" and not isinstance(train, torch.Tensor):  # as a DataLoader, which learns no texts
        with pytest.raises(ArgumentTypeError, match="data are tensors or arrays of real numbers"):
            load((Pairs(*parts[:2]), Pairs(*parts[2:])))
        return
    _, data = load(parts if form == "arrays" else (Pairs(*parts[:2]), Pairs(*parts[2:])))
    assert data.train_y.tolist() == codes
    assert data.train_y.dtype == data.test_y.dtype == torch.int64
    assert (data.classes, data.labels) == (len(set(codes)), labels)
    assert data.notes == (
        (f"labels {', '.join(labels)} are the classes 0 .. {len(labels) - 1}",) if labels else ()
    )


def test_labels_of_one_set(load: Load) -> None:
    names = ["cat" if row.sum() > 30 else "dog" for row in X]
    _, data = load((X, names))
    assert (data.one_set, data.labels) == (True, ("cat", "dog"))
    for x, y in zip([*data.train_x, *data.test_x], [*data.train_y, *data.test_y], strict=True):
        assert data.labels[int(y)] == ("cat" if x.sum() > 30 else "dog")


def test_many_labels_are_one_short_line(load: Load) -> None:
    y = torch.arange(30).repeat(4) + 5
    x = torch.rand(120, 2)
    _, data = load((x, y, x, y))
    assert data.notes == ("labels 5, 6, 7, ..., 34 are the classes 0 .. 29",)


MANY = torch.rand(60, 3, generator=torch.Generator().manual_seed(0))
DIGITS = torch.arange(60) % 10


@pytest.mark.parametrize(
    "y, said",
    [
        (DIGITS.float(), "targets are 10 whole numbers as floating point, and are learned as a regression"),
        (DIGITS.float()[:, None], None),
        (MANY[:, 0], None),
        (torch.eye(10)[DIGITS], "targets are one-hot as floating point, and are learned as a regression"),
        ((MANY > 0.5).float(), None),
        ((MANY[:, :1] > 0.5).float(), None),
    ],
    ids=[
        "whole",
        "whole, as a column",
        "real",
        "one-hot",
        "several of two values",
        "two values, as a column",
    ],
)
def test_floating_point_that_may_be_labels_is_told_of(load: Load, y: torch.Tensor, said: str | None) -> None:
    _, data = load((MANY, y, MANY, y))
    assert data.classes is None
    *told, standardised = data.notes
    assert standardised.startswith("targets are standardised")
    assert [note.startswith(said or "nothing") for note in told] == ([] if said is None else [True])


@pytest.mark.parametrize(
    "x, told",
    [
        (MANY * 200, "113"),
        (MANY * 0.01, "0.00567"),
        (MANY + torch.tensor([0, 0, 2000.0]), "2e+03"),
        (MANY * 1e30, "5.67e+29"),
        (torch.eye(60), None),  # sparse, and of scale 1
        (MANY, None),
        (MANY * 100, None),
        (torch.zeros(60, 3), None),
        ((MANY.reshape(60, 1, 3) * 200), "111"),
    ],
)
def test_inputs_beyond_the_usual_scale_are_told_of(load: Load, x: torch.Tensor, told: str | None) -> None:
    _, data = load((x, DIGITS, x, DIGITS))
    expected = f"inputs have a scale of {told} (RMS of the largest feature): --standardize makes it 1"
    assert data.notes == (() if told is None else (expected,))


@pytest.mark.parametrize("shape", [(60, 3), (60, 3, 4), (60, 3, 4, 5)])
def test_inputs_are_standardised_on_request(load: Load, shape: tuple[int, ...]) -> None:
    scale = torch.tensor([1e9, 1.0, 0.0], dtype=torch.float64).reshape(1, 3, *[1] * (len(shape) - 2))
    x = torch.rand(shape, dtype=torch.float64) * scale + 1e6
    load((x, DIGITS, x, DIGITS))
    _, data = tasks.own("own_data:load", standardize=True)
    axes = [axis for axis in range(len(shape)) if axis != 1]
    assert data.train_x.dtype == torch.float32
    torch.testing.assert_close(data.train_x.mean(axes), torch.zeros(3), rtol=0, atol=1e-5)
    found = data.train_x.std(axes, correction=0)
    torch.testing.assert_close(found, torch.tensor([1.0, 1.0, 0.0]))
    assert torch.equal(data.train_x, data.test_x)
    assert data.notes == ("inputs are standardised by the training part (--standardize)",)


def test_inputs_are_standardised_before_they_lose_their_differences(load: Load) -> None:
    small = torch.rand(60, 3, dtype=torch.float64)
    expected = (small - small.mean(0)) / small.std(0, correction=0)
    load((small + 2e9, DIGITS, small + 2e9, DIGITS))
    _, data = tasks.own("own_data:load", standardize=True)
    torch.testing.assert_close(data.train_x, expected.float(), rtol=0, atol=1e-4)


def test_targets_that_lose_their_differences_in_float32_are_refused() -> None:
    y = torch.rand(60, 1, dtype=torch.float64)
    raw = tasks.objective(torch.nn.MSELoss(), torch.nn.MSELoss(), False)
    tasks.own("own data", given=(MANY, y + 1e3), objective=raw)
    with pytest.raises(
        ArgumentError, match="must keep their differences in float32, but data of own data has 1"
    ):
        tasks.own("own data", given=(MANY, y + 1e6), objective=raw)


class Drawn(Pairs):
    """Draws something anew each time an item is read."""

    def __init__(self, kind: str) -> None:
        super().__init__(X, Y)
        self.kind = kind

    def __getitem__(self, i: int) -> Any:
        draws = {
            "torch": lambda: torch.rand(()),
            "numpy": lambda: np.random.rand(),
            "flip": lambda: float(torch.rand(()) < 0.5),
            "rarely": lambda: float(torch.rand(()) < 1e-6),
            "once": lambda: i,
        }
        return self.x[i] + draws[self.kind](), self.y[i]


@pytest.mark.parametrize(
    "kind, drawn", [("torch", True), ("numpy", True), ("flip", True), ("rarely", True), ("once", False)]
)
def test_samples_that_change_are_read_while_a_model_is_trained(load: Load, kind: str, drawn: bool) -> None:
    before = torch.get_rng_state()
    _, first = load((Drawn(kind), Pairs(TEST_X, TEST_Y)))
    _, again = load((Drawn(kind), Pairs(TEST_X, TEST_Y)))
    assert torch.equal(before, torch.get_rng_state())  # nobody else's draws change
    assert (first.drawn is not None) == drawn
    assert first.content_hash == again.content_hash
    assert first.sizes == (8, 4)
    assert torch.equal(first.train_y, Y)
    assert (load((Pairs(X, Y), Drawn(kind)))[1].drawn is not None) == drawn
    assert load((X, Y, TEST_X, TEST_Y))[1].drawn is None


class Scipy:
    """A sparse matrix as scipy has it: no array, but `toarray`."""

    def toarray(self) -> Any:
        return X.numpy()


@pytest.mark.parametrize("x", [X.to_sparse(), Scipy()], ids=["torch's", "scipy's"])
def test_sparse_inputs_are_made_dense(load: Load, x: Any) -> None:
    _, data = load((x, Y, TEST_X.to_sparse(), TEST_Y))
    assert torch.equal(data.train_x, X)
    assert torch.equal(data.test_x, TEST_X)


NAMES = [*"ddccbbaa"]
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
            r"a sample is a pair \(inputs, target\), but a batch is list of 3",
        ),
        ((5, 6), ArgumentTypeError, "a data set has at least one item, by number, but got int"),
        (
            (Pairs([], []), Pairs([], [])),
            ArgumentTypeError,
            "at least one item, by number, but got Pairs of 0: check where",
        ),
        ((X, Y[:7], TEST_X, TEST_Y), ShapeError, r"train of own_data:load has \(8, 3\) and \(7,\)"),
        ((X, Y, TEST_X, TEST_Y[0]), ShapeError, r"test of own_data:load has \(4, 3\) and \(\)"),
        (
            (X[:0], Y[:0], TEST_X, TEST_Y),
            ShapeError,
            r"none of it 0, .* but train of own_data:load has \(0, 3\)",
        ),
        ((X[:, 0], Y, TEST_X, TEST_Y), ShapeError, r"shape \(n, ...\)"),
        (
            (X, Y, TEST_X[:, :2], TEST_Y),
            ShapeError,
            r"have one type and shape, but got \(torch.float32, 3\) and \(torch.float32, 2\)",
        ),
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
        ((X, Y, TEST_X, TEST_Y + 1), ArgumentError, r"must occur in training \(0 .. 2\), but got 3"),
        ((X, Y * 2, TEST_X, TEST_Y * 2 - 1), ArgumentError, r"in training \(0 .. 4\), but got -1"),
        ((X, NAMES, TEST_X, [*"dcbx"]), ArgumentError, r"in training \(a .. d\), but got x"),
        ((X, NAMES, TEST_X, TEST_Y), ArgumentTypeError, "numbers, but got"),
        (((255 * X).byte(), Y, TEST_X, TEST_Y), ShapeError, r"\(torch.uint8, 3\) and \(torch.float32, 3\)"),
        ((X, ["a"] * 8, TEST_X, ["a"] * 4), ArgumentError, r"all training labels are the same \(a\)"),
        ((X, NAMES[:7], TEST_X, NAMES[:4]), ShapeError, r"has \(8, 3\) and \(7,\)"),
        (
            (X.repeat(9, 1), torch.arange(72), TEST_X, TEST_Y),
            ArgumentError,
            "72 training samples have 72 labels: return targets of a regression as floating point",
        ),
        (
            (X, (Y == 0).float(), TEST_X, (TEST_Y == 0).float()),
            ArgumentError,
            r"two values \(0 and 1\) .* whole numbers for a classification, y\[:, None\] for a regression",
        ),
        ((X, (Y == 0) * 2.0 - 1, TEST_X, TEST_Y * 1.0), ArgumentError, r"two values \(-1 and 1\)"),
        ((torch.zeros(8, 3, device="meta"), Y, TEST_X, TEST_Y), UserCodeError, "reading what own_data:load"),
        (
            (X, Y, TEST_X, TEST_Y * 1.0),
            ShapeError,
            r"one type and shape, but got \(torch.int64,\) and \(torch.float64,\)",
        ),
        (
            (X, torch.eye(8).long(), TEST_X, torch.eye(8).long()[:4]),
            ShapeError,
            r"argmax\(1\) of one-hot labels",
        ),
        (
            (X, torch.rand(8, 2, 2), TEST_X, torch.rand(4, 2, 2)),
            ShapeError,
            r"targets of floating point \(n,\) or \(n, outputs\)",
        ),
        (
            (X, torch.rand(8, 2), TEST_X, torch.rand(4)),
            ShapeError,
            r"one type and shape, but got \(torch.float64, 2\) and \(torch.float64,\)",
        ),
        ((["a", "b"], Y, TEST_X, TEST_Y), ArgumentTypeError, "tensors or arrays of real numbers"),
        (([[1, 2], [3]], Y, TEST_X, TEST_Y), ArgumentTypeError, "tensors or arrays of real numbers"),
        (
            (Pairs([X[0], X[1, :2]], [0, 1]), Pairs(X, Y)),
            UserCodeError,
            "stack expects each tensor to be equal",
        ),
        (
            (Pairs(X, []), Pairs(X, Y)),
            UserCodeError,
            "item 0 of the 8 that the data set says it has raised Ind",
        ),
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
    with pytest.raises(ArgumentTypeError, match=r"constant\.py:load must return .*, but returned int"):
        tasks.own("constant.py:load")
