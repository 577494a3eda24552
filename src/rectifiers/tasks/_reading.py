"""From what the user's own function returned to tensors: one or two parts of inputs and targets."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from rectifiers.errors import ArgumentError, ArgumentTypeError, ShapeError
from rectifiers.tasks._samples import Drawn, Source, seeded, source_of
from rectifiers.tasks._trees import Inputs, digest, kind, leaves, mapped, plain, take, tensor, tensors

__all__ = ["Part", "Returned", "read"]

_ROUNDED = 0.01  # of their standard deviation: as much may be lost of targets
_EXAMPLE = 64  # samples that are read at once, the first of which are tried before training
_ELSE = (
    "use y[:, 0] of one column, argmax(1) of one-hot labels; give loss='several-labels' for several a "
    "sample, 'token-labels' for one a token, or a loss and a metric"
)


class Part(NamedTuple):
    """Inputs, samples along axis 0, and labels ``(n,)``, int64, or targets ``(n[, outputs])``, float64."""

    x: Inputs
    y: Tensor


class Returned(NamedTuple):
    """Both parts, and how they came.

    `names` are what the labels 0, 1, ... stand for, where they were texts or booleans; `one_set` says that
    the test part was held out here. Where `drawn` is given, samples are read while a model is trained, and
    the inputs of the parts are their first ones only.
    """

    train: Part
    test: Part
    names: tuple[str, ...]
    one_set: bool
    drawn: Drawn | None = None
    batch_size: int | None = None


def read(returned: Any, path: str, *, raw: bool = False) -> Returned:
    """Take ``(train_x, train_y, test_x, test_y)``, data sets or loaders (train, test), or one ``(x, y)``.

    Parameters
    ----------
    returned : object
    path : str
        For messages.
    raw : bool
        Whether targets are taken as they are, of any shape and type: not to be told apart into labels and
        numbers.
    """
    drawn, batch_size = None, None
    called = [f"train of {path}", f"test of {path}"]
    match returned:
        case (x, y) if hasattr(y if isinstance(x, tuple) else x, "__array__") or isinstance(x, Mapping):
            given, called = [(tensors(x, path), y)], [f"data of {path}"]
        case (x, y, test_x, test_y):
            given = [(tensors(x, path), y), (tensors(test_x, path), test_y)]
        case (_, _):
            sources = [source_of(part, name) for part, name in zip(returned, called, strict=True)]
            batch_size = sources[0].batch_size
            given, drawn = _of_sources(sources, raw=raw)
        case _:
            raise ArgumentTypeError(
                f"{path} must return (train_x, train_y, test_x, test_y), one (x, y), or two data sets or "
                f"loaders (train, test), but returned {kind(returned)}"
            )
    labels = [y for _, y in given]
    targets, names = ([tensor(y, path) for y in labels], ()) if raw else _coded(labels, path)
    prepared = [
        _prepared(Part(x, y), name, raw=raw, whole=drawn is None)
        for (x, _), y, name in zip(given, targets, called, strict=True)
    ]
    train, test = prepared if len(prepared) == 2 else _held_out(prepared[0], shuffle_only=raw)
    if drawn is None:
        _check_alike(plain(train.x), plain(test.x), path)
    if drawn is None or not raw:
        _check_alike(train.y, test.y, path)
    return Returned(train, test, names, len(prepared) == 1, drawn, batch_size)


def _of_sources(sources: Sequence[Source], *, raw: bool) -> tuple[list[tuple[Inputs, Any]], Drawn | None]:
    """Read two data sets: all of them, or an example of inputs and all targets where they are drawn anew."""
    anew = [source.drawn() or source.collate is not None for source in sources]
    if not any(anew):
        return [source.batch(range(len(source))) for source in sources], None
    given, digests = [], list[str]()
    for source in sources:
        read: list[tuple[Inputs, Any]] = []  # of inputs the first alone
        with seeded(0):
            for start in range(0, len(source), _EXAMPLE):
                x, y = source.batch(range(start, min(start + _EXAMPLE, len(source))))
                _check_finite("inputs", leaves(x), source.name)
                digests.append(digest((x, y)))
                read.append((None if read else x, y))
        x, y = read[0]
        given.append((x, y if raw else torch.cat([y for _, y in read])))
    return given, Drawn(sources[0], sources[1], hashlib.sha256("".join(digests).encode()).hexdigest(), plain)


def _check_alike(train: Inputs, test: Inputs, path: str) -> None:
    """Raise unless the samples of both parts have one structure, type and shape."""
    one, other = (mapped(lambda x: (x.dtype, *x.shape[1:]), part) for part in (train, test))
    if one != other:
        raise ShapeError(f"{path}: train and test have one type and shape, but got {one} and {other}")


def _prepared(part: Part, name: str, *, raw: bool, whole: bool) -> Part:
    """Return a part with real inputs and int64 labels ``(n,)`` or float64 targets ``(n[, outputs])``.

    `raw` targets are left as they are; where the part is not the `whole`, its inputs are an example.
    """
    one = isinstance(part.x, Tensor)
    inputs = leaves(part.x)
    empty = not inputs or any(x.ndim < (2 if one else 1) or x.numel() == 0 for x in inputs)
    if empty or (whole and {x.shape[:1] for x in inputs} != {part.y.shape[:1]}):
        shapes = " and ".join(str(tuple(x.shape)) for x in inputs) or "none"
        raise ShapeError(
            "inputs must have shape (n, ...), none of it 0, and labels one for each of n samples, but "
            f"{name} has {shapes} and {tuple(part.y.shape)}"
        )
    y, numbers = part.y, part.y.is_floating_point()
    if not raw and y.ndim > 1 + numbers:
        raise ShapeError(
            "labels must have shape (n,), and targets of floating point (n,) or (n, outputs), but "
            f"{name} has {tuple(y.shape)}: {_ELSE}"
        )
    _check_finite("inputs", inputs, name)
    _check_finite("targets", [y], name)
    if raw and numbers and (y - y.float()).abs().max() > _ROUNDED * y.std():
        raise ArgumentError(
            f"targets must keep their differences in float32, but {name} has {y.flatten()[0]:.12g} and others"
            " near: subtract their mean"
        )
    return Part(part.x, plain(y) if raw else y.double() if numbers else y.long())


def _check_finite(what: str, values: Sequence[Tensor], name: str) -> None:
    bad = sum(int((~value.float().isfinite()).sum()) for value in values if value.is_floating_point())
    if bad:
        raise ArgumentError(f"{what} must be finite in float32, but {name} has {bad} NaN or infinite numbers")


def _coded(targets: list[Any], path: str) -> tuple[list[Tensor], tuple[str, ...]]:
    """Return targets as tensors, and what the codes mean that now stand for texts or booleans."""
    arrays = [np.asarray([] if isinstance(y, Tensor) else y) for y in targets]
    if all(y.dtype.kind in "US" or _are_texts(y) for y in arrays):
        names, codes = np.unique(np.concatenate([y.astype(str) for y in arrays]), return_inverse=True)
        lengths = np.cumsum([len(y) for y in arrays])[:-1]
        return [torch.from_numpy(part) for part in np.split(codes.reshape(-1), lengths)], (*names.tolist(),)
    tensors = [tensor(y, path) for y in targets]
    return tensors, ("False", "True") if tensors[0].dtype == torch.bool else ()


def _are_texts(array: np.ndarray[Any, Any]) -> bool:
    return array.dtype == object and array.size > 0 and all(isinstance(y, str) for y in array.flat)


def _held_out(part: Part, *, shuffle_only: bool) -> tuple[Part, Part]:
    """Set a quarter of the samples apart, drawn at random: the order of a file often means something."""
    samples = len(part.y)
    if samples < 4:
        raise ArgumentError(f"a set of which a quarter is held out needs 4 samples, but got {samples}")
    drawn = torch.randperm(samples, generator=torch.Generator().manual_seed(0))
    if not shuffle_only and not part.y.is_floating_point():  # every class in its share
        drawn = drawn[torch.argsort(part.y[drawn], stable=True)]
    fourth = torch.arange(samples) % 4 == 3
    train, test = drawn[~fourth], drawn[fourth]
    return Part(take(part.x, train), part.y[train]), Part(take(part.x, test), part.y[test])
