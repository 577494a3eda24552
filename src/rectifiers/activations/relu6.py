"""ReLU6: ReLU clipped at 6."""

from __future__ import annotations

from typing import Any

from rectifiers.activations._definition import elementwise
from rectifiers.vocabulary import where


def f(x: Any) -> Any:
    """The input clipped to [0, 6]."""
    return where(x < 0, 0.0, where(x > 6, 6.0, x))


def df(y: Any) -> Any:
    """0 at both kinks."""
    return where((y > 0) & (y < 6), 1.0, 0.0)


relu6 = elementwise(
    "relu6",
    f,
    df,
    keeps="output",
    kinks=[0.0, 6.0],
    title="ReLU6",
    summary="Its input clipped to [0, 6].",
    used_when="Mobile networks in low precision: outputs stay within [0, 6].",
    formula="min(max(0, x), 6)",
    source="Krizhevsky 2010, Convolutional deep belief networks on CIFAR-10",
)
