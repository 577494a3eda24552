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
        The backend's word for each of `rectifiers.vocabulary.words`. Further names become globals too, for
        a backend whose compiler looks for some (Triton's ``tl``).

    Returns
    -------
    callable
        A new function; `formula` is left as it is.
    """
    assert isinstance(formula, FunctionType)
    known = {id(word): name for name, word in vocabulary.words.items()}
    bound = {name: word for name, word in words.items() if name not in vocabulary.words}
    bound["__builtins__"] = formula.__globals__["__builtins__"]
    # Only the names it uses: a compiler that traces would look the others up in the module named by
    # `__name__`, and find NumPy's words there.
    for name in formula.__code__.co_names:
        value = formula.__globals__[name]
        bound[name] = words[known[id(value)]] if id(value) in known else value
    return FunctionType(formula.__code__, bound, formula.__name__, formula.__defaults__)
