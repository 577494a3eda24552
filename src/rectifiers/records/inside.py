"""What watching trials found, as measures of their runs: ``watch:dead:layer1.0.relu``."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean

from rectifiers.records.values import Study

__all__ = ["Inside", "inside", "name_of"]

_PREFIX = "watch"


@dataclass(frozen=True)
class Inside:
    """The mean of a quantity at a site over the `n` deciding runs of an arm that know it."""

    arm: str
    norm: str
    site: str
    quantity: str
    mean: float
    n: int


def name_of(quantity: str, site: str) -> str:
    """Return the name of a measure."""
    return f"{_PREFIX}:{quantity}:{site}"


def inside(study: Study) -> tuple[Inside, ...]:
    """Return what was found per arm and normalisation; empty where nothing was watched."""
    values: dict[tuple[str, str, str], list[float]] = {}
    for norm in study.plan.norms:
        for arm in study.plan.arms:
            for run in study.series(arm.label, norm):
                for name, value in run.measures:
                    if name.startswith(f"{_PREFIX}:"):
                        values.setdefault((arm.label, norm, name), []).append(value)
    found = ((arm, norm, name.split(":", 2), each) for (arm, norm, name), each in values.items())
    return tuple(
        Inside(arm, norm, site, quantity, fmean(each), len(each))
        for arm, norm, (_, quantity, site), each in found
    )
