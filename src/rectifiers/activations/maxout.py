"""Maxout: the largest of k pieces."""

from __future__ import annotations

from typing import Any

import numpy as np

from rectifiers.activations._groups import pieces_axis
from rectifiers.activations._parameters import Choice, Integer
from rectifiers.activations._record import AlongAxis


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
        "pieces": Integer(2, "Features per group.", minimum=1),
        "dim": Integer(1, "Axis of the features."),
        "grouping": Choice("consecutive", ("consecutive", "strided"), "Which features form a group."),
    },
    title="Maxout",
    summary="The largest of k pieces: a learned convex function, with weights of its own.",
    used_when="Learns its own convex shape at k times the weights; was made for use with dropout.",
    formula="max(x_1, ..., x_k)",
    source="Goodfellow, Warde-Farley, Mirza, Courville & Bengio 2013, Maxout networks",
    notes="""
    Groups are of consecutive features, as in the paper, Chainer and Paddle; TensorFlow Addons groups strided
    ones. The first of equal pieces takes the gradient.
    """,
)
