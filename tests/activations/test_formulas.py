"""Formulas are what kernels are made of: with other words each gives what it gives with NumPy's."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from rectifiers import vocabulary
from rectifiers.activations import Choice, Elementwise, registry
from rectifiers.backends import rebind

ELEMENTWISE = {name: record for name, record in registry.items() if isinstance(record, Elementwise)}


WORDS: dict[str, Any] = {
    "abs": abs,
    "erf": math.erf,
    "erfc": math.erfc,
    "exp": math.exp,
    "expm1": math.expm1,
    "log": math.log,
    "log1p": math.log1p,
    "maximum": lambda a, b: a if a > b or a != a else b,
    "minimum": lambda a, b: a if a < b or a != a else b,
    "sigmoid": lambda x: 1.0 / (1.0 + math.exp(-x)),
    "sqrt": math.sqrt,
    "tanh": math.tanh,
    "where": lambda condition, a, b: a if condition else b,
}


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_value_and_derivative_of_one_number(name: str) -> None:
    record = ELEMENTWISE[name]
    options = next((p.options for p in record.parameters.values() if isinstance(p, Choice)), ())
    value, derivative = (rebind(formula, WORDS) for formula in (record.value, record.derivative))
    for values in [(option,) for option in options] or [record.defaults]:
        for x in (-3.0, -0.5, 0.0, 0.7, 5.0, 7.0):
            y = value(x, *values)
            kept = {"sign": x > 0, "output": y, "input": x}[record.keeps]
            np.testing.assert_allclose(y, record.f(x, *values), rtol=1e-12)
            np.testing.assert_allclose(derivative(kept, *values), record.df(x, *values), rtol=1e-9)


def test_torch_has_every_word() -> None:
    import torch

    from rectifiers.backends._formula import _words

    theirs = _words(torch.float64)
    assert set(theirs) == set(vocabulary.words)
    x = np.linspace(-3, 3, 13)
    arguments = {"maximum": (x, 0.5), "minimum": (x, 0.5), "where": (x > 0, x, -1.0), "sqrt": (x * x,)}
    arguments |= {"log": (x * x + 1,), "log1p": (x * x,)}
    for name, word in vocabulary.words.items():
        values = arguments.get(name, (x,))
        tensors = [torch.from_numpy(v) if isinstance(v, np.ndarray) else v for v in values]
        np.testing.assert_allclose(theirs[name](*tensors), word(*values), rtol=1e-14, atol=1e-16)


def test_rebinding_leaves_the_formula_alone() -> None:
    record = ELEMENTWISE["elu"]
    before = dict(record.value.__globals__)
    made = rebind(record.value, {**WORDS, "tl": "further"})
    assert record.value.__globals__ == before
    assert made.__code__ is record.value.__code__
    assert made.__globals__["tl"] == "further"
    assert "registry" not in made.__globals__
