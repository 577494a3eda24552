"""Gated linear units: one half of the features, times an activation of the other half."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any

import numpy as np

from rectifiers.activations._parameters import Integer
from rectifiers.activations._record import AlongAxis, Elementwise
from rectifiers.errors import ShapeError

__all__ = ["Gated", "check_halves", "gated"]


@dataclass(frozen=True, eq=False)
class Gated(AlongAxis):
    """The first half of the features times `gate` of the second half, so that the axis is half as long.

    Attributes
    ----------
    gate : Elementwise
        With its default parameters.
    """

    _: KW_ONLY
    gate: Elementwise


def gated(name: str, gate: Elementwise, **about: Any) -> Gated:
    """Make a gated unit from the activation of its gate.

    The derivative is of each output by both its inputs, shaped as the input.

    Parameters
    ----------
    name : str
    gate : Elementwise
    **about : str
        Title, summary, used_when, formula and source of the record.
    """

    def f(x: Any, dim: int) -> Any:
        check_halves(x.shape, dim, name)
        first, second = np.split(x, 2, axis=dim)
        return first * gate.f(second)

    def df(x: Any, dim: int) -> Any:
        check_halves(x.shape, dim, name)
        first, second = np.split(x, 2, axis=dim)
        return np.concatenate((gate.f(second), first * gate.df(second)), axis=dim)

    return Gated(
        name,
        shape="two halves to one",
        value=f,
        derivative=df,
        parameters={"dim": Integer(-1, "Axis of the features, which becomes half as long.")},
        gate=gate,
        notes="""
        The second half gates the first, as in `torch.nn.GLU`. Weights trained with the gate in front
        (xFormers, Megatron) need their two halves exchanged. As an arm the features are on axis 1.
        """,
        **about,
    )


def check_halves(shape: Sequence[int], dim: int, name: str) -> None:
    """Raise `ShapeError` unless there is an axis `dim` of even length."""
    if not -len(shape) <= dim < len(shape):
        raise ShapeError(f"`dim` must be an axis of the input, got dim={dim} for shape {tuple(shape)}")
    if shape[dim] % 2:
        raise ShapeError(
            f"{name} gates one half of the features with the other, so their number must be even, but got "
            f"{shape[dim]} features along dim={dim}"
        )
