"""Which trials a plan consists of, and what makes two of them the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rectifiers.records.values import Phase, Plan, Trial, content_hash

__all__ = ["count", "deciding_trials", "trial", "tuning_trials"]


def trial(plan: Plan, phase: Phase, arm: str, norm: str, learning_rate: float, seed: int) -> Trial:
    """Return one trial of a plan.

    Its key hashes everything that determines the outcome and nothing else: neither the label an arm goes
    by, nor which other arms there are, nor how many seeds, nor by which margin it will be decided.
    """
    spec = plan.arm(arm)
    determines: dict[str, Any] = {
        name: getattr(plan, name)
        for name in (
            "protocol",
            "data_hash",
            "metric",
            "outputs",
            "epochs",
            "batch_size",
            "optimizer",
            "momentum",
            "weight_decay",
            "schedule",
            "model",
            "model_code",
            "depth",
            "initialization",
            "target",
            "device",
        )
    }
    determines |= {
        "identity": spec.identity,
        "width": spec.width,
        "phase": phase,
        "norm": norm,
        "learning_rate": learning_rate,
        "seed": seed,
        "validation_size": plan.validation_size if phase == "tune" else None,
    }
    return Trial(content_hash(determines), phase, arm, norm, learning_rate, seed)


def tuning_trials(plan: Plan, arm: str, norm: str) -> tuple[Trial, ...]:
    """Return the trials that choose the rate of one arm under one norm; none if the rate is given."""
    if not plan.tuned:
        return ()
    return tuple(
        trial(plan, "tune", arm, norm, rate, seed)
        for rate in plan.learning_rates
        for seed in range(plan.tuning_seeds)
    )


def deciding_trials(plan: Plan, rates: Mapping[tuple[str, str], float]) -> tuple[Trial, ...]:
    """Return the trials that decide: seed by seed, so that arms can be compared from the first seeds on."""
    return tuple(
        trial(plan, "test", arm.label, norm, rates[arm.label, norm], seed)
        for seed in range(plan.seeds)
        for norm in plan.norms
        for arm in plan.arms
    )


def count(plan: Plan, phase: Phase) -> int:
    """Return how many trials a phase has."""
    cells = len(plan.arms) * len(plan.norms)
    if phase == "test":
        return cells * plan.seeds
    return cells * len(plan.learning_rates) * plan.tuning_seeds if plan.tuned else 0
