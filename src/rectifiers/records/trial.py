"""One training run to be made, and the key it is known by."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Literal, NamedTuple

__all__ = ["Phase", "Trial", "canonical", "content_hash", "trial_key"]

# "tune": chooses a rate, on a validation split; "margin": the control at its chosen rate, trained and
# measured like the trials that decide, but on seeds of its own; "test": decides.
Phase = Literal["tune", "margin", "test"]


class Trial(NamedTuple):
    """One training run to be made: (arm, norm, learning rate, seed) in a phase.

    `key` is the content hash of everything that determines its outcome, so that a trial is never
    run twice and survives a change of anything else. A tuple, since it is made ten times as fast as a frozen
    dataclass, and a store holds a hundred thousand.
    """

    key: str
    phase: Phase
    arm: str
    norm: str
    learning_rate: float
    seed: int


def canonical(value: Any) -> str:
    """Return a JSON-able value as text that is independent of the order of keys."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def content_hash(value: Any) -> str:
    """Return the SHA-256 (hex) of a JSON-able value, independent of key order."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def trial_key(around: tuple[str, str], seed: int) -> str:
    """Return the key of a trial: the hash of what determines it as JSON, `around` its seed."""
    return hashlib.sha256(str(seed).join(around).encode()).hexdigest()
