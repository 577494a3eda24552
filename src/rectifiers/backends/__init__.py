"""How any activation is executed: `executor` returns what runs a record.

The formulas stay in `rectifiers.activations`; a backend gives their operations a meaning (`rebind`).
"""

from __future__ import annotations

from rectifiers.backends._arguments import Channels, Random
from rectifiers.backends._binding import rebind
from rectifiers.backends._eligible import set_backend, using
from rectifiers.backends._execute import crelu, executor, maxout
from rectifiers.backends._explain import Explanation, explain
from rectifiers.backends._formula import formula_of
from rectifiers.backends._torch import Execute, wrapped
from rectifiers.backends.memory import keep_freed_memory

__all__ = [
    "Channels",
    "Execute",
    "Explanation",
    "Random",
    "crelu",
    "executor",
    "explain",
    "formula_of",
    "keep_freed_memory",
    "maxout",
    "rebind",
    "set_backend",
    "using",
    "wrapped",
]
