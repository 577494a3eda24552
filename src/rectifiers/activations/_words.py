"""Read a formula: it may use only what every backend can lend it."""

from __future__ import annotations

import dis
import inspect
from collections.abc import Sequence
from types import FunctionType
from typing import Any

from rectifiers import vocabulary
from rectifiers.errors import DefinitionError

__all__ = ["check_words"]

_WORDS = {id(word) for word in vocabulary.words.values()}
_FOREIGN = ("IMPORT_NAME", "LOAD_ATTR", "LOAD_METHOD", "MAKE_FUNCTION")


def check_words(where: str, formula: Any, parameters: Sequence[str]) -> None:
    """Raise `DefinitionError` unless a formula consists of its arguments, numbers and vocabulary.

    Parameters
    ----------
    where : str
        How the message names the formula.
    formula : callable
        Of ``(x, *parameters)``; its first argument may have any name.
    parameters : sequence of str
        Names its other arguments must have, in order.
    """
    if not isinstance(formula, FunctionType):
        raise DefinitionError(f"{where} must be a plain Python function, got {formula!r}")
    arguments = list(inspect.signature(formula).parameters)
    if arguments[1:] != list(parameters):
        expected = ", ".join([arguments[0] if arguments else "x", *parameters])
        raise DefinitionError(f"{where} must take ({expected}), but takes ({', '.join(arguments)})")
    if formula.__code__.co_freevars:
        name = formula.__code__.co_freevars[0]
        raise DefinitionError(f"{where} uses `{name}` of the function around it: make it a parameter")
    for instruction in dis.get_instructions(formula):
        name = instruction.argval
        if instruction.opname == "LOAD_GLOBAL":
            value = formula.__globals__.get(name)
            if id(value) not in _WORDS and type(value) not in (int, float):
                known = ", ".join(vocabulary.words)
                raise DefinitionError(
                    f"{where} uses the unknown word `{name}`: write it in those of rectifiers.vocabulary "
                    f"({known})"
                )
        elif instruction.opname in _FOREIGN:
            raise DefinitionError(f"{where} must use arguments, numbers and words alone, but uses {name!r}")
