"""What a user hands over: an object, or the path of one; with a name for messages and what identifies it."""

from __future__ import annotations

import sys
from typing import Any, NamedTuple

from rectifiers.arms import code_identity, fingerprint, label_of, load_object
from rectifiers.errors import ArgumentTypeError
from rectifiers.records.plan import OBJECT

__all__ = ["Piece", "named", "piece"]


class Piece(NamedTuple):
    """Something of the user's.

    Attributes
    ----------
    name : str
        Its import path, or what it is called.
    code : str
        What identifies it: ``path@sha256``, or `OBJECT` and the SHA-256 of its code and state.
    value : object
        The object itself.
    """

    name: str
    code: str
    value: Any


def piece(kind: str, given: Any, *, functions: bool = True) -> Piece:
    """Take an import path, or an object; one that a module or this script defines goes by its path.

    Parameters
    ----------
    kind : str
        What it is for: ``"model"``.
    given : object
    functions : bool
        Whether nothing but something that can be called will do.

    Raises
    ------
    ImportPathError, UserCodeError
        For a path that leads nowhere, or code that raises when it is imported.
    ArgumentTypeError
        For an object that cannot be called.
    """
    path = given if isinstance(given, str) else _path_of(given)
    if path:
        value = load_object(path)
        found = Piece(path, code_identity(path, parts=True), value)
    elif callable(given):
        found = Piece(label_of(given), OBJECT + fingerprint(given), given)
    else:
        found = Piece(f"own {kind}", OBJECT + type(given).__qualname__, given)
    if functions and not callable(found.value):
        raise ArgumentTypeError(
            f"{kind} is a function, or the path of one such as 'package.module:name', but got {given!r:.80}"
        )
    return found


def named(text: Any, kind: str) -> str:
    """Return what identifies a loss or metric: a name as it was written, or the identity of code."""
    if text is None:
        return ""
    return text if isinstance(text, str) and ":" not in text else piece(kind, text).code


def _path_of(given: Any) -> str:
    """Return the path of a function or class that a module has under its own name; empty for all else."""
    module, name = getattr(given, "__module__", None), getattr(given, "__qualname__", None)
    if not isinstance(module, str) or not isinstance(name, str) or "<" in name:
        return ""
    found: Any = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    if found is not given or module.startswith("rectifiers_user_"):
        return ""
    return f"{module}:{name}"
