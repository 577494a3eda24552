"""From the user's words to the plan of a training of their own."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from rectifiers.activations import registry
from rectifiers.arms import code_identity, fingerprint, label_of, load_object, parse_arms, split_arms
from rectifiers.errors import ArgumentError, ArgumentTypeError, one_line
from rectifiers.records.plan import Kind
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
_LOSSES = {
    "loss",
    "error",
    "err",
    "perplexity",
    "ppl",
    "mse",
    "rmse",
    "mae",
    "nll",
    "wer",
    "cer",
    "bpc",
    "fid",
}


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
    if command is None:
        measured = metric or "metric"
    elif metric is not None:
        raise ArgumentError(f"a command names its metric itself, but got metric={metric!r}: leave it out")
    else:
        measured = command.metric_name
    lower = _lower(measured, higher_is_better)
    rates = (
        ()
        if isinstance(learning_rate, str) and learning_rate == "auto"
        else arguments.learning_rates(learning_rate, ())
    )
    place = arguments.device(device)
    prepare_device(place)
    warnings: list[Notice] = []
    if command is None:
        arms = parse_arms(planned["arms"])
        specs = tuple(ArmSpec(arm.label, arm.identity, arm.name, 1.0, None, curve_of(arm)) for arm in arms)
        control = control_of(planned.get("control"), arms)
        code = code_identity(path, parts=True) if path else fingerprint(function)
    else:
        specs, control = _labels(planned["arms"], planned.get("control"))
        code = command.identity()
        if bool(rates) != command.takes("lr"):
            raise ArgumentError(
                f"rates to try and {{lr}} in the command go together, but got "
                f"{'no rates (--lr 1e-2,1e-3)' if not rates else 'no {lr}'} with {command.line!r}"
            )
        if not command.takes("seed"):
            text = (
                "the command takes no {seed}, so that run i of an arm and of the control have nothing in "
                "common: pairing by seed would save that share of the runs which is the arms' correlation"
            )
            warnings.append(Notice("unpaired", text))
    if len(specs) < 2:
        raise ArgumentError(f"a comparison needs at least two arms, but got only {specs[0].label}")
    if lower:
        text = (
            f"of {measured} lower is better, so minus {measured} is shown: +0.1 is a {measured} lower by 0.1"
        )
        warnings.append(Notice("negated", text))
    model = path or (name if command is None else command.line)
    kind: Kind = "function" if command is None else "command"
    plan = Plan(
        task=name, data_source="", data_hash="", unit="", resolution=0.0, model=model, model_code=code,
        kind=kind, metric=f"minus {measured}" if lower else measured,
        arms=specs, control=control, learning_rates=rates or (0.0,), device=str(place), **asked,
    )  # fmt: skip
    options: dict[str, Any] | None = (
        {"train": path, "metric": measured} if path and "__main__:" not in path else None
    )
    if command is not None:
        options = {"command": command.line, "metric": command.metric, "metric-file": command.metric_file}
    if options is not None:
        options |= {"lower-is-better": True} if lower else {}
        options |= {"lr": ",".join(str(rate) for rate in rates) or None}
    where = environment(place, 1)
    if command is not None:
        return CommandWork(plan, command, where, tuple(warnings), options)
    return FunctionWork(
        plan, function, {arm.label: arm for arm in arms}, measured, where, tuple(warnings), options
    )


def _found(train: Any) -> tuple[str, Any, str]:
    """Return a training's name, the function, and its path where it has one."""
    if isinstance(train, Command):
        return train.name, None, ""
    if isinstance(train, str):
        function = load_object(train)
        if not callable(function):
            raise ArgumentTypeError(
                f"a training function is called with a trial, but {train} is {function!r}"
            )
        check_signature(function, train)
        return train, function, train
    if not callable(train):
        raise ArgumentTypeError(
            "train is a function, 'package.module:name' of one, or a rectifiers.Command, but got "
            f"{type(train).__name__}"
        )
    name = label_of(train)
    check_signature(train, name)
    return name, train, ""


def _refuse_others(name: str, planned: Mapping[str, Any]) -> None:
    """Raise for what says how the built-in loop trains."""
    known = inspect.signature(make_plan).parameters
    for key, value in planned.items():
        if key not in _SHARED and value != known[key].default and value != _default(key):
            raise ArgumentError(
                f"{key}={value!r} is for the built-in loop, but {name} decides that itself: leave it out"
            )


def _default(key: str) -> Any:
    return {"norms": "none"}.get(key)


def _lower(metric: str, higher_is_better: bool | None) -> bool:
    if higher_is_better is not None:
        return not higher_is_better
    if _LOSSES.intersection(metric.lower().replace("-", " ").replace("_", " ").split()):
        raise ArgumentError(
            f"the name {metric!r} leaves open whether higher is better: say so (--lower-is-better or "
            "--higher-is-better; higher_is_better= in Python)"
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
