"""How any activation is executed: `executor` picks the way for a record.

The formulas stay in `rectifiers.activations`; a backend lends them its words (`rebind`).
"""

from __future__ import annotations

from rectifiers.backends._binding import rebind
from rectifiers.backends._torch import Execute, executor

__all__ = ["Execute", "executor", "rebind"]
