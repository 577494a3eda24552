"""A plan together with what it takes to carry it out: data, arms, models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import nn

from rectifiers.arms import Arm
from rectifiers.records.values import Phase, Plan
from rectifiers.study.initial import initialise
from rectifiers.study.isolation import seed_torch
from rectifiers.study.seeds import derive
from rectifiers.tasks import Data, models

__all__ = ["Cell", "Prepared"]


@dataclass(frozen=True)
class Cell:
    """What is known of one arm under one norm before anything is trained.

    Attributes
    ----------
    parameters : int
        Learned numbers in the model.
    peak_memory : int or None
        Bytes held at once in one training step; None if unknown.
    """

    parameters: int
    peak_memory: int | None


@dataclass(frozen=True)
class Prepared:
    """A validated plan with its live objects; made by `rectifiers.study.make_plan`.

    Attributes
    ----------
    plan : Plan
    data : Data
        On the device.
    arms : mapping of str to Arm
        By label.
    threads : int
        Threads of torch while training.
    cells : mapping of (arm, norm) to Cell
        Filled by the preflight.
    environment : mapping of str
    warnings : tuple of str
        What the reader of the result must know already.
    """

    plan: Plan
    data: Data
    arms: Mapping[str, Arm]
    threads: int
    cells: Mapping[tuple[str, str], Cell] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    @property
    def device(self) -> torch.device:
        """Where the models are trained."""
        return torch.device(self.plan.device)

    def model(self, arm: str, norm: str, phase: Phase, seed: int) -> tuple[nn.Module, str]:
        """Return a freshly initialised model on the device, and the hash of its unscaled initial weights.

        Draws from torch's global generators, whose state the caller must guard.
        """
        plan, spec = self.plan, self.plan.arm(arm)
        seed_torch(derive(phase, "weights", seed), self.device)
        if plan.model_code is None:
            assert spec.width is not None
            model = models.build(
                plan.model,
                input_shape=plan.input_shape,
                outputs=plan.outputs,
                activation=self.arms[arm],
                width=spec.width,
                depth=plan.depth,
                norm=norm,
            )
        else:
            model = models.own(plan.model, self.arms[arm])
        digest = initialise(model, plan.initialization, spec.gain, phase, seed)
        model.to(self.device)
        if len(plan.input_shape) == 3:
            model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return model, digest
