"""From the user's words to the plan of a training of their own."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from rectifiers.activations import registry
from rectifiers.arms import code_identity, fingerprint, label_of, load_object, parse_arms, split_arms
from rectifiers.errors import ArgumentError, ArgumentTypeError, one_line
from rectifiers.records.plan import Kind, is_loss
from rectifiers.records.values import ArmSpec, Notice, Plan
from rectifiers.study import arguments
from rectifiers.study.environment import environment
from rectifiers.study.isolation import prepare_device
from rectifiers.study.plan import control_of, make_plan, question_of
from rectifiers.study.specs import curve_of
from rectifiers.study.trainings.command import Command, CommandWork
from rectifiers.study.trainings.function import FunctionWork, check_signature
from rectifiers.study.work import Work

__all__ = ["plan_training"]

_SHARED = {"arms", "control", "device", "seeds", "max_seeds", "tuning_seeds", "margin", "confidence", "allow"}


def plan_training(
    train: Any,
    metric: str | None = None,
    higher_is_better: bool | None = None,
    *,
    learning_rate: Any = "auto",
    device: str = "cpu",
    **planned: Any,
) -> Work:
    """Validate what is to be compared by a training of the user's own; nothing is trained.

    Parameters
    ----------
    train : callable, str or Command
        A function called with a `Trial`, where one is found (``"package.module:train"``), or a command.
    metric : str, optional
        What a function returns, or the key of it in a mapping; ``"metric"`` without. A command names its own.
    higher_is_better : bool, optional
        May be left out unless the metric's name is that of a loss.
    learning_rate : str, float or sequence of float
        Rates to choose from, or one; ``"auto"`` leaves it to the training.
    **planned
        As `rectifiers.study.make_plan` takes them.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        For a value outside its rule, or one that only the built-in loop can obey.
    ImportPathError, UserCodeError
        For a function that is not found.
    """
    command = train if isinstance(train, Command) else None
    name, function, path = _found(train)
    _refuse_others(name, planned)
    asked = question_of(
        **{key: planned[key] for key in _SHARED - {"arms", "control", "device"} if key in planned}
    )
    if command is not None and metric is not None:
        raise ArgumentError(f"a command names its metric itself, but got metric={metric!r}: leave it out")
    measured = command.metric_name if command is not None else metric or "metric"
    lower = _lower(measured, higher_is_better)
    own = isinstance(learning_rate, str) and learning_rate == "auto"
    rates = () if own else arguments.learning_rates(learning_rate, ())
    place = arguments.device(device)
    prepare_device(place)
    warnings: list[Notice] = []
    options: dict[str, Any] | None = None
    if command is None:
        arms = parse_arms(planned["arms"])
        specs = tuple(ArmSpec(arm.label, arm.identity, arm.name, 1.0, None, curve_of(arm)) for arm in arms)
        control = control_of(planned.get("control"), arms)
        code = code_identity(path, parts=True) if path else fingerprint(function)
        if path and "__main__:" not in path:
            options = {"train": path, "metric": measured}
    else:
        specs, control = _labels(planned["arms"], planned.get("control"))
        code = command.identity()
        warnings += _about_fields(command, bool(rates))
        options = {"command": command.line, "metric": command.metric, "metric-file": command.metric_file}
    if len(specs) < 2:
        raise ArgumentError(f"a comparison needs at least two arms, but got only {specs[0].label}")
    if lower:
        text = (
            f"of {measured} lower is better, so minus {measured} is shown: +0.1 is a {measured} lower by 0.1"
        )
        warnings.append(Notice("negated", text))
    if options is not None:
        options |= {"lower-is-better": lower or None, "lr": ",".join(map(str, rates)) or None}
    kind: Kind = "function" if command is None else "command"
    plan = Plan(
        task=name, data_source="", data_hash="", unit="", resolution=0.0, model_code=code, kind=kind,
        model=path or (name if command is None else command.line),
        metric=f"minus {measured}" if lower else measured,
        arms=specs, control=control, learning_rates=rates or (0.0,), device=str(place), **asked,
    )  # fmt: skip
    about: dict[str, Any] = {
        "environment": environment(place, 1),
        "warnings": tuple(warnings),
        "options": options,
    }
    if command is not None:
        return CommandWork(plan, command=command, **about)
    by_label = {arm.label: arm for arm in arms}
    return FunctionWork(plan, function=function, arms=by_label, metric=measured, **about)


def _about_fields(command: Command, rates: bool) -> list[Notice]:
    """Raise unless a command takes a rate where there are some; say what it costs to take no seed."""
    if rates != command.takes("lr"):
        raise ArgumentError(
            f"rates to try and {{lr}} in the command go together, but got "
            f"{'no {lr}' if rates else 'no rates (--lr 1e-2,1e-3)'} with {command.line!r}"
        )
    if command.takes("seed"):
        return []
    text = (
        "the command takes no {seed}, so that run i of an arm and of the control have nothing in "
        "common: pairing by seed would save that share of the runs which is the arms' correlation"
    )
    return [Notice("unpaired", text)]


def _found(train: Any) -> tuple[str, Any, str]:
    """Return a training's name, the function, and its path where it has one."""
    if isinstance(train, Command):
        return train.name, None, ""
    path = train if isinstance(train, str) else ""
    function = load_object(path) if path else train
    if not callable(function):
        raise ArgumentTypeError(
            "train is a function, 'package.module:name' of one, or a rectifiers.Command, but got "
            f"{function!r:.80}"
        )
    name = path or label_of(function)
    check_signature(function, name)
    return name, function, path


def _refuse_others(name: str, planned: Mapping[str, Any]) -> None:
    """Raise for what says how the built-in loop trains."""
    known = inspect.signature(make_plan).parameters
    for key, value in planned.items():
        if key not in _SHARED and value not in (known[key].default, "none"):
            raise ArgumentError(
                f"{key}={value!r} is for the built-in loop, but {name} decides that itself: leave it out"
            )


def _lower(metric: str, higher_is_better: bool | None) -> bool:
    if higher_is_better in (True, False):
        return not higher_is_better
    if is_loss(metric) or higher_is_better is not None:
        raise ArgumentError(
            f"the name {metric!r} leaves open whether higher is better, and {higher_is_better=}: say so "
            "(--lower-is-better or --higher-is-better; higher_is_better= in Python)"
        )
    return False


def _labels(arms: Any, control: str | None) -> tuple[tuple[ArmSpec, ...], str]:
    """Return arms that are labels, handed to a command as they are."""
    listed = [arms] if isinstance(arms, str) else list(arms)
    labels = [label for text in listed for label in (split_arms(text) if isinstance(text, str) else [text])]
    for label in labels:
        if not (isinstance(label, str) and label == one_line(label)):
            raise ArgumentTypeError(f"a command's arms are labels, text of one line, but got {label!r}")
        if labels.count(label) > 1:
            raise ArgumentError(f"labels of arms must differ, but {label!r} comes twice")
    if control is not None and control not in labels:
        raise ArgumentError(f"the control must be one of the arms ({', '.join(labels)}), but got {control!r}")
    ours = {spelt.lower(): name for name, record in registry.items() for spelt in (name, record.title)}
    named = {label: ours.get(label.lower(), "") for label in labels}
    return tuple(ArmSpec(label, label, name, 1.0) for label, name in named.items()), control or labels[0]
