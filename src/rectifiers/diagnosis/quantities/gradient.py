"""Gradient: its root mean square at a site, by which vanishing and exploding are seen."""

from __future__ import annotations

import math

from rectifiers.diagnosis.quantities._quantity import Array, Gradient, Quantity, Sums, precisely

__all__ = ["gradient"]


def _backward(gradient: Gradient) -> Sums:
    return {"gradient_squared.sum": precisely(gradient.values).square_().sum(dim=0)}


def _figure(squares: Array) -> float:
    return math.sqrt(squares.mean())


_KEYS = ("gradient_squared.sum",)
gradient = Quantity("gradient", "gradient RMS", _figure, _KEYS, backward=_backward, share=False)
