"""Formulas are what kernels are made of: each one compiles with Numba and gives what NumPy gives."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import FunctionType
from typing import Any

import numpy as np
import pytest

from rectifiers import vocabulary
from rectifiers.activations import Choice, Elementwise, registry
from rectifiers.backends import rebind

ELEMENTWISE = {name: record for name, record in registry.items() if isinstance(record, Elementwise)}


@pytest.fixture(scope="module")
def words() -> dict[str, Any]:
    from numba import njit

    functions = {
        "abs": lambda x: abs(x),
        "erf": lambda x: math.erf(x),
        "erfc": lambda x: math.erfc(x),
        "exp": lambda x: math.exp(x),
        "expm1": lambda x: math.expm1(x),
        "log": lambda x: math.log(x),
        "log1p": lambda x: math.log1p(x),
        "maximum": lambda a, b: a if a > b or a != a else b,
        "minimum": lambda a, b: a if a < b or a != a else b,
        "sigmoid": lambda x: 1.0 / (1.0 + math.exp(-x)),
        "sqrt": lambda x: math.sqrt(x),
        "tanh": lambda x: math.tanh(x),
        "where": lambda condition, a, b: a if condition else b,
    }
    return {name: njit(function) for name, function in functions.items()}


def with_numbers(formula: Callable[..., Any], options: tuple[str, ...]) -> Callable[..., Any]:
    """The formula with the words of a choice replaced by their numbers: Numba's strings cost 10 s."""
    assert isinstance(formula, FunctionType)
    constants = tuple(options.index(c) if c in options else c for c in formula.__code__.co_consts)
    return FunctionType(formula.__code__.replace(co_consts=constants), formula.__globals__)


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_value_and_derivative_compile(name: str, words: dict[str, Any]) -> None:
    from numba import njit

    record = ELEMENTWISE[name]
    options = next((p.options for p in record.parameters.values() if isinstance(p, Choice)), ())
    value, derivative = (
        njit(rebind(with_numbers(formula, options), words)) for formula in (record.value, record.derivative)
    )
    for index in range(max(1, len(options))):
        theirs, mine = ((options[index],), (index,)) if options else (record.defaults, record.defaults)
        for x in (-3.0, -0.5, 0.0, 0.7, 5.0, 7.0):
            y = value(x, *mine)
            kept = {"sign": x > 0, "output": y, "input": x}[record.keeps]
            np.testing.assert_allclose(y, record.f(x, *theirs), rtol=1e-12)
            np.testing.assert_allclose(derivative(kept, *mine), record.df(x, *theirs), rtol=1e-9)


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


def test_rebinding_leaves_the_formula_alone(words: dict[str, Any]) -> None:
    record = ELEMENTWISE["elu"]
    before = dict(record.value.__globals__)
    made = rebind(record.value, {**words, "tl": "further"})
    assert record.value.__globals__ == before
    assert made.__code__ is record.value.__code__
    assert made.__globals__["tl"] == "further"
    assert "registry" not in made.__globals__
