"""The words formulas are written in.

A formula is an ordinary function of arrays and numbers that uses arithmetic, comparisons and the
words below, and nothing else: no attributes, no closures, no helper functions. Under NumPy it runs
as it stands; every other backend runs the same code object with these names bound to its own words
(`rectifiers.backends.rebind`).

All words propagate NaN, `maximum` and `minimum` included.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = [
    "abs",
    "erf",
    "erfc",
    "exp",
    "expm1",
    "log",
    "log1p",
    "maximum",
    "minimum",
    "sigmoid",
    "sqrt",
    "tanh",
    "where",
    "words",
]

abs = np.abs
exp = np.exp
expm1 = np.expm1
log = np.log
log1p = np.log1p
maximum = np.maximum
minimum = np.minimum
sqrt = np.sqrt
tanh = np.tanh
where = np.where

# The C library's erf and erfc: scipy.special takes half a second to import.
_erf = np.vectorize(math.erf, otypes=[np.float64])
_erfc = np.vectorize(math.erfc, otypes=[np.float64])


def erf(x: Any) -> Any:
    """Error function, 2 / sqrt(pi) times the integral of exp(-t^2) from 0 to x."""
    return _erf(x)


def erfc(x: Any) -> Any:
    """Complement 1 - erf(x), exact where erf(x) rounds to 1."""
    return _erfc(x)


def sigmoid(x: Any) -> Any:
    """Logistic function 1 / (1 + e^-x), exact in both tails."""
    small = np.exp(-np.abs(x))
    return np.where(x < 0, small, 1.0) / (1.0 + small)


words: dict[str, Callable[..., Any]] = {name: globals()[name] for name in __all__ if name != "words"}
"""Every word, by name."""
