"""What is minimised and what is measured, where the user says so: a callable, or a name of somebody's."""

from __future__ import annotations

import contextlib
import copy
import importlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from rectifiers.arms import head_and_arguments, label_of, load_object, user_code
from rectifiers.errors import (
    ELSEWHERE,
    ArgumentError,
    ArgumentTypeError,
    MissingDependencyError,
    ShapeError,
    UnknownNameError,
)
from rectifiers.tasks._task import Data
from rectifiers.tasks.losses import Loss, by_name
from rectifiers.tasks.presets import PRESETS

__all__ = ["Own", "objective"]

_TORCH_LOSSES: dict[str, Any] = {name: cls for name, cls in vars(torch.nn).items() if name.endswith("Loss")}
_METRICS = ("", ".classification", ".regression", ".segmentation", ".text")  # parts of torchmetrics
_TARGETS = {"y_true", "true", "target", "targets", "label", "labels"}
_OUTPUTS = {"y_pred", "y_score", "y_hat", "pred", "preds", "output", "outputs", "logits"}


def objective(loss: Any, metric: Any, higher_is_better: bool | None) -> Loss | None:
    """Read what the user wants minimised and measured; None where the data tell both.

    Parameters
    ----------
    loss : str, callable or None
        Of (outputs, targets), giving one number to be minimised: a preset such as ``"segmentation"``, a class
        of `torch.nn` with arguments, ``"module:name"``, or the function or module itself.
    metric : str, callable or None
        Of (outputs, targets) over a whole set, giving one number: a class of torchmetrics or of `torch.nn`,
        ``"module:name"``, or the function itself.
    higher_is_better : bool or None
        Needed for every metric but those of torchmetrics that say it themselves.

    Raises
    ------
    ArgumentError, ArgumentTypeError, UnknownNameError, MissingDependencyError
        A name that is not known, or a metric whose direction nobody states.
    """
    minimised = None if loss is None else _callable("loss", loss)
    base, minimised = (minimised, None) if isinstance(minimised, Loss) else (None, minimised)
    if isinstance(minimised, torch.nn.Module) and any(p.requires_grad for p in minimised.parameters()):
        raise ArgumentError(
            f"a loss learns nothing, but {type(minimised).__name__} has parameters: put them into the model; "
            f"{ELSEWHERE}"
        )
    if metric is None:
        if higher_is_better is not None:
            raise ArgumentError("higher_is_better is the direction of a metric: give the metric as well")
        return base if minimised is None else Own(base, minimised)
    measured = _callable("metric", metric)
    name = metric.partition("(")[0].rpartition(":")[2] if isinstance(metric, str) else label_of(metric)
    stated = {higher_is_better, getattr(measured, "higher_is_better", None)} - {None}
    if stated not in ({True}, {False}):
        known = f"what is stated is {' and '.join(map(repr, stated))}" if stated else "nobody states it"
        raise ArgumentError(
            f"a metric needs its direction, but for {name} {known}: higher_is_better=True or False "
            "(--higher-is-better, --lower-is-better)"
        )
    return Own(base, minimised, measured, name, lower=stated == {False})


def _callable(kind: str, value: Any) -> Any:
    """Return the function that a loss or metric is, or the preset."""
    if isinstance(value, str):
        value = load_object(value) if ":" in value else _by_name(kind, value)
    if isinstance(value, type):
        with user_code(f"making {kind} {value.__name__}"):
            value = value()
    names: list[str] = []
    with contextlib.suppress(TypeError, ValueError):  # what is built in has no signature
        names = [*inspect.signature(value).parameters][:2]
    if {*names[:1]} & _TARGETS or {*names[1:]} & _OUTPUTS:  # as scikit-learn's
        raise ArgumentTypeError(
            f"a {kind} takes outputs, then targets, but {label_of(value)} takes {', '.join(names)}: give "
            "lambda outputs, targets: ..., which calls it the other way round"
        )
    return value


def _by_name(kind: str, text: str) -> Any:
    head, positional, named = head_and_arguments(text)
    known = _TORCH_LOSSES | (PRESETS if kind == "loss" else {})
    if head not in known and kind == "metric":
        known |= _of_torchmetrics(head)
    if head not in known:
        raise UnknownNameError.of(kind, head, known)
    with user_code(f"making {kind} {text}"):
        return known[head](*positional, **named)


def _of_torchmetrics(name: str) -> dict[str, type]:
    """Return the classes of torchmetrics by name: those of its parts before deprecated ones at its top."""
    try:
        modules = [importlib.import_module(f"torchmetrics{part}") for part in _METRICS]
    except ModuleNotFoundError:
        raise MissingDependencyError(
            f"metric {name!r} is looked for in torchmetrics, which is not installed: "
            "pip install 'rectifiers[metrics]', or give a function"
        ) from None
    return {n: cls for module in modules for n, cls in vars(module).items() if isinstance(cls, type)}


@dataclass(eq=False)
class Own(Loss):
    """A loss and a metric of the user's, each where it was given; the other is that of `base`.

    Attributes
    ----------
    base : Loss or None
        A preset; what follows from the data is put in by `on`.
    given, measure : callable or None
        The loss and the metric.
    name : str
        Of the metric.
    lower : bool
        Whether less of it is better.
    scale : Tensor or None
        Means and deviations, which lead from targets as they are trained on to those the metric sees.
    """

    base: Loss | None
    given: Callable[..., Any] | None = None
    measure: Callable[..., Any] | None = None
    name: str = ""
    lower: bool = False
    scale: Tensor | None = None
    inferred = False

    def __post_init__(self) -> None:
        if self.measure is not None:
            # "accuracy" and "R2" are those of this library, in %, whose standard errors are known
            shown = f"{self.name} (own)" if self.name in ("accuracy", "R2") else self.name
            self.metric, self.unit = f"minus {shown}" if self.lower else shown, ""
        elif self.base is not None:
            self.metric, self.unit = self.base.metric, self.base.unit

    @property
    def follows(self) -> Loss:
        """What is minimised or measured where the user says nothing."""
        assert self.base is not None
        return self.base

    @property
    def complete(self) -> bool:
        """Whether loss and metric are both known without asking the data."""
        return self.base is not None or (self.given is not None and self.measure is not None)

    def on(self, data: Data, targets: Tensor) -> Own:
        """Return the same with what follows from data; a metric sees targets in their original units.

        Raises
        ------
        ArgumentError
            The loss ignores some of the targets, which the metric of the data would count.
        """
        keywords = getattr(self.given, "keywords", {})  # of a partial
        ignored = getattr(self.given, "ignore_index", keywords.get("ignore_index", -100))
        if self.measure is None and data.classes is not None and bool((targets == ignored).any()):
            raise ArgumentError(
                f"losses ignore targets of {ignored}, and accuracy would count them: give a metric as well"
            )
        scale = torch.tensor((data.target_mean, data.target_deviation), dtype=torch.float64)
        return replace(self, base=by_name(data.loss), scale=scale if data.target_mean else None)

    def outputs(self, targets: Tensor, name: str) -> int:
        """Return how many numbers a model puts out per sample, as far as the base knows."""
        return 0 if self.base is None or self.given is not None else self.base.outputs(targets, name)

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the loss over a batch."""
        if self.given is None:
            return self.follows.loss(outputs, targets)
        if isinstance(self.given, torch.nn.Module):
            self.given.to(outputs.device)
        with user_code(f"the loss, of outputs {tuple(outputs.shape)} and targets {tuple(targets.shape)},"):
            value = self.given(outputs, targets)
        return _one_number("loss", value).reshape(())  # type: ignore[no-any-return]

    def wrong(self, outputs: Tensor, targets: Tensor) -> Tensor | None:
        """Return which samples are classified wrongly, where the data have classes."""
        return None if self.base is None else self.base.wrong(outputs, targets)

    def finite(self, outputs: Tensor) -> bool:
        """Return whether these can be a model's answers."""
        return super().finite(outputs) if self.base is None else self.base.finite(outputs)

    def rows(self, outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Return what is kept of a chunk: all of it for a metric of the user's."""
        return self.follows.rows(outputs, targets) if self.measure is None else (outputs, targets)

    def score(self, outputs: Tensor, targets: Tensor) -> float:
        """Return the metric, negated where lower is better."""
        if self.measure is None:
            return self.follows.score(outputs, targets)
        outputs, targets = outputs.clone(), targets.clone()  # which it may write to
        if self.scale is not None:  # in float64: a deviation may be far below its mean
            mean, deviation = self.scale.to(outputs.device)
            outputs, targets = (one * deviation + mean for one in (outputs, targets))
        metric: Any = copy.deepcopy(self.measure)  # it may keep what it has seen
        if isinstance(metric, torch.nn.Module):
            metric.to(outputs.device)
        with user_code(f"the metric, of outputs {tuple(outputs.shape)} and targets {tuple(targets.shape)},"):
            value = metric(outputs, targets)
        number = float(_one_number("metric", value))
        return -number if self.lower else number

    def standard_error(self, outputs: Tensor, targets: Tensor) -> float | None:
        """Return that of the base's metric; one of the user's is known as a whole alone."""
        return None if self.measure is not None else self.follows.standard_error(outputs, targets)

    def constant(self, targets: Tensor) -> float | None:
        """Return that of the base's metric; of one of the user's it is not known."""
        return None if self.measure is not None else self.follows.constant(targets)


def _one_number(what: str, value: Any) -> Any:
    """Return what a loss or metric gave; a loss is a tensor."""
    count = value.numel() if isinstance(value, Tensor) else getattr(value, "size", 1)
    if count != 1 or not hasattr(value, "reshape" if what == "loss" else "__float__"):
        shown = f"{count} numbers" if count != 1 else type(value).__name__
        raise ShapeError(f"a {what} returns one number, but this one returned {shown}: take their mean")
    return value
