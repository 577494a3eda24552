"""Where in any model an activation is called: as a module or as a function, one entry per call.

`sites` lists the places; `Interception` stands between a model and each of them while it runs.
"""

from __future__ import annotations

from rectifiers.call_sites._interception import Begin, Call, End, Interception, caller
from rectifiers.call_sites._known import BASE, activation_of_function, activation_of_module
from rectifiers.call_sites._running import describe, mapped, refuse_closed, run, unchanged
from rectifiers.call_sites._table import Site, Sites, aligned, observe, sites

__all__ = [
    "BASE",
    "Begin",
    "Call",
    "End",
    "Interception",
    "Site",
    "Sites",
    "activation_of_function",
    "activation_of_module",
    "aligned",
    "caller",
    "describe",
    "mapped",
    "observe",
    "refuse_closed",
    "run",
    "sites",
    "unchanged",
]
