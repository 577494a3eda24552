"""Optimisers and learning-rate schedules, by name."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from rectifiers.records.values import Plan

__all__ = ["OPTIMIZERS", "SCHEDULES", "optimiser"]

OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "sgd": torch.optim.SGD,
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
}

# what the learning rate is multiplied by once a fraction of all steps is done
SCHEDULES: dict[str, Callable[[float], float]] = {
    "constant": lambda done: 1.0,
    "cosine": lambda done: 0.5 * (1 + math.cos(math.pi * done)),
}


def optimiser(model: nn.Module, plan: Plan, learning_rate: float) -> torch.optim.Optimizer:
    """Return the plan's optimiser over a model.

    Weight decay acts on parameters with two axes or more, so neither on biases and normalisation nor
    on learned slopes (a decayed slope is pulled towards ReLU: He et al. 2015).
    """
    learned = [parameter for parameter in model.parameters() if parameter.requires_grad]
    groups: list[dict[str, Any]] = [{"params": learned}]
    if plan.weight_decay:
        groups = [
            {"params": [p for p in learned if p.ndim > 1], "weight_decay": plan.weight_decay},
            {"params": [p for p in learned if p.ndim <= 1], "weight_decay": 0.0},
        ]
    # one kernel for all parameters, where every parameter is of a type it knows
    fused = all(p.is_floating_point() and p.device.type in ("cpu", "cuda") for p in learned)
    settings: dict[str, Any] = {"lr": learning_rate, "weight_decay": 0.0, "fused": fused}
    if plan.optimizer == "sgd":
        settings["momentum"] = plan.momentum
    return OPTIMIZERS[plan.optimizer]([group for group in groups if group["params"]], **settings)
