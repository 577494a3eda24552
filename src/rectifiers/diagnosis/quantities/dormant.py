"""Dormant units: those whose outputs, or gradients, are small beside the layer's (Sokar 2023; GraMa)."""

from __future__ import annotations

from rectifiers.diagnosis.quantities._quantity import ENOUGH, Array, Gradient, Quantity, Sample, Sums

__all__ = ["TAU", "dormant", "dormant_gradient"]

TAU = 0.025  # of Sokar et al. 2023, section 3


def _forward(sample: Sample) -> Sums:
    return {"size.sum": sample.y.abs().sum(dim=0)}


def _backward(gradient: Gradient) -> Sums:
    return {"gradient_size.sum": gradient.values.abs().sum(dim=0)}


def _small(size: Array) -> float:
    return float((size <= TAU * size.mean()).mean())


dormant = Quantity("dormant", "dormant", _small, ("size.sum",), _forward, fewest=ENOUGH)
dormant_gradient = Quantity(
    "dormant_gradient", "", _small, ("gradient_size.sum",), backward=_backward, fewest=ENOUGH
)
