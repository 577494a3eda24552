"""The command line that reproduces a study."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from rectifiers.records.options import COMPARE
from rectifiers.records.plan import Plan
from rectifiers.records.plan_file import NAME, named, unnamed

__all__ = ["command_of", "directory_of", "going_on", "options_of"]

_PIECES = ("data_code", "loss", "measure", "augment")
_ANY_TRAINING = ("control", "device", "seeds", "tuning_seeds", "margin", "confidence", "allow")


def directory_of(plan: Plan, out: str | Path | None = None) -> Path:
    """Return where a study is kept: `out`, or the place of all studies of its protocol."""
    name = re.sub(r"[^\w.-]+", "_", plan.task).strip("._") or "study"
    return Path("runs", f"{name}-{plan.hash[:8]}") if out is None else Path(out)


def going_on(plan: Plan, command: str, *options: str) -> str:
    """Return the command that goes on with a study, in short: the file of its plan says the rest.

    Parameters
    ----------
    plan : Plan
    command : str
        The command that reproduces the study.
    *options : str
        What is to be another way than in the plan.
    """
    given = shlex.split(command)
    out = given[given.index("--out") + 1] if "--out" in given else None
    return shlex.join(["rectifiers", "compare", str(directory_of(plan, out) / NAME), *options])


def options_of(
    plan: Plan,
    arms: str | Iterable[Any],
    training: Mapping[str, Any] | None = None,
    *,
    standardize: bool = False,
    data_dir: str | Path | None = None,
    out: str | Path | None = None,
) -> dict[str, Any] | None:
    """Return the options of the command that reproduces a plan, every choice spelt out; None where none can.

    Arms that were passed as objects, and what a script or notebook defines, have no name on a command line.
    `training` has the options that stand for a training of the user's.
    """
    if isinstance(arms, Mapping) or unnamed(plan) or (plan.kind != "loop" and training is None):
        return None
    listed = [arms] if isinstance(arms, str) else list(arms)
    if not all(isinstance(arm, str) and "__main__:" not in arm for arm in listed):
        return None
    options = {"task": plan.task if training is None and plan.data_code is None else None, **(training or {})}
    options["arms"] = ",".join(arm.label for arm in plan.arms)
    for option in COMPARE:
        if option.flag != "arms" and (option.field if training is None else option.field in _ANY_TRAINING):
            options[option.flag] = _said(plan, option.field)
    del options["seeds" if plan.racing else "max-seeds"]
    places = {name: value and str(value) for name, value in (("data-dir", data_dir), ("out", out))}
    options |= {**places, "standardize": standardize or None}
    if plan.measure:
        options["lower-is-better" if plan.metric.startswith("minus ") else "higher-is-better"] = True
    return {name: value for name, value in options.items() if value is not None and value is not False}


def command_of(options: Mapping[str, Any] | None) -> str:
    """Return options as a command line; empty without any."""
    if options is None:
        return ""
    words = ["rectifiers", "compare", *([options["task"]] if "task" in options else [])]
    for name, value in options.items():
        if name != "task":
            words += [f"--{name}"] if value is True else [f"--{name}", str(value)]
    return shlex.join(words)


def _said(plan: Plan, field: str) -> Any:
    """Return a field of a plan as it is given on a command line; None where it needs no word."""
    value = getattr(plan, field)
    if field == "margin":
        return "auto" if value is None else value
    if (field, value) == ("precision", "float32") or (field == "momentum" and plan.optimizer != "sgd"):
        return None
    if field in ("width", "depth") and plan.model_code is not None:
        return None
    if field in _PIECES:
        value = named(value or "")
    if isinstance(value, tuple):
        value = ",".join(map(str, value))
    return None if value == "" else value
