"""One step of every arm before anything is trained: what cannot work is said at once."""

from __future__ import annotations

import contextlib
import copy
import math
import time
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from rectifiers.arms import user_code
from rectifiers.errors import ArgumentError, ShapeError, UserCodeError
from rectifiers.records.values import Notice, Plan
from rectifiers.study.isolation import Isolation
from rectifiers.study.memory import peak_of_step
from rectifiers.study.optimisers import Optimiser
from rectifiers.study.prepared import Cell, Prepared
from rectifiers.study.seeds import derive
from rectifiers.study.training import forward_of
from rectifiers.tasks import models
from rectifiers.tasks._samples import draws, seeded
from rectifiers.tasks._trees import Inputs, kind, leaves, mapped, take
from rectifiers.tasks.losses import Loss

__all__ = ["try_every_arm"]

_TRIED = 1024  # samples for a metric: it may need every class, and some are rare
_SEEDS = 5  # under which augment is tried


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
            draws(lambda: prepared.batch(_first_samples(plan, plan.batch_size)), "augment")
            _check_order(prepared.augment, prepared.read(_first_samples(plan, plan.batch_size))[0])
    cells: dict[tuple[str, str], Cell] = {}
    notices: list[Notice] = []
    for norm in plan.norms:
        proofs: dict[str, tuple[list[torch.Size], str]] = {}
        for spec in plan.arms:
            with Isolation(derive("tune", "preflight", 0), prepared.device, prepared.threads):
                model, digest = prepared.model(spec.label, norm, "test", 0)
                cells[spec.label, norm] = Cell(
                    models.count_parameters(model), *_first_steps(prepared, model, spec.label, norm)
                )
            proofs[spec.label] = [p.shape for p in model.parameters() if p.ndim > 1], digest
            del model  # before the next one is built: it may be large
        shapes, proof = proofs[plan.control]
        notices += [
            Notice(
                "other-weights",
                f"{label}: starts from other weights than {plan.control} at the same seed: "
                f"its pairs share only the order of the data",
            )
            for label, (own_shapes, own_proof) in proofs.items()
            if own_shapes == shapes and own_proof != proof
        ]
    return cells, tuple(dict.fromkeys(notices))


def _first_steps(prepared: Prepared, model: nn.Module, arm: str, norm: str) -> tuple[int | None, float]:
    plan, loss_of = prepared.plan, copy.deepcopy(prepared.objective)
    forward = forward_of(model, plan)
    inputs, labels = prepared.batch(_first_samples(plan, plan.batch_size))
    shapes, made = mapped(lambda one: tuple(one.shape), inputs), prepared.arms[arm]
    what = f"a training step of {plan.model} with arm {arm!r} on {shapes}"
    if not made.keeps_width:
        into = made.inputs(1)
        what += f" ({made.outputs(into)} features of {into}: size layers with activation.outputs(channels))"
    model.train()

    def step() -> Tensor:
        targets, outputs = labels.clone(), forward(mapped(Tensor.clone, inputs))
        loss = loss_of.loss(outputs, targets)
        chosen.zero()
        loss.backward()  # type: ignore[no-untyped-call]
        chosen.step(plan.learning_rates[0])
        return loss.detach()

    with user_code(what, ArgumentError):
        chosen = Optimiser(plan.optimizer, model, plan.weight_decay, plan.momentum)
        with torch.no_grad():
            _check_outputs(plan, model(mapped(Tensor.clone, inputs)), len(labels))
            if arm == plan.control and not loss_of.inferred:
                some, answers = prepared.batch(_first_samples(plan, _TRIED))
                _check_given(loss_of, forward(some), answers)
        loss = float(step())
        if arm == plan.control and not abs(loss) < float("inf"):
            raise ArgumentError(
                f"loss of the control {arm!r} is {loss:g} on the first batch, before any update: "
                f"check the data for nan and outliers, and the model's outputs"
            )
        chosen.zero()
        held = [*model.parameters(), *model.buffers(), *chosen.state]
        peak = peak_of_step(step, held, prepared.device)
        return peak, min(_seconds(step, prepared.device) for _ in range(2))


def _first_samples(plan: Plan, number: int) -> Tensor:
    """Return samples drawn at random: the first of a file may all be of one class."""
    order = torch.randperm(plan.train_size, generator=torch.Generator().manual_seed(0))
    return order[:number]


def _check_order(augment: Callable[[Inputs], Inputs], inputs: Inputs) -> None:
    """Raise if samples that change mostly change the output at other places and not at their own.

    Mostly, since a place may be erased, or be mixed with so much of another that it shows no change. A sample
    that changes nothing says nothing.
    """
    elsewhere, tried = 0, 0
    count = len(leaves(inputs)[0])
    for seed in range(_SEEDS):
        at, found = seed % count, []
        order = torch.arange(count)
        changed = order.where(order != at, (at + 1) % count)
        for chosen in (order, changed):
            with seeded(seed):
                found.append(leaves(mapped(Tensor.clone, augment(take(inputs, chosen)))))
        places = torch.zeros(count, dtype=torch.bool)
        for one, other in zip(*found, strict=False):
            if one.shape == other.shape and one.shape[:1] == (count,):
                differ = (one != other) & ~((one != one) & (other != other))  # nan is like nan
                places |= differ[..., None].flatten(1).any(1).cpu()
        tried += bool(places.any())
        elsewhere += bool(places.any() and not places[at])
    if 2 * elsewhere > tried:
        raise ArgumentError(
            f"augment: inputs stay in their order, which their targets keep, but {elsewhere} of {tried} "
            "samples came out at another place: leave axis 0 as it is, or change both in the data set"
        )


def _check_outputs(plan: Plan, outputs: Any, samples: int) -> None:
    """Raise unless a model returns one tensor, of as many numbers a sample as the data ask for."""
    if not isinstance(outputs, Tensor):
        raise UserCodeError(
            f"a model returns one tensor, but that of {plan.model} returned {kind(outputs)}: return the part "
            "that the loss and the metric are of"
        )
    if plan.outputs and outputs.shape != (samples, plan.outputs):
        raise UserCodeError(
            f"the model of {plan.model} must put out a tensor (n, {plan.outputs}) for this data, but for "
            f"n = {samples} gave {tuple(outputs.shape)}"
        )


def _check_given(given: Loss, outputs: Tensor, targets: Tensor) -> None:
    """Raise unless a loss and a metric give the same twice, and set each output against its own target."""
    numbers: dict[str, Callable[[Tensor, Tensor], float]] = {
        "loss": lambda o, t: float(copy.deepcopy(given).loss(o.clone(), t.clone())),
        "metric": lambda o, t: given.score(*given.rows(o, t)),
    }
    shapes = f"outputs {tuple(outputs.shape)} and targets {tuple(targets.shape)}"
    broadcast = outputs.shape != targets.shape or 1 in outputs.shape[1:]
    for what, number in numbers.items():
        if broadcast and _pairs_all(number, outputs.cpu(), targets.cpu()):
            raise ShapeError(
                f"a {what} sets each output against its target, but of {shapes} this one sets each against "
                "all: bring both to one shape, such as (n,), before they are compared"
            )
        with seeded(0), warnings.catch_warnings():
            warnings.filterwarnings("error", "Using a target size")  # torch's, where shapes do not fit
            first = number(outputs, targets)
            number(outputs.flip(0), targets)  # a mean over calls would not change for the same once more
        with seeded(0):
            again = number(outputs, targets)
        if not _alike(first, again):
            raise ArgumentError(
                f"a {what} gives the same number for the same {shapes}, but gave {first:.6g}, then "
                f"{again:.6g}: keep no state outside; that of an object is copied for every run"
            )


def _pairs_all(number: Callable[[Tensor, Tensor], float], outputs: Tensor, targets: Tensor) -> bool:
    """Return whether targets beyond the number of outputs count, and the reverse: (n, 1) - (m,) is (n, m)."""
    other = torch.cat((outputs[:-1], -outputs[-1:]))  # all outputs may be much the same
    with seeded(0), warnings.catch_warnings(), contextlib.suppress(Exception):
        warnings.simplefilter("ignore")
        fewer = number(outputs[:-1], targets[:-1])
        found = number(outputs[:-1], targets), number(other, targets[:-1])
        return not any(_alike(one, fewer) for one in found)  # as with zip, of which one does not count
    return False


def _alike(one: float, other: float) -> bool:
    return math.isclose(one, other, rel_tol=1e-5) or (one != one and other != other)


def _seconds(step: Callable[[], object], device: torch.device) -> float:
    started = time.perf_counter()
    step()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - started
