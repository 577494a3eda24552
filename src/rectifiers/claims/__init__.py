"""Claims: what has been said about rectifiers, run again by the library's own protocol.

A claim is one file: a statement, its source, criteria written before anything runs, and a plan.

- `rectifiers.claims.run`: run one and say whether it is reproduced.
- `names`: of the published ones; `load`: one by name, or by file; `recorded`: what was found when it was run.
- `Claim`, `Part`, `Criterion`, `Scale`: what a claim of one's own is made of, and what its parts read:
  `Computed`, `Difference`, `Interaction`, `Lead`, `TimeToTarget`, `Share`, `Trend`.
"""

from __future__ import annotations

from rectifiers.claims._claim import Claim, Criterion, Part, Scale
from rectifiers.claims._readings import (
    Computed,
    Difference,
    Interaction,
    Lead,
    Share,
    TimeToTarget,
    Trend,
)
from rectifiers.claims._record import PartRecord, Record, recorded
from rectifiers.claims._run import load, run

__all__ = [
    "Claim",
    "Computed",
    "Criterion",
    "Difference",
    "Interaction",
    "Lead",
    "Part",
    "PartRecord",
    "Record",
    "Scale",
    "Share",
    "TimeToTarget",
    "Trend",
    "load",
    "names",
    "recorded",
    "run",
]


def names() -> tuple[str, ...]:
    """Return the names of the published claims."""
    from rectifiers.claims.published import registry

    return tuple(registry)
