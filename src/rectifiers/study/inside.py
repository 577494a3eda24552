"""Watch a trial of the built-in loop, and tell as measures what was found."""

from __future__ import annotations

import math
from collections.abc import Iterator

from torch import nn

from rectifiers.diagnosis import ENOUGH, SQUASHING, Watch, watch
from rectifiers.records.inside import name_of

__all__ = ["measures", "watching"]

_PER_EPOCH = 8  # watched steps


def watching(model: nn.Module, steps_per_epoch: int, batch: int) -> Watch:
    """Return a watch whose figures are those of the last epoch, or of as many as have enough samples."""
    every = max(1, steps_per_epoch // _PER_EPOCH)
    return watch(model, every, window=max(steps_per_epoch, every * math.ceil(2 * ENOUGH / batch)))


def measures(seen: Watch, steps_per_epoch: int) -> tuple[tuple[str, float], ...]:
    """Return per site the share of dead units, by which epoch they had died, and what else is wrong."""
    if not seen.steps:
        return ()
    return tuple((name, value) for name, value in _found(seen, steps_per_epoch) if math.isfinite(value))


def _found(seen: Watch, steps_per_epoch: int) -> Iterator[tuple[str, float]]:
    frame = seen.frame()
    for row in seen.figures():
        site, dead = row["site"], row["dead"]
        if dead is not None:
            yield name_of("dead", site), dead
        if dead:
            over = frame[(frame["site"] == site) & (frame["dead"] >= 0.9 * dead)]
            if len(over):
                yield name_of("dead_by_epoch", site), float(over["last_step"].iloc[0] // steps_per_epoch + 1)
        if row["activation"] in SQUASHING and row["saturation"] is not None:
            yield name_of("saturated", site), row["saturation"]
        if row["gradient_ratio"] is not None:
            yield name_of("gradient_ratio", site), row["gradient_ratio"]
