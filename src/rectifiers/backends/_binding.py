"""Run a formula with other words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import FunctionType
from typing import Any

from rectifiers import vocabulary

__all__ = ["rebind"]


def rebind(formula: Callable[..., Any], words: Mapping[str, Any]) -> Callable[..., Any]:
    """Return the same code with every word of the vocabulary replaced by a backend's own.

    Parameters
    ----------
    formula : callable
        A function written in `rectifiers.vocabulary`, under whatever names it imported the words.
    words : mapping
        The backend's word for each of `rectifiers.vocabulary.words`.

    Returns
    -------
    callable
        A new function; `formula` is left as it is.
    """
    assert isinstance(formula, FunctionType)
    names = {id(word): name for name, word in vocabulary.words.items()}
    bound = {
        key: words[names[id(value)]] if id(value) in names else value
        for key, value in formula.__globals__.items()
    }
    made = FunctionType(formula.__code__, bound, formula.__name__, formula.__defaults__)
    made.__kwdefaults__ = formula.__kwdefaults__
    return made
