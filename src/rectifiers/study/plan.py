"""From a user's words to a plan that has been tried."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from rectifiers import tasks, validity
from rectifiers.arms import Arm, parse_arms
from rectifiers.errors import ELSEWHERE, ArgumentError, DataError, UnknownNameError
from rectifiers.evidence import margin as margins
from rectifiers.records.values import MAX_SEEDS, Notice, Plan
from rectifiers.study import arguments
from rectifiers.study.data import to_device
from rectifiers.study.environment import environment
from rectifiers.study.isolation import prepare_device
from rectifiers.study.optimisers import ADAPTIVE_RATES, OPTIMIZERS, SCHEDULES
from rectifiers.study.pieces import Piece, named, piece
from rectifiers.study.preflight import try_every_arm
from rectifiers.study.prepared import Prepared
from rectifiers.study.probing import probe
from rectifiers.study.specs import specs_of
from rectifiers.study.swapped import SwappedModel, patterns
from rectifiers.tasks import Data, Defaults, losses, objective

__all__ = ["control_of", "make_plan", "question_of"]

NORMS = ("none", "batch")
TUNING_SEEDS = 3


def make_plan(
    task: str | None = None,
    *,
    arms: str | Iterable[Any],
    control: str | None = None,
    norms: str | Iterable[str] = ("none",),
    seeds: int | None = None,
    max_seeds: int | None = None,
    vary: str | None = None,
    tuning_seeds: int | None = None,
    epochs: int | None = None,
    learning_rate: str | float | Sequence[float] = "auto",
    batch_size: int | None = None,
    optimizer: str | None = None,
    momentum: float | None = None,
    weight_decay: float | None = None,
    schedule: str | None = None,
    model: Any = None,
    loss: Any = None,
    metric: Any = None,
    higher_is_better: bool | None = None,
    augment: Any = None,
    patience: int | None = None,
    precision: str = "float32",
    compile: bool = False,
    width: int | None = None,
    depth: int | None = None,
    match: str = "parameters",
    initialization: str | None = None,
    margin: str | float = "auto",
    confidence: float = 0.95,
    target: float | None = None,
    data: Any = None,
    data_dir: str | Path | None = None,
    standardize: bool = False,
    device: str = "cpu",
    allow: str | Iterable[str] = (),
    swap: str | None = None,
) -> Prepared:
    """Validate what is to be compared and how, load the data, and take a first step with every arm.

    Nothing is trained and nothing is written. The parameters are those of `rectifiers.compare`; None means:
    as the task says. A batch size beyond the number of training samples means full batches. Weight decay acts
    on weights alone: not on biases, normalisation or learned slopes. A model of one's own takes no norm. The
    device is never chosen for the user, because it is part of the result.

    Returns
    -------
    Prepared

    Raises
    ------
    ArgumentError, UnknownNameError, ArgumentTypeError
        For a value outside its rule.
    ImportPathError, UserCodeError
        For the user's own arm, model or data that is not found, raises, or does not fit.
    DataError, DownloadError
        For data that is missing, altered, not finite, or all of one class.
    """
    protocol: dict[str, Any] = {
        **question_of(seeds, max_seeds, tuning_seeds, margin, confidence, allow),
        "norms": arguments.names("norm", norms, NORMS),
        "match": arguments.one_of("match", match, ("parameters", "width")),
    }
    if task is not None and data is not None:
        raise ArgumentError(f"give a task or your own data, but got task {task!r} and data {data!r:.80}")
    built_in = model is None or (isinstance(model, str) and ":" not in model)
    own_model = None if built_in else piece("model", model)
    own_data = None if data is None else piece("data", data, functions=False)
    own_augment = None if augment is None else piece("augment", augment)
    if own_model is not None:
        model = own_model.name
    parsed = parse_arms(arms)
    if len(parsed) < 2:
        raise ArgumentError(f"a comparison needs at least two arms, but got only {parsed[0].label}")
    place = arguments.device(device)
    wanted = objective(loss, metric, higher_is_better)
    if own_data is not None:
        said: dict[str, Any] = {"standardize": standardize, "objective": wanted}
        found, loaded = tasks.own(own_data.name, given=own_data.value, whole_numbers=not built_in, **said)
    elif wanted is not None or standardize:
        raise ArgumentError("loss, metric and standardize are for data of your own: give data as well")
    else:
        found = tasks.get("digits" if task is None else task)
        loaded = found.load(data_dir)
    if built_in and not (loaded.input_shape and loaded.outputs):
        raise ArgumentError(
            f"mlp and cnn take one tensor and put out a known number of values: give a model of your own for "
            f"{found.name}"
        )
    defaults = found.defaults_for(model if built_in else None)
    loop = _loop(
        defaults, model, own_model, protocol["norms"], width=width, depth=depth, epochs=epochs,
        batch_size=batch_size, optimizer=optimizer, momentum=momentum, weight_decay=weight_decay,
        schedule=schedule,
    )  # fmt: skip
    grid = defaults.learning_rates if loop["optimizer"] == "sgd" else ADAPTIVE_RATES
    rates = arguments.learning_rates(learning_rate, grid)
    if initialization is None:
        initialization = "gain" if built_in else "own"
    one_set = (
        loaded.one_set if vary is None else arguments.one_of("vary", vary, ("seeds", "split")) == "split"
    )
    if one_set and loaded.drawn is not None:
        raise ArgumentError("vary split needs samples in memory, but these are read while a model is trained")
    measured, (train_size, test_size) = losses.of(loaded), loaded.sizes
    wait = None if patience is None else arguments.whole("patience", patience, 1)
    builder = None if own_model is None else own_model.value
    swapped = patterns(swap, builder)
    if builder is not None and swapped:
        builder = SwappedModel(builder, swapped, loaded.train_x)
    plan = Plan(
        task=found.name,
        data_source=loaded.source,
        data_hash=loaded.content_hash,
        metric=measured.metric,
        unit=measured.unit,
        resolution=loaded.resolution if measured.metric == "accuracy" else 0.0,
        train_size=train_size,
        validation_size=_validation(defaults, train_size, tuned=len(rates) > 1 or wait is not None),
        test_size=test_size,
        outputs=loaded.outputs,
        input_shape=loaded.input_shape,
        arms=(),
        control=control_of(control, parsed),
        learning_rates=rates,
        initialization=arguments.one_of("initialization", initialization, ("gain", "own")),
        target=_target(target, loaded),
        device=str(place),
        vary="split" if one_set else "seeds",
        labels=loaded.labels,
        baseline=measured.constant(loaded.test_y),
        data_code=None if own_data is None else own_data.code,
        loss=named(loss, "loss"),
        measure=named(metric, "metric"),
        augment="" if own_augment is None else own_augment.code,
        patience=wait,
        precision=arguments.one_of("precision", precision, ("float32", "bf16")),
        compile=compile,
        swap=swapped,
        **protocol,
        **loop,
    )
    specs, warnings = specs_of(plan, parsed)
    plan = dataclasses.replace(plan, arms=specs)
    prepare_device(place)
    if plan.margin is not None and plan.resolution > plan.margin:
        text = (
            f"margin {plan.margin:g} {plan.unit} is less than one test sample "
            f"({plan.resolution:.2g} {plan.unit}): equivalence can hardly be shown"
        )
        warnings += (Notice("margin-below-one-sample", text),)
    placed, x, y = to_device(loaded, place)
    prepared = Prepared(
        plan,
        placed,
        x,
        y,
        {arm.label: arm for arm in parsed},
        builder=builder,
        objective=measured,
        drawn=loaded.drawn,
        augment=None if own_augment is None else own_augment.value,
    )
    cells, found_starting = try_every_arm(prepared)
    notes = tuple(Notice("data", note) for note in loaded.notes)
    found_by_checks = validity.before(probe(prepared))
    return dataclasses.replace(
        prepared,
        cells=cells,
        warnings=notes + warnings + found_starting + found_by_checks,
        environment=environment(place, prepared.threads),
    )


def question_of(
    seeds: int | None = None,
    max_seeds: int | None = None,
    tuning_seeds: int | None = None,
    margin: str | float = "auto",
    confidence: float = 0.95,
    allow: str | Iterable[str] = (),
) -> dict[str, Any]:
    """Return the fields of a plan that say how it is decided, whoever trains."""
    if seeds is not None and max_seeds is not None:
        raise ArgumentError(
            f"seeds is an exact number and max_seeds the most of a race: give one, but got {seeds=} and "
            f"{max_seeds=}"
        )
    most = arguments.whole("max seeds", MAX_SEEDS if max_seeds is None else max_seeds, 2)
    asked = most if seeds is None else arguments.whole("seeds", seeds, 1)
    tuning = arguments.tuning_seeds(TUNING_SEEDS, asked) if tuning_seeds is None else tuning_seeds
    return {
        "racing": seeds is None,
        "seeds": asked,
        "tuning_seeds": arguments.whole("tuning seeds", tuning, 1),
        "margin": margins.given(margin),
        "confidence": arguments.real("confidence", confidence, 0, 1),
        "allow": validity.allowed(allow),
    }


def _loop(
    defaults: Defaults, model: str | None, own_model: Piece | None, norms: tuple[str, ...], **given: Any
) -> dict[str, Any]:
    """Return the fields that say how a model is trained and how large it is: by default as the task says."""
    if own_model is not None:
        refused = [name for name in ("width", "depth") if given[name] is not None]
        refused += [f"norm {','.join(norms)}"] if norms != ("none",) else []
        for what in refused:
            raise ArgumentError(f"{what} is for the built-in models: {model} decides it itself; leave it out")
    found = {name: getattr(defaults, name) if value is None else value for name, value in given.items()}
    try:
        arguments.one_of("optimizer", found["optimizer"], OPTIMIZERS)
    except UnknownNameError as error:
        raise UnknownNameError(f"{error}; {ELSEWHERE}") from None
    arguments.one_of("schedule", found["schedule"], tuple(SCHEDULES))
    for name in ("epochs", "batch_size", "width", "depth"):
        found[name] = arguments.whole(name.replace("_", " "), found[name], 1)
    found["weight_decay"] = arguments.real("weight decay", found["weight_decay"], 0, ends="[)")
    if found["optimizer"] == "sgd":
        found["momentum"] = arguments.real("momentum", found["momentum"], 0, 1, ends="[)")
    elif given["momentum"] is not None:
        kind, momentum = found["optimizer"], found["momentum"]
        raise ArgumentError(f"momentum is an argument of sgd, but got {momentum=} with {kind}")
    else:
        found["momentum"] = 0.0
    if own_model is None:
        return {**found, "model": defaults.model}
    return {**found, "model": model, "model_code": own_model.code, "width": 0, "depth": 0}


def control_of(control: str | None, arms: tuple[Arm, ...]) -> str:
    """Return the label of the arm that is the control: the first unless one is named, by any spelling."""
    labels = [arm.label for arm in arms]
    if control is None:
        return labels[0]
    if control in labels:
        return control
    (meant,) = parse_arms([control])
    for arm in arms:
        if arm.identity == meant.identity:
            return arm.label
    raise ArgumentError(f"the control must be one of the arms ({', '.join(labels)}), but got {control!r}")


def _target(target: float | None, data: Data) -> float | None:
    if target is None:
        return None
    if data.classes is None:
        raise ArgumentError(
            f"target is a training error in %, which only a classification has, but got target={target}"
        )
    return arguments.real("target", target, 0, 100, ends="[)")


def _validation(defaults: Defaults, samples: int, *, tuned: bool) -> int:
    if not defaults.validation or (samples < 2 and not tuned):
        return 0
    if samples < 2:
        raise DataError("one training sample cannot be split for tuning: give one --lr")
    return min(max(1, round(defaults.validation * samples)), samples - 1)
