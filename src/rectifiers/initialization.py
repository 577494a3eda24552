"""Gains and initialisation: weights that keep the second moment of what flows through them.

A layer of weights with variance ``gain^2 / fan_in`` turns inputs with second moment m into
pre-activations with variance ``gain^2 m``; the gain ``1 / sqrt(E[f(z)^2])``, z ~ N(0, 1), is the one
for which the second moment after the activation is that before the layer (He et al. 2015).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rectifiers import nn
from rectifiers.activations import Activation, Elementwise, registry
from rectifiers.errors import ArgumentError, UnknownNameError

__all__ = ["gain", "init_"]

_LAYERS = (torch.nn.Linear, torch.nn.modules.conv._ConvNd, nn.MaxoutLinear)


def gain(activation: str | Activation | torch.nn.Module | Callable[..., Any], **parameters: Any) -> float:
    """Return ``1 / sqrt(E[f(z)^2])`` for z ~ N(0, 1)."""
    if isinstance(activation, str):
        if activation not in registry:
            raise UnknownNameError.of("activation", activation, registry)
        activation = registry[activation]
    if isinstance(activation, Activation):
        return 1 / math.sqrt(_second_moment(activation, parameters))
    raise NotImplementedError


def _second_moment(record: Activation, parameters: dict[str, Any]) -> float:
    if record.name == "crelu":
        return 0.5
    if record.name == "rrelu":
        low, high = parameters.get("lower", 1 / 8), parameters.get("upper", 1 / 3)
        return 0.5 * (1 + (low * low + low * high + high * high) / 3)
    if record.name == "maxout":
        k = parameters.get("pieces", 2)
        return _expect(lambda z: z * z * k * np.exp((k - 1) * _log_cdf(z)))
    if not isinstance(record, Elementwise):
        raise ArgumentError(f"{record.name} has no gain: its outputs depend on each other")
    return _expect(lambda z: record.f(z, **parameters) ** 2)


def _log_cdf(z: Any) -> Any:
    from scipy.special import log_ndtr

    return log_ndtr(z)


def _expect(function: Callable[[Any], Any], reach: float = 16.0) -> float:
    """Return E[function(z)], z ~ N(0, 1), by Gauss-Legendre quadrature on short panels."""
    nodes, weights = np.polynomial.legendre.leggauss(16)
    edges = np.linspace(-reach, reach, 257)
    half = np.diff(edges)[:, None] / 2
    z = edges[:-1, None] + half * (1 + nodes)
    density = np.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    return float((half * weights * density * function(z)).sum())


def init_(
    module: torch.nn.Module,
    gain: float = 1.0,
    *,
    generator: torch.Generator | None = None,
    first_gain: float = 1.0,
) -> str:
    """Draw all weights from N(0, gain^2 / fan_in); return the SHA-256 of the draws before scaling."""
    digest = hashlib.sha256()
    scale = first_gain
    with torch.no_grad():
        for layer in module.modules():
            if isinstance(layer, _LAYERS):
                weight: Tensor = layer.weight
                draws = torch.randn(weight.shape, generator=generator)
                digest.update(draws.numpy().tobytes())
                fan_in = weight[0].numel()
                weight.copy_(draws * (scale / math.sqrt(fan_in)))
                if layer.bias is not None:
                    layer.bias.zero_()
                scale = gain
    return digest.hexdigest()
