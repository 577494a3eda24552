"""Maxout: the largest of k pieces."""

from __future__ import annotations

from typing import Any

import numpy as np

from rectifiers.activations._parameters import Choice, Integer
from rectifiers.activations._record import AlongAxis
from rectifiers.errors import ShapeError


def pieces_axis(shape: tuple[int, ...], pieces: int, dim: int, grouping: str) -> tuple[tuple[int, ...], int]:
    """Return `shape` with axis `dim` split into groups and pieces, and the axis of the pieces.

    Raises
    ------
    ShapeError
        There is no such axis, or it does not divide into groups of `pieces`.
    """
    if not -len(shape) <= dim < len(shape):
        raise ShapeError(f"`dim` must be an axis of the input, got dim={dim} for shape {tuple(shape)}")
    dim %= len(shape)
    groups, rest = divmod(shape[dim], pieces)
    if rest:
        raise ShapeError(
            f"the features along `dim` must divide into groups of `pieces`, but got {shape[dim]} features "
            f"along dim={dim} and pieces={pieces}"
        )
    split = (groups, pieces) if grouping == "consecutive" else (pieces, groups)
    return (*shape[:dim], *split, *shape[dim + 1 :]), dim + (grouping == "consecutive")


def f(x: Any, pieces: int, dim: int, grouping: str) -> Any:
    """The largest of each group; NaN if one is."""
    shape, axis = pieces_axis(x.shape, pieces, dim, grouping)
    return x.reshape(shape).max(axis=axis)


def df(x: Any, pieces: int, dim: int, grouping: str) -> Any:
    """1 for the piece that won, 0 for the others, shaped as the input; the first of equal pieces wins."""
    shape, axis = pieces_axis(x.shape, pieces, dim, grouping)
    split = x.reshape(shape)
    winner = np.expand_dims(split.argmax(axis=axis), axis)
    index = np.expand_dims(np.arange(pieces), tuple(range(1, split.ndim - axis)))
    return np.where(index == winner, 1.0, 0.0).reshape(x.shape)


maxout = AlongAxis(
    "maxout",
    shape="k to one",
    value=f,
    derivative=df,
    parameters={
        "pieces": Integer(2, minimum=1),
        "dim": Integer(1),
        "grouping": Choice("consecutive", ("consecutive", "strided")),
    },
    title="Maxout",
    summary="The largest of k pieces: a learned convex function, with weights of its own.",
    formula="max(x_1, ..., x_k)",
    source="Goodfellow, Warde-Farley, Mirza, Courville & Bengio 2013, Maxout networks",
)
