"""A plan together with what it takes to carry it out: data, arms, models."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from rectifiers.arms import Arm, code_identity
from rectifiers.records import plan_file
from rectifiers.records.events import EpochFinished
from rectifiers.records.values import Notice, Phase, Plan, Run, Trial
from rectifiers.study.initial import initialise
from rectifiers.study.isolation import seed_torch
from rectifiers.study.seeds import derive, split, stratified
from rectifiers.study.training import train
from rectifiers.study.work import Wanted, Work, always, now
from rectifiers.tasks import Data, models
from rectifiers.tasks._samples import Drawn
from rectifiers.tasks._trees import Inputs, mapped, take
from rectifiers.tasks.losses import CrossEntropy, Loss

__all__ = ["Cell", "Prepared"]

_EVALUATION = 1.25  # of a trial's training, with what surrounds it


@dataclass(frozen=True)
class Cell:
    """What is known of one arm under one norm before anything is trained.

    Attributes
    ----------
    parameters : int
        Learned numbers in the model.
    peak_memory : int or None
        Bytes held at once in one training step; None if unknown.
    step_seconds : float
        What one training step takes.
    """

    parameters: int
    peak_memory: int | None
    step_seconds: float = field(compare=False)


@dataclass(frozen=True)
class Prepared(Work):
    """A validated plan with its live objects, trained by the built-in loop.

    Made by `rectifiers.study.make_plan`.

    Attributes
    ----------
    plan : Plan
    data : Data
        On the device; views of `x` and `y`.
    x, y : Tensor
        All inputs and targets: the training samples of the data, then those of its test set.
    arms : mapping of str to Arm
        By label.
    cells : mapping of (arm, norm) to Cell
        Filled by the preflight.
    environment : mapping of str
    warnings : tuple of Notice
        What the reader of the result must know already.
    builder : callable or None
        The user's own function, which makes a model of an activation.
    objective : Loss
        What is minimised and what is measured.
    drawn : Drawn or None
        What samples are read from while a model is trained, unless they are in `x` and `y`.
    augment : callable or None
        Changes the inputs of each batch to train on.
    watched : bool
        Whether trials are watched, which changes none of them.
    """

    plan: Plan
    data: Data
    x: Inputs
    y: Tensor
    arms: Mapping[str, Arm]
    cells: Mapping[tuple[str, str], Cell] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[Notice, ...] = ()
    builder: Callable[..., Any] | None = None
    objective: Loss = field(default_factory=CrossEntropy)
    drawn: Drawn | None = None
    augment: Callable[..., Any] | None = None
    watched: bool = False

    @property
    def device(self) -> torch.device:
        """Where the models are trained."""
        return torch.device(self.plan.device)

    @property
    def threads(self) -> int:
        """Threads of torch while training: one, so that a trial is the same whatever runs beside it."""
        return 1

    @property
    def shared(self) -> Mapping[str, Any]:
        """See `Work`."""
        return {"data": self.data, "x": self.x, "y": self.y}

    def train(self, trial: Trial, wanted: Wanted = always) -> Generator[EpochFinished | Run]:
        """See `Work`."""
        return train(self, trial)

    def lost(self, trial: Trial, reason: str) -> Run:
        """See `Work`."""
        cell = self.cells[trial.arm, trial.norm]
        memory, parameters = cell.peak_memory, cell.parameters
        return Run(trial, "crashed", reason, peak_memory=memory, parameters=parameters, started=now())

    def seconds(self, arm: str, norm: str) -> float | None:
        """See `Work`; estimated from a timed step."""
        plan = self.plan
        steps = plan.epochs * max(1, plan.train_size // min(plan.batch_size, plan.train_size))
        return self.cells[arm, norm].step_seconds * steps * _EVALUATION

    def changed(self) -> str | None:
        """See `Work`; arms find that out by themselves."""
        known = [*plan_file.unnamed(self.plan), *([] if self.drawn else ["data"])]  # data travel as they are
        for name, code in self.plan.pieces.items():
            path = plan_file.named(code)
            if path != code and name not in known and code_identity(path, parts=True) != code:
                return f"{path} is another one there: its module was changed after it was imported"
        return None

    @property
    def example(self) -> Inputs:
        """Two samples of zeros on the CPU, as a model is given them."""
        return mapped(lambda one: torch.zeros_like(one[:2], device="cpu"), self.x)

    def read(self, chosen: Tensor) -> tuple[Inputs, Tensor]:
        """Return a copy of some samples of one part: inputs and targets, on the device."""
        if self.drawn is None:
            return take(self.x, chosen), self.y[chosen]
        return mapped(lambda one: one.to(self.device), self.drawn.batch(chosen.tolist()))  # type: ignore[no-any-return]

    def batch(self, chosen: Tensor) -> tuple[Inputs, Tensor]:
        """Return samples to train on, augmented."""
        inputs, targets = self.read(chosen)
        return inputs if self.augment is None else self.augment(inputs), targets

    def parts(self, phase: Phase, seed: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return which samples a trial is trained on, on which it is measured, and by which it is stopped.

        The last are none without early stopping.
        """
        plan, tuned = self.plan, phase == "tune"
        train = torch.arange(plan.train_size)
        test = torch.arange(plan.train_size, plan.train_size + plan.test_size)
        if plan.vary == "split":
            labels = None if self.data.classes is None else self.y.cpu()
            train, test = stratified(labels, len(self.y), plan.test_size, phase, seed)
        validation = train  # where none are set apart
        if plan.validation_size and (tuned or plan.patience is not None):
            inner, others = split(len(train), plan.validation_size, seed)
            train, validation = train[inner], train[others]
        stopping = validation if plan.patience is not None else validation[:0]
        return train, validation if tuned else test, stopping

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
            model = models.own(plan.model, self.arms[arm], function=self.builder, example=self.example)
        digest = initialise(model, plan.initialization, spec.gain, phase, seed)
        model.to(self.device)
        if len(plan.input_shape) == 3:
            model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return model, digest
