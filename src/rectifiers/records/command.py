"""The command line that reproduces a study."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from rectifiers.records.plan import Plan
from rectifiers.records.plan_file import named as piece
from rectifiers.records.plan_file import unnamed

__all__ = ["command_of"]


def command_of(
    plan: Plan,
    arms: str | Iterable[Any],
    training: Mapping[str, Any] | None = None,
    *,
    standardize: bool = False,
    data_dir: str | Path | None = None,
    out: str | Path | None = None,
) -> str:
    """Return the command line that reproduces a plan, every choice spelt out; empty where none can.

    Arms that were passed as objects, and what a script or notebook defines, have no name on a command line.
    `training` has the options that stand for a training of the user's.
    """
    if isinstance(arms, Mapping):
        return ""
    named = [arms] if isinstance(arms, str) else list(arms)
    if unnamed(plan) or not all(isinstance(arm, str) and "__main__:" not in arm for arm in named):
        return ""
    if plan.kind != "loop" and training is None:
        return ""
    words = ["rectifiers", "compare"]
    options: dict[str, Any] = dict(training or {})
    if training is not None:
        arms_ = ",".join(arm.label for arm in plan.arms)
        options |= {"arms": arms_, "control": plan.control, "device": plan.device}
    else:
        words += [plan.task] if plan.data_code is None else []
        options |= _of_loop(plan, data_dir)
    options |= {
        "max-seeds" if plan.racing else "seeds": plan.seeds,
        "tuning-seeds": plan.tuning_seeds,
        "margin": "auto" if plan.margin is None else plan.margin,
        "confidence": plan.confidence,
        "target": plan.target,
        "allow": ",".join(plan.allow) or None,
        "out": out,
    }
    words += ["--standardize"] if standardize else []
    words += ["--compile"] if plan.compile else []
    if plan.measure:
        words.append("--lower-is-better" if plan.metric.startswith("minus ") else "--higher-is-better")
    for name, value in options.items():
        if value is True:
            words.append(f"--{name}")
        elif value is not None:
            words += [f"--{name}", str(value)]
    return shlex.join(words)


def _of_loop(plan: Plan, data_dir: str | Path | None) -> dict[str, Any]:
    """Return the options that say how the built-in loop trains."""
    options: dict[str, Any] = {}
    if plan.data_code is not None:
        options["data"] = piece(plan.data_code)
    options |= {
        "data-dir": data_dir,
        "arms": ",".join(arm.label for arm in plan.arms),
        "control": plan.control,
        "norm": ",".join(plan.norms),
        "model": plan.model,
        "swap": plan.swap or None,
        "loss": piece(plan.loss) or None,
        "metric": piece(plan.measure) or None,
        "augment": piece(plan.augment) or None,
        "patience": plan.patience,
        "precision": plan.precision if plan.precision != "float32" else None,
    }
    if plan.model_code is None:
        options |= {"width": plan.width, "depth": plan.depth}
    options |= {
        "epochs": plan.epochs,
        "batch-size": plan.batch_size,
        "lr": ",".join(str(rate) for rate in plan.learning_rates),
        "optimizer": plan.optimizer,
        "momentum": plan.momentum if plan.optimizer == "sgd" else None,
        "weight-decay": plan.weight_decay,
        "schedule": plan.schedule,
        "match": plan.match,
        "init": plan.initialization,
        "device": plan.device,
        "vary": plan.vary,
    }
    return options
