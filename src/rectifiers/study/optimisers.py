"""Optimisers and learning-rate schedules, by name.

The optimisers are torch's own functions (`torch.optim.sgd.sgd`, `torch.optim.adam.adam`) without the
classes around them: the first of those made imports torch's whole compiler (3 s), and each step costs
40 us more, a tenth of a step of a small network.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.adam import adam
from torch.optim.sgd import sgd

__all__ = ["ADAPTIVE_RATES", "OPTIMIZERS", "SCHEDULES", "Optimiser"]

# what the learning rate is multiplied by once a fraction of all steps is done
SCHEDULES: dict[str, Callable[[float], float]] = {
    "constant": lambda done: 1.0,
    "cosine": lambda done: 0.5 * (1 + math.cos(math.pi * done)),
}

OPTIMIZERS = ("sgd", "adam", "adamw")

# The grid of adam and adamw, whose steps have the size of the rate itself; that of sgd is the task's.
ADAPTIVE_RATES = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2)


class Optimiser:
    """Updates a model's parameters from their gradients.

    Weight decay acts on parameters with two axes or more, so neither on biases and normalisation nor
    on learned slopes (a decayed slope is pulled towards ReLU: He et al. 2015).

    Parameters
    ----------
    name : {"sgd", "adam", "adamw"}
    model : nn.Module
    weight_decay : float
    momentum : float
        Of sgd.
    """

    def __init__(self, name: str, model: nn.Module, weight_decay: float, momentum: float) -> None:
        self._learned = [parameter for parameter in model.parameters() if parameter.requires_grad]
        self._name, self._momentum = name, momentum
        # one kernel for all parameters, where they are of a type it knows
        self._fused = all(p.is_floating_point() and p.device.type in ("cpu", "cuda") for p in self._learned)
        rows = [(parameter, *self._start(parameter)) for parameter in self._learned]
        weights, others = ([row for row in rows if (row[0].ndim > 1) is many] for many in (True, False))
        self._groups = [(weight_decay, weights), (0.0, others)] if weight_decay else [(0.0, rows)]

    def zero(self) -> None:
        """Forget all gradients."""
        for parameter in self._learned:
            parameter.grad = None

    def step(self, rate: float) -> None:
        """Update every parameter that has a gradient."""
        with torch.no_grad():
            for weight_decay, rows in self._groups:
                used = [(row[0], row[0].grad, *row[1:]) for row in rows if row[0].grad is not None]
                if used:
                    self._update(*map(list, zip(*used, strict=True)), lr=rate, weight_decay=weight_decay)

    @property
    def state(self) -> list[Tensor]:
        """The tensors it keeps from step to step."""
        return [tensor for _, rows in self._groups for row in rows for tensor in row[1:]]

    def _start(self, parameter: Tensor) -> tuple[Tensor, ...]:
        """Return the state of a parameter before the first step."""
        if self._name == "sgd":
            return (torch.zeros_like(parameter),) if self._momentum else ()
        steps = torch.zeros((), device=parameter.device if self._fused else "cpu")
        return torch.zeros_like(parameter), torch.zeros_like(parameter), steps

    def _update(
        self, parameters: list[Any], gradients: list[Any], *state: list[Any], **settings: Any
    ) -> None:
        """Take a step with all parameters that are treated alike."""
        settings |= {"foreach": False, "fused": self._fused, "maximize": False}
        if self._name == "sgd":
            (buffers,) = state or ([None] * len(parameters),)
            settings |= {"momentum": self._momentum, "dampening": 0.0, "nesterov": False}
            sgd(parameters, gradients, buffers, **settings)
        else:
            means, squares, steps = state
            settings |= {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "amsgrad": False}
            settings["decoupled_weight_decay"] = self._name == "adamw"
            adam(parameters, gradients, means, squares, [], steps, **settings)
