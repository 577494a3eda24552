"""The user's own data, taken as it is and checked."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from rectifiers.arms import load_object, user_code
from rectifiers.errors import ArgumentError, ArgumentTypeError, ShapeError
from rectifiers.tasks._task import Data, Defaults, Task

__all__ = ["own"]

_DEFAULTS = Defaults(
    model="mlp",
    width=64,
    depth=2,
    epochs=20,
    batch_size=64,
    learning_rates=(0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0),
)


class _Part(NamedTuple):
    x: Tensor
    y: Tensor


def own(path: str) -> tuple[Task, Data]:
    """Load the user's own data.

    Parameters
    ----------
    path : str
        ``package.module:load`` or ``path/to/file.py:load``, a function without arguments. It returns
        ``(train_x, train_y, test_x, test_y)``, tensors or arrays, or ``(train, test)``, data sets of
        ``(x, y)`` pairs as in `torch.utils.data`, or one ``(x, y)``, tensors or arrays, of which a quarter is
        held out to test on. Inputs are used as they are, as float32: standardise
        them in `load`. Whole-numbered labels ``0 .. C-1`` make a classification with cross entropy, measured
        by accuracy; targets of floating point, ``(n,)`` or ``(n, outputs)``, a regression with mean squared
        error, measured by R2.

    Returns
    -------
    Task, Data
        The task is called by the path.

    Raises
    ------
    ImportPathError
        If the path leads nowhere.
    UserCodeError
        If `load` raises.
    ArgumentError, ArgumentTypeError, ShapeError
        If what it returns cannot be learned: lengths that differ, NaN or infinite numbers, labels that have
        gaps or are all the same.
    """
    function = load_object(path)
    if not callable(function):
        raise ArgumentTypeError(f"{path} must be a function, but is {type(function).__name__}")
    with user_code(path):
        returned = function()
    one_set = _is_one_set(returned)
    if one_set:
        train, test = _held_out(
            _prepared(_Part(*(_tensor(part, path) for part in returned)), f"data of {path}")
        )
    else:
        train, test = _parts(returned, path)
        train, test = _prepared(train, f"train of {path}"), _prepared(test, f"test of {path}")
    if train.x.shape[1:] != test.x.shape[1:]:
        raise ShapeError(
            f"{path}: train and test samples must have one shape, "
            f"but got {tuple(train.x.shape[1:])} and {tuple(test.x.shape[1:])}"
        )
    labelled = not train.y.is_floating_point()
    if labelled == test.y.is_floating_point():
        raise ArgumentTypeError(
            f"{path}: train and test labels must be of one kind, but got {train.y.dtype} and {test.y.dtype}"
        )
    data = (_classification if labelled else _regression)(train, test, path)
    data = dataclasses.replace(data, one_set=one_set)
    metric = "accuracy" if labelled else "R2"
    kind = f"{data.classes} classes" if labelled else f"{data.outputs} targets"
    summary = f"{len(data.train_x)} samples to train on, {len(data.test_x)} to test on, {kind}."
    variants = {"cnn": {"width": 16}} if len(data.input_shape) in (2, 3) else {}
    return Task(path, path, summary, lambda _: data, _DEFAULTS, variants, metric), data


def _is_one_set(returned: Any) -> bool:
    arrays = (Tensor, np.ndarray)
    return (
        isinstance(returned, Sequence) and len(returned) == 2 and all(isinstance(r, arrays) for r in returned)
    )


def _held_out(part: _Part) -> tuple[_Part, _Part]:
    """Set a quarter of the samples apart, drawn at random: the order of a file often means something."""
    samples = len(part.y)
    if samples < 4:
        raise ArgumentError(f"a set of which a quarter is held out needs 4 samples, but got {samples}")
    drawn = torch.randperm(samples, generator=torch.Generator().manual_seed(0))
    if not part.y.is_floating_point():  # every class in its share
        drawn = drawn[torch.argsort(part.y[drawn], stable=True)]
    fourth = torch.arange(samples) % 4 == 3
    train, test = drawn[~fourth], drawn[fourth]
    return _Part(part.x[train], part.y[train]), _Part(part.x[test], part.y[test])


def _classification(train: _Part, test: _Part, path: str) -> Data:
    labels = torch.unique(train.y)
    if len(labels) == 1:
        raise ArgumentError(f"{path}: all training labels are the same ({int(labels[0])}): nothing to learn")
    classes = len(labels)
    if int(labels[0]) != 0 or int(labels[-1]) != classes - 1:
        raise ArgumentError(
            f"{path}: labels must be 0 .. C-1 without gaps, but the training labels are {classes} numbers "
            f"from {int(labels[0])} to {int(labels[-1])}: "
            "number them anew with torch.unique(labels, return_inverse=True)"
        )
    strange = test.y[(test.y < 0) | (test.y >= classes)]
    if len(strange):
        raise ArgumentError(
            f"{path}: test labels must occur in training (0 .. {classes - 1}), but got {int(strange[0])}"
        )
    return Data(train.x, train.y, test.x, test.y, classes, "cross entropy", f"the user's own: {path}")


def _regression(train: _Part, test: _Part, path: str) -> Data:
    if train.y.shape[1:] != test.y.shape[1:]:
        raise ShapeError(
            f"{path}: train and test targets must have one shape, "
            f"but got {tuple(train.y.shape[1:])} and {tuple(test.y.shape[1:])}"
        )
    for name, part in (("training", train), ("test", test)):
        if bool((part.y == part.y[0]).all()):
            raise ArgumentError(f"{path}: all {name} targets are the same ({part.y[0].tolist()})")
    return Data(train.x, train.y, test.x, test.y, None, "mean squared error", f"the user's own: {path}")


def _parts(returned: Any, path: str) -> tuple[_Part, _Part]:
    if isinstance(returned, Sequence) and len(returned) == 4:
        train_x, train_y, test_x, test_y = (_tensor(part, path) for part in returned)
        return _Part(train_x, train_y), _Part(test_x, test_y)
    if isinstance(returned, Sequence) and len(returned) == 2:
        train, test = (_collated(part, path) for part in returned)
        return train, test
    count = f" of {len(returned)}" if isinstance(returned, Sequence) else ""
    raise ArgumentTypeError(
        f"{path} must return (train_x, train_y, test_x, test_y), one (x, y), or two data sets (train, test), "
        f"but returned {type(returned).__name__}{count}"
    )


def _collated(dataset: Any, path: str) -> _Part:
    """Return a data set of pairs as two tensors."""
    if isinstance(dataset, torch.utils.data.TensorDataset) and len(dataset.tensors) == 2:
        return _Part(*dataset.tensors)
    if not (hasattr(dataset, "__getitem__") and hasattr(dataset, "__len__")):
        raise ArgumentTypeError(
            f"{path}: a data set has a length and items (x, y), but got {type(dataset).__name__}"
        )
    with user_code(f"a data set of {path}"):
        pairs = [dataset[i] for i in range(len(dataset))]
    if not pairs:
        raise ArgumentError(f"{path}: a data set must have samples, but got an empty one")
    if not all(isinstance(pair, Sequence) and len(pair) == 2 for pair in pairs):
        raise ArgumentTypeError(
            f"{path}: items of a data set are pairs (x, y), but got {type(pairs[0]).__name__}"
        )
    return _Part(*(_stacked([pair[i] for pair in pairs], path) for i in range(2)))


def _stacked(values: list[Any], path: str) -> Tensor:
    tensors = [_tensor(value, path) for value in values]
    shapes = {tuple(tensor.shape) for tensor in tensors}
    if len(shapes) > 1:
        raise ShapeError(
            f"{path}: samples must have one shape, but got {' and '.join(map(str, sorted(shapes)))}"
        )
    return torch.stack(tensors)


def _tensor(value: Any, path: str) -> Tensor:
    if isinstance(value, Tensor):
        return value.detach().cpu()
    try:
        return torch.as_tensor(np.asarray(value))
    except (TypeError, ValueError) as error:
        raise ArgumentTypeError(
            f"{path}: data are tensors or arrays of numbers, but got {type(value).__name__} ({error})"
        ) from None


def _prepared(part: _Part, name: str) -> _Part:
    """Return a part with float32 inputs and int64 labels ``(n,)`` or float32 targets ``(n, outputs)``."""
    if part.x.ndim < 2 or part.x.numel() == 0:
        raise ShapeError(
            f"inputs must have shape (n, ...) and none of it 0, but {name} has {tuple(part.x.shape)}"
        )
    if len(part.x) != (len(part.y) if part.y.ndim else 0):
        raise ShapeError(
            f"there must be one label for each sample, but {name} has {len(part.x)} samples and labels of "
            f"shape {tuple(part.y.shape)}"
        )
    if part.x.is_complex() or part.y.is_complex():
        raise ArgumentTypeError(f"inputs and labels must be real, but {name} has complex numbers")
    x, y = part.x.float(), part.y
    if y.is_floating_point():
        y = y.float()
        y = y.unsqueeze(1) if y.ndim == 1 else y
        if y.ndim != 2:
            raise ShapeError(f"targets must have shape (n,) or (n, outputs), but {name} has {tuple(y.shape)}")
    else:
        y = y.long()
        if y.ndim != 1:
            raise ShapeError(
                f"labels must have shape (n,), but {name} has {tuple(y.shape)} (one-hot? use argmax(1))"
            )
    for what, tensor in (("inputs", x), ("targets", y)):
        if bad := int((~torch.isfinite(tensor)).sum()):
            raise ArgumentError(
                f"{what} must be finite in float32, but {name} has {bad} NaN or infinite numbers"
            )
    return _Part(x.contiguous(), y.contiguous())
