"""What a record's machine code depends on, as text."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from types import FunctionType
from typing import Any

from rectifiers import vocabulary
from rectifiers.activations import Elementwise, Learned

__all__ = ["fingerprint"]

_WORDS = {id(word): name for name, word in vocabulary.words.items()}


def fingerprint(record: Elementwise) -> str:
    """Return a digest of the record's formulas and of how they are used."""
    learned = [(name, p.derivative) for name, p in record.parameters.items() if isinstance(p, Learned)]
    formulas = (record.value, record.derivative, record.derivative_of_input, *(f for _, f in learned))
    saved = record.keeps, record.nan_is_positive
    text = repr((saved, list(record.parameters), [name for name, _ in learned], [*map(_of, formulas)]))
    return hashlib.sha256(text.encode()).hexdigest()


def _of(formula: Callable[..., Any] | None) -> Any:
    if formula is None:
        return None
    assert isinstance(formula, FunctionType)
    code = formula.__code__
    globals_ = []
    for name in code.co_names:
        value = formula.__globals__.get(name)
        globals_.append((name, _WORDS.get(id(value), repr(value))))
    return code.co_code.hex(), repr(code.co_consts), code.co_varnames, globals_
