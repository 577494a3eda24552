"""Claims: what has been said about rectifiers, run again by the library's own protocol.

A claim is one file: a statement, its source, criteria written before anything runs, and a plan.

- `rectifiers.claims.run`: run one and say whether it is reproduced.
- `rectifiers.claims.get`, `names`: the published ones; `recorded`: what was found when they were run.
- `Claim`, `Part`, `Criterion`, `Scale`: what a claim of one's own is made of, and what its parts read:
  `Computed`, `Difference`, `Interaction`, `TimeToTarget`, `Share`, `Trend`.
"""

from __future__ import annotations

from rectifiers.claims._claim import Claim, Criterion, Part, Scale
from rectifiers.claims._readings import (
    Computed,
    Count,
    Difference,
    Interaction,
    Lead,
    Measured,
    Reading,
    Share,
    TimeToTarget,
    Trend,
)
from rectifiers.claims._record import PartRecord, Record, recorded
from rectifiers.claims._run import load, run

__all__ = [
    "Claim",
    "Computed",
    "Count",
    "Criterion",
    "Difference",
    "Interaction",
    "Lead",
    "Measured",
    "Part",
    "PartRecord",
    "Reading",
    "Record",
    "Scale",
    "Share",
    "TimeToTarget",
    "Trend",
    "get",
    "load",
    "names",
    "recorded",
    "run",
]


def names() -> tuple[str, ...]:
    """Return the names of the published claims."""
    from rectifiers.claims.published import registry

    return tuple(registry)


def get(name: str) -> Claim:
    """Return a published claim.

    Raises
    ------
    UnknownNameError
        If there is none of that name.
    """
    return load(name)
