"""How any activation is executed: `executor` picks the way for a record.

The formulas stay in `rectifiers.activations`; a backend lends them its words (`rebind`).
"""

from __future__ import annotations

from rectifiers.backends._arguments import Channels, Random
from rectifiers.backends._binding import rebind
from rectifiers.backends._choice import backend
from rectifiers.backends._dispatch import crelu, executor, executors, maxout
from rectifiers.backends._explain import Explanation, explain
from rectifiers.backends._torch import Execute
from rectifiers.backends.memory import keep_freed_memory

__all__ = [
    "Channels",
    "Execute",
    "Explanation",
    "Random",
    "backend",
    "crelu",
    "executor",
    "executors",
    "explain",
    "keep_freed_memory",
    "maxout",
    "rebind",
]
