"""What watching a trial found, as measures of its run: ``watch:dead:layer1.0.relu``."""

from __future__ import annotations

from collections.abc import Mapping

from rectifiers.records.values import Run

__all__ = ["measured", "name_of"]

_PREFIX = "watch"


def name_of(quantity: str, site: str) -> str:
    """Return the name of a measure."""
    return f"{_PREFIX}:{quantity}:{site}"


def measured(run: Run) -> Mapping[tuple[str, str], float]:
    """Return a run's measures by quantity and site; empty where it was not watched."""
    split = ((name.split(":", 2), value) for name, value in run.measures if name.startswith(f"{_PREFIX}:"))
    return {(quantity, site): value for (_, quantity, site), value in split}
