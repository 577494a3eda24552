"""The identity of a function that a plan calls."""

from __future__ import annotations

import hashlib
import inspect
import sys
from typing import Any

__all__ = ["code_of"]


def code_of(function: Any) -> str:
    """Return a function's name with a hash of the code it shares a module with, and of what claims share.

    Texts and numbers of the module are left out: those that matter are in the plan.
    """
    home = function.__module__
    own = []
    for value in map(inspect.unwrap, filter(callable, vars(sys.modules[home]).values())):
        place = getattr(value, "__module__", "") or ""
        shared = inspect.isfunction(value) and place.startswith("rectifiers.claims.")
        if shared or (place == home and (inspect.isfunction(value) or inspect.isclass(value))):
            own.append(inspect.getsource(value))
    digest = hashlib.sha256("\n".join(sorted(own)).encode()).hexdigest()
    return f"{function.__qualname__}:{digest[:16]}"
