"""What is minimised and what is measured, where the user says so: a callable, or a name of somebody's."""

from __future__ import annotations

import copy
import importlib
import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from rectifiers.arms import head_and_arguments, label_of, load_object, user_code
from rectifiers.errors import (
    ArgumentError,
    ArgumentTypeError,
    MissingDependencyError,
    RectifiersError,
    ShapeError,
    UnknownNameError,
)
from rectifiers.tasks.losses import Loss
from rectifiers.tasks.presets import PRESETS

__all__ = ["Own", "objective"]

_TORCH_LOSSES: dict[str, Any] = {name: cls for name, cls in vars(torch.nn).items() if name.endswith("Loss")}
_GROUPS = 20  # of samples, for standard errors
_METRICS = ("", ".classification", ".regression", ".segmentation", ".text")  # rooms of torchmetrics


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
    if metric is None and higher_is_better is not None:
        raise ArgumentError("higher_is_better is the direction of a metric: give the metric as well")
    found = None if loss is None else _callable("loss", loss)
    base, minimised = (found, None) if isinstance(found, Loss) else (None, found)
    if metric is None:
        return base if minimised is None else Own(None, minimised, None, "", lower=False)
    measured = _callable("metric", metric)
    name = metric.partition("(")[0].rpartition(":")[2] if isinstance(metric, str) else label_of(metric)
    stated = getattr(measured, "higher_is_better", None)
    if higher_is_better is None and stated is None:
        raise ArgumentError(
            f"a metric needs its direction, but for {name} nobody states it: higher_is_better=True or False "
            "(--higher-is-better, --lower-is-better)"
        )
    if None not in (higher_is_better, stated) and bool(higher_is_better) != bool(stated):
        raise ArgumentError(f"{name} says itself that higher_is_better={stated}, but got {higher_is_better}")
    better = stated if higher_is_better is None else higher_is_better
    return Own(base, minimised, measured, name, lower=not better)


def _callable(kind: str, value: Any) -> Any:
    """Return the function that a loss or metric is, or the preset."""
    if isinstance(value, str):
        value = load_object(value) if ":" in value else _by_name(kind, value)
    if isinstance(value, type):
        with user_code(f"making {kind} {value.__name__}"):
            value = value()
    if not callable(value) and not (kind == "loss" and isinstance(value, Loss)):
        raise ArgumentTypeError(
            f"a {kind} is a function of (outputs, targets) or a name, but got {type(value).__name__}"
        )
    return value


def _by_name(kind: str, text: str) -> Any:
    head, positional, named = head_and_arguments(text)
    known = _TORCH_LOSSES | PRESETS if kind == "loss" else _TORCH_LOSSES
    if head not in known and kind == "metric":
        known = known | _of_torchmetrics(head)
    if head not in known:
        raise UnknownNameError.of(kind, head, known)
    with user_code(f"making {kind} {text}"):
        return known[head](*positional, **named)


def _of_torchmetrics(name: str) -> dict[str, type]:
    """Return the classes of torchmetrics by name; where several rooms have one, that of the first."""
    found: dict[str, type] = {}
    for room in _METRICS:
        try:
            module = importlib.import_module(f"torchmetrics{room}")
        except ModuleNotFoundError:
            if room:
                continue
            raise MissingDependencyError(
                f"metric {name!r} is looked for in torchmetrics, which is not installed: "
                "pip install 'rectifiers[metrics]', or give a function"
            ) from None
        found = {n: cls for n, cls in vars(module).items() if isinstance(cls, type)} | found
    return found


class Own(Loss):
    """A loss and a metric of the user's, each where it was given; the other is that of `base`.

    Attributes
    ----------
    base : Loss or None
        A preset, or what follows from the data.
    """

    inferred = False

    def __init__(
        self,
        base: Loss | None,
        loss: Callable[..., Any] | None,
        metric: Callable[..., Any] | None,
        name: str,
        *,
        lower: bool,
    ) -> None:
        self.base, self._loss, self._metric, self._sign = base, loss, metric, -1.0 if lower else 1.0
        self._scale: tuple[Tensor, Tensor] | None = None
        self._metric_name = name
        if metric is not None:
            # "accuracy" and "R2" are those of this library, in %, whose standard errors are known
            shown = f"{name} (own)" if name in ("accuracy", "R2") else name
            self.metric, self.unit = f"minus {shown}" if lower else shown, ""
        elif base is not None:
            self.metric, self.unit = base.metric, base.unit

    @property
    def complete(self) -> bool:
        """Whether loss and metric are both known without asking the data."""
        return self.base is not None or (self._loss is not None and self._metric is not None)

    def on(self, base: Loss, mean: tuple[float, ...], deviation: tuple[float, ...]) -> Own:
        """Return the same with what follows from the data; a metric sees targets in their original units."""
        found = copy.copy(self)
        found.base = base
        if self._metric is None:
            found.metric, found.unit = base.metric, base.unit
        elif mean:
            found._scale = torch.tensor(mean), torch.tensor(deviation)
        return found

    def outputs(self, targets: Tensor, name: str) -> int:
        """Return how many numbers a model puts out per sample, as far as the base knows."""
        return 0 if self.base is None or self._loss is not None else self.base.outputs(targets, name)

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the loss over a batch."""
        if self._loss is None:
            assert self.base is not None
            return self.base.loss(outputs, targets)
        if isinstance(self._loss, torch.nn.Module):
            self._loss.to(outputs.device)
        with user_code(f"the loss, of outputs {tuple(outputs.shape)} and targets {tuple(targets.shape)},"):
            value = self._loss(outputs, targets)
        if not isinstance(value, Tensor) or value.numel() != 1:
            shape = f"shape {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
            raise ShapeError(f"a loss is a tensor with one number, but got {shape}: take its mean")
        return value.reshape(())

    def wrong(self, outputs: Tensor, targets: Tensor) -> Tensor | None:
        """Return which samples are classified wrongly, where the data have classes."""
        return None if self.base is None else self.base.wrong(outputs, targets)

    def rows(self, outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Return what is kept of a chunk: all of it for a metric of the user's."""
        if self._metric is None and self.base is not None:
            return self.base.rows(outputs, targets)
        return outputs, targets

    def score(self, outputs: Tensor, targets: Tensor) -> float:
        """Return the metric, negated where lower is better."""
        if self._metric is None:
            assert self.base is not None
            return self.base.score(outputs, targets)
        if self._scale is not None:
            mean, deviation = (one.to(outputs) for one in self._scale)
            outputs, targets = (one * deviation + mean for one in (outputs, targets))
        metric: Any = self._metric
        if isinstance(metric, torch.nn.Module):  # torchmetrics' keep what they have seen
            metric = copy.deepcopy(metric).to(outputs.device)
        shapes = f"outputs {tuple(outputs.shape)} and targets {tuple(targets.shape)}"
        what = f"metric {self._metric_name}, of {shapes},"
        with user_code(what, RectifiersError):
            value = metric(outputs, targets)
        count = value.numel() if isinstance(value, Tensor) else getattr(value, "size", 1)
        if count != 1 or not hasattr(value, "__float__"):
            shown = f"{count} numbers" if count != 1 else type(value).__name__
            raise ArgumentError(
                f"a metric returns one number, but {self._metric_name} returned {shown}: take their mean"
            )
        return self._sign * float(value)

    def standard_error(self, outputs: Tensor, targets: Tensor) -> float | None:
        """Return the standard error of the metric: that of `base`, or by the grouped jackknife.

        Each of `_GROUPS` groups of samples is left out in turn (Efron & Tibshirani 1993, An introduction to
        the bootstrap, chapter 11). None where the metric has no value without a group.
        """
        if self._metric is None:
            return None if self.base is None else self.base.standard_error(outputs, targets)
        if len(outputs) < 2 * _GROUPS:
            return None
        group = torch.arange(len(outputs), device=outputs.device) % _GROUPS
        try:
            left_out = [self.score(outputs[group != g], targets[group != g]) for g in range(_GROUPS)]
        except RectifiersError:
            return None
        error = math.sqrt(
            (_GROUPS - 1) * float(torch.tensor(left_out, dtype=torch.float64).var(correction=0))
        )
        return error if math.isfinite(error) else None
