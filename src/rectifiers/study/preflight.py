"""One step of every arm before anything is trained: what cannot work is said at once."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from rectifiers.arms import user_code
from rectifiers.errors import ArgumentError, ShapeError
from rectifiers.records.values import Notice, Plan
from rectifiers.study.isolation import Isolation
from rectifiers.study.memory import peak_of_step
from rectifiers.study.optimisers import Optimiser
from rectifiers.study.prepared import Cell, Prepared
from rectifiers.study.seeds import derive
from rectifiers.study.training import forward_of
from rectifiers.tasks import models
from rectifiers.tasks._samples import changes
from rectifiers.tasks._trees import mapped

__all__ = ["try_every_arm"]

_TIMED = 2


def try_every_arm(prepared: Prepared) -> tuple[Mapping[tuple[str, str], Cell], tuple[Notice, ...]]:
    """Build each arm under each norm and take a few training steps with it.

    Parameters
    ----------
    prepared : Prepared
        Without cells yet.

    Returns
    -------
    cells : mapping of (arm, norm) to Cell
    warnings : tuple of Notice
        Arms that start from other weights than the control although their model has the same shapes.

    Raises
    ------
    UserCodeError
        If a model or an arm raises, or the model's output does not fit the data.
    ArgumentError
        If the control's loss is not finite before any update.
    """
    plan = prepared.plan
    if prepared.augment is not None:
        with user_code("augment", ArgumentError):
            changes(lambda: prepared.batch(_first_batch(plan)), "augment")
    cells: dict[tuple[str, str], Cell] = {}
    warnings: list[Notice] = []
    for norm in plan.norms:
        proofs: dict[str, tuple[list[torch.Size], str]] = {}
        for spec in plan.arms:
            with Isolation(derive("tune", "preflight", 0), prepared.device, prepared.threads):
                if plan.model_code is not None:  # says more of what does not fit than a step would
                    models.own(
                        plan.model,
                        prepared.arms[spec.label],
                        function=prepared.builder,
                        example=prepared.example,
                        outputs=plan.outputs,
                    )
                model, digest = prepared.model(spec.label, norm, "test", 0)
                cells[spec.label, norm] = Cell(
                    models.count_parameters(model), *_first_steps(prepared, model, spec.label, norm)
                )
            proofs[spec.label] = [p.shape for p in model.parameters() if p.ndim > 1], digest
            del model  # before the next one is built: it may be large
        shapes, proof = proofs[plan.control]
        warnings += [
            Notice(
                "other-weights",
                f"{label}: starts from other weights than {plan.control} at the same seed: "
                f"its pairs share only the order of the data",
            )
            for label, (own_shapes, own_proof) in proofs.items()
            if own_shapes == shapes and own_proof != proof
        ]
    return cells, tuple(dict.fromkeys(warnings))


def _first_steps(prepared: Prepared, model: nn.Module, arm: str, norm: str) -> tuple[int | None, float]:
    plan, loss_of, forward = (
        prepared.plan,
        copy.deepcopy(prepared.objective),
        forward_of(model, prepared.plan),
    )
    inputs, labels = prepared.batch(_first_batch(plan))
    what = (
        f"a training step of {plan.model} with arm {arm!r} on {mapped(lambda one: tuple(one.shape), inputs)}"
    )
    model.train()

    def step() -> Tensor:
        targets, outputs = labels.clone(), forward(mapped(Tensor.clone, inputs))
        if not loss_of.inferred:
            _check_shapes(outputs, targets)
        loss = loss_of.loss(outputs, targets)
        chosen.zero()
        loss.backward()  # type: ignore[no-untyped-call]
        chosen.step(plan.learning_rates[0])
        return loss.detach()

    with user_code(what, ArgumentError):
        chosen = Optimiser(plan.optimizer, model, plan.weight_decay, plan.momentum)
        loss = float(step())
        if not loss_of.inferred:  # a metric that does not fit is said now
            with torch.no_grad():
                loss_of.score(*loss_of.rows(forward(mapped(Tensor.clone, inputs)), labels))
        if arm == plan.control and not abs(loss) < float("inf"):
            norms = "" if norm == "none" else f" with {norm} norm"
            raise ArgumentError(
                f"loss of the control {arm!r}{norms} is {loss:g} on the first batch, before any update: "
                f"check the data for nan and outliers, and the model's outputs"
            )
        chosen.zero()
        held = [*model.parameters(), *model.buffers(), *chosen.state]
        peak = peak_of_step(step, held, prepared.device)
        return peak, min(_seconds(step, prepared.device) for _ in range(_TIMED))


def _first_batch(plan: Plan) -> Tensor:
    """Return samples drawn at random: the first of a file may all be of one class."""
    order = torch.randperm(plan.train_size, generator=torch.Generator().manual_seed(0))
    return order[: plan.batch_size]


def _check_shapes(outputs: Tensor, targets: Tensor) -> None:
    """Raise where a loss would set every output against every target: (n, 1) against (n,)."""
    alike = outputs.numel() == targets.numel() and targets.is_floating_point()
    if alike and outputs.shape != targets.shape:
        raise ShapeError(
            f"outputs and targets of as many numbers have one shape, but got {tuple(outputs.shape)} and "
            f"{tuple(targets.shape)}: reshape the targets, y[:, None], or the model's output"
        )


def _seconds(step: Callable[[], object], device: torch.device) -> float:
    started = time.perf_counter()
    step()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - started
