"""All words with vector code, and whether a formula can be written in them. Needs no Numba."""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
from typing import Any

from llvmlite import ir

from rectifiers import vocabulary
from rectifiers.activations import Choice, Elementwise, Learned
from rectifiers.backends._binding import rebind
from rectifiers.backends.cpu.error_function import erf, erfc
from rectifiers.backends.cpu.numbers import LANES, Number, Truth, Writer
from rectifiers.backends.cpu.words import words as _words

__all__ = ["inexact", "obstacle", "words"]

words: dict[str, Callable[..., Any]] = {**_words, "erf": erf, "erfc": erfc}

_TRANSCENDENTAL = {"erf", "erfc", "exp", "expm1", "log", "log1p", "sigmoid", "sqrt", "tanh"}
"""Words whose values are not exact: a formula that uses one is computed in float64."""


def inexact(formula: Callable[..., Any]) -> bool:
    """Whether a formula uses an inexact word, under whatever name."""
    assert isinstance(formula, FunctionType)
    used = {id(formula.__globals__.get(name)) for name in formula.__code__.co_names}
    return any(id(vocabulary.words[name]) in used for name in _TRANSCENDENTAL)


def obstacle(record: Elementwise) -> str:
    """Return why a record has no vector code, by writing it to nowhere; an empty string if it has."""
    learned = [p.derivative for p in record.parameters.values() if isinstance(p, Learned)]
    of_input = [record.value, *learned]
    of_input += [record.derivative_of_input] if record.derivative_of_input is not None else []
    for formula in (*of_input, record.derivative):
        try:
            _write(record, formula, record.keeps == "sign" and formula is record.derivative)
        except (AttributeError, TypeError, ValueError, KeyError) as error:
            return f"there is no vector code for {formula.__name__}: {error}"
    return ""


def _write(record: Elementwise, formula: Callable[..., Any], of_sign: bool) -> None:
    function = ir.Function(ir.Module(), ir.FunctionType(ir.VoidType(), []), "nowhere")
    w = Writer(ir.IRBuilder(function.append_basic_block()), inexact(formula))
    vector = ir.Constant(w.vector, ir.Undefined)
    kept: Any = Truth(w, ir.Constant(ir.VectorType(ir.IntType(1), LANES), ir.Undefined))
    values = [
        parameter.default if isinstance(parameter, Choice) else Number(w, vector)
        for parameter in record.parameters.values()
    ]
    w.number(rebind(formula, words)(kept if of_sign else Number(w, vector), *values))
