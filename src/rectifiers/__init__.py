"""ReLU and its whole family for PyTorch, and the evidence for which one a network needs.

Names resolve on first use (PEP 562), so that importing the package costs next to nothing and the
rooms that do without torch can be used without it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from rectifiers._version import __version__

if TYPE_CHECKING:
    from rectifiers import callbacks, claims, errors, functional, nn, reference, runners
    from rectifiers.activations import elementwise
    from rectifiers.arms import register_hidden_act
    from rectifiers.backends import Explanation, explain, keep_freed_memory, set_backend
    from rectifiers.call_sites import Sites, sites
    from rectifiers.comparison import ComparisonResult, compare
    from rectifiers.diagnosis import Watch, watch
    from rectifiers.initialization import gain, init_
    from rectifiers.report.functions import show
    from rectifiers.study import Command, Execution, Trial
    from rectifiers.swapping import SwapReport, swap_, unswap_
    from rectifiers.verification import CheckResult, check

_MODULES = ("callbacks", "claims", "errors", "functional", "nn", "reference", "runners", "vocabulary")
_NAMES = {
    "Sites": "rectifiers.call_sites",
    "CheckResult": "rectifiers.verification",
    "Command": "rectifiers.study",
    "ComparisonResult": "rectifiers.comparison",
    "check": "rectifiers.verification",
    "compare": "rectifiers.comparison",
    "Execution": "rectifiers.study",
    "Explanation": "rectifiers.backends",
    "elementwise": "rectifiers.activations",
    "explain": "rectifiers.backends",
    "gain": "rectifiers.initialization",
    "init_": "rectifiers.initialization",
    "keep_freed_memory": "rectifiers.backends",
    "set_backend": "rectifiers.backends",
    "Trial": "rectifiers.study",
    "show": "rectifiers.report.functions",
    "register_hidden_act": "rectifiers.arms",
    "Watch": "rectifiers.diagnosis",
    "watch": "rectifiers.diagnosis",
    "sites": "rectifiers.call_sites",
    "SwapReport": "rectifiers.swapping",
    "swap_": "rectifiers.swapping",
    "unswap_": "rectifiers.swapping",
}

__all__ = [
    "CheckResult",
    "Command",
    "ComparisonResult",
    "Execution",
    "Explanation",
    "Sites",
    "SwapReport",
    "Trial",
    "Watch",
    "__version__",
    "callbacks",
    "check",
    "claims",
    "compare",
    "elementwise",
    "errors",
    "explain",
    "functional",
    "gain",
    "init_",
    "keep_freed_memory",
    "nn",
    "reference",
    "register_hidden_act",
    "runners",
    "set_backend",
    "show",
    "sites",
    "swap_",
    "unswap_",
    "watch",
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"rectifiers.{name}")
    if name in _NAMES:
        value = getattr(importlib.import_module(_NAMES[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'rectifiers' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULES, *_NAMES})
