"""From what the user's own function returned to tensors: one or two parts of inputs and targets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from rectifiers.arms import user_code
from rectifiers.errors import ArgumentError, ArgumentTypeError, ShapeError, one_line

__all__ = ["Part", "Returned", "read"]

_TRIED_TWICE = 16  # items: a flip of half of them goes unnoticed once in 65536
_LONGEST = 40  # characters of a label


class Part(NamedTuple):
    """Inputs ``(n, ...)`` and labels ``(n,)``, int64, or targets ``(n[, outputs])``, float64."""

    x: Tensor
    y: Tensor


class Returned(NamedTuple):
    """Both parts, and how they came.

    `names` are what the labels 0, 1, ... stand for, where they were texts or booleans; `one_set` says that
    the test part was held out here, `frozen` that a data set gives other items each time.
    """

    train: Part
    test: Part
    names: tuple[str, ...]
    one_set: bool
    frozen: bool


def read(returned: Any, path: str) -> Returned:
    """Take ``(train_x, train_y, test_x, test_y)``, two data sets of pairs, or one ``(x, y)``."""
    one_set = isinstance(returned, Sequence) and len(returned) == 2 and hasattr(returned[0], "__array__")
    if one_set:
        parts, frozen, called = [tuple(returned)], False, [f"data of {path}"]
    else:
        parts, frozen = _parts(returned, path)
        called = [f"train of {path}", f"test of {path}"]
    targets, names = _coded([y for _, y in parts], path)
    if targets[0].is_floating_point() != targets[-1].is_floating_point():
        kinds = " and ".join(str(y.dtype) for y in targets)
        raise ArgumentTypeError(f"{path}: train and test labels must be of one kind, but got {kinds}")
    prepared = [
        _prepared(Part(_tensor(x, path), y), name)
        for (x, _), y, name in zip(parts, targets, called, strict=True)
    ]
    train, test = _held_out(prepared[0]) if one_set else prepared
    if train.x.shape[1:] != test.x.shape[1:]:
        raise ShapeError(
            f"{path}: train and test samples must have one shape, "
            f"but got {tuple(train.x.shape[1:])} and {tuple(test.x.shape[1:])}"
        )
    return Returned(train, test, names, one_set, frozen)


def _parts(returned: Any, path: str) -> tuple[list[tuple[Any, Any]], bool]:
    """Return inputs and targets of both parts, and whether a data set draws them anew each time."""
    if isinstance(returned, Sequence) and len(returned) == 4:
        return [tuple(returned[:2]), tuple(returned[2:])], False
    if isinstance(returned, Sequence) and len(returned) == 2:
        read = [_collated(part, path) for part in returned]
        return [pair for pair, _ in read], any(frozen for _, frozen in read)
    count = f" of {len(returned)}" if isinstance(returned, Sequence) else ""
    raise ArgumentTypeError(
        f"{path} must return (train_x, train_y, test_x, test_y), one (x, y), or two data sets (train, test), "
        f"but returned {type(returned).__name__}{count}"
    )


def _collated(dataset: Any, path: str) -> tuple[tuple[Any, Any], bool]:
    """Return a data set of pairs as two arrays, and whether it gives other items the second time."""
    if isinstance(dataset, torch.utils.data.TensorDataset) and len(dataset.tensors) == 2:
        return dataset.tensors, False
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
    some = range(0, len(pairs), max(1, len(pairs) // _TRIED_TWICE))
    with user_code(f"a data set of {path}"):
        again = [dataset[i] for i in some]
    x, y = (_stacked([pair[i] for pair in pairs], path) for i in range(2))
    first = [_tensor(pairs[i][0], path) for i in some]
    second = [_tensor(pair[0], path) for pair in again]
    return (x, y), not all(map(torch.equal, first, second))


def _stacked(values: list[Any], path: str) -> Any:
    if isinstance(values[0], str | bytes):
        return np.array(values)
    tensors = [_tensor(value, path) for value in values]
    shapes = {tuple(tensor.shape) for tensor in tensors}
    if len(shapes) > 1:
        raise ShapeError(
            f"{path}: samples must have one shape, but got {' and '.join(map(str, sorted(shapes)))}"
        )
    return torch.stack(tensors)


def _tensor(value: Any, path: str) -> Tensor:
    if isinstance(value, Tensor):
        return value.detach().to_dense().cpu() if value.layout != torch.strided else value.detach().cpu()
    try:
        return torch.as_tensor(np.asarray(value.toarray() if hasattr(value, "toarray") else value))  # scipy's
    except (TypeError, ValueError) as error:
        raise ArgumentTypeError(
            f"{path}: data are tensors or arrays of numbers, but got {type(value).__name__} ({error})"
        ) from None


def _prepared(part: Part, name: str) -> Part:
    """Return a part with real inputs and int64 labels ``(n,)`` or float64 targets ``(n[, outputs])``."""
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
    y = part.y.double() if part.y.is_floating_point() else part.y.long()
    if y.is_floating_point() and y.ndim > 2:
        raise ShapeError(f"targets must have shape (n,) or (n, outputs), but {name} has {tuple(y.shape)}")
    if not y.is_floating_point() and y.ndim != 1:
        raise ShapeError(
            f"labels must have shape (n,), but {name} has {tuple(y.shape)} (one-hot? use argmax(1))"
        )
    for what, tensor in (("inputs", part.x), ("targets", y)):
        if bad := int((~torch.isfinite(tensor.float())).sum()):
            raise ArgumentError(
                f"{what} must be finite in float32, but {name} has {bad} NaN or infinite numbers"
            )
    return Part(part.x, y)


def _coded(targets: list[Any], path: str) -> tuple[list[Tensor], tuple[str, ...]]:
    """Return targets as tensors, and what the codes mean that now stand for texts or booleans."""
    arrays = [np.asarray([] if isinstance(y, Tensor) else y) for y in targets]
    if all(y.dtype.kind in "US" or _are_texts(y) for y in arrays):
        names, codes = np.unique(np.concatenate([y.astype(str) for y in arrays]), return_inverse=True)
        lengths = np.cumsum([len(y) for y in arrays])[:-1]
        shown = tuple(one_line(name, _LONGEST) for name in names)
        return [torch.from_numpy(part) for part in np.split(codes.reshape(-1), lengths)], shown
    tensors = [_tensor(y, path) for y in targets]
    return tensors, ("False", "True") if tensors[0].dtype == torch.bool else ()


def _are_texts(array: np.ndarray[Any, Any]) -> bool:
    return array.dtype == object and array.size > 0 and all(isinstance(y, str) for y in array.flat)


def _held_out(part: Part) -> tuple[Part, Part]:
    """Set a quarter of the samples apart, drawn at random: the order of a file often means something."""
    samples = len(part.y)
    if samples < 4:
        raise ArgumentError(f"a set of which a quarter is held out needs 4 samples, but got {samples}")
    drawn = torch.randperm(samples, generator=torch.Generator().manual_seed(0))
    if not part.y.is_floating_point():  # every class in its share
        drawn = drawn[torch.argsort(part.y[drawn], stable=True)]
    fourth = torch.arange(samples) % 4 == 3
    train, test = drawn[~fourth], drawn[fourth]
    return Part(part.x[train], part.y[train]), Part(part.x[test], part.y[test])
