"""`watch`: what happens at every activation of a model while it trains."""

from __future__ import annotations

import contextlib
import fnmatch
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import torch
from torch import Tensor, nn

from rectifiers.call_sites import Call, End, Interception, refuse_closed
from rectifiers.diagnosis._history import History, Slot
from rectifiers.diagnosis._slope import slope_at
from rectifiers.diagnosis.quantities import ALL, Sample
from rectifiers.errors import ArgumentError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["SiteRecord", "Watch", "watch"]

_SAMPLES = 16  # of a batch: figures over a window need no more
_FORWARD = tuple(quantity.forward for quantity in ALL if quantity.forward is not None)
_BACKWARD = tuple(quantity.backward for quantity in ALL if quantity.backward is not None)


@dataclass
class SiteRecord:
    """What was seen at one site.

    Attributes
    ----------
    name, activation : str
    units : int
        Channels of its input.
    history : History
    """

    name: str
    activation: str
    units: int
    history: History = field(default_factory=History, repr=False)
    gradient_of: int = field(default=-1, repr=False)  # the step whose gradient is waited for


class Watch:
    """What `watch` returns: a context manager, then a table, a frame, a report."""

    def __init__(
        self,
        model: nn.Module,
        every: int = 10,
        *,
        include: str | type[nn.Module] | Sequence[str | type[nn.Module]] = "*",
        exclude: str | type[nn.Module] | Sequence[str | type[nn.Module]] = (),
        samples: int = _SAMPLES,
        window: int | None = None,
    ) -> None:
        for name, value in {"every": every, "samples": samples, "window": window}.items():
            if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
                raise ArgumentError(f"`{name} >= 1` must hold, but got {name}={value!r}")
        refuse_closed(model)
        self.every, self.window = every, window
        self.sites: dict[str, SiteRecord] = {}
        self.steps = 0
        self._include, self._exclude = _several(include), _several(exclude)
        self._model, self._samples = model, samples
        self._interception = Interception(model, self._begin)
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        # before the hooks of the interception, which ask whether the step is watched
        handle = self._model.register_forward_pre_hook(self._count)
        self._stack.callback(handle.remove)
        self._interception.enabled = False
        self._stack.enter_context(self._interception.installed())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def _count(self, module: nn.Module, args: Any) -> None:
        """Decide whether a forward pass of the model is a watched training step."""
        trains = self._model.training and torch.is_grad_enabled()
        self._interception.enabled = trains and self.steps % self.every == 0
        self.steps += trains

    def _wanted(self, call: Call) -> bool:
        def fits(patterns: tuple[str | type[nn.Module], ...]) -> bool:
            return any(
                fnmatch.fnmatchcase(call.name, p) or call.activation == p
                if isinstance(p, str)
                else isinstance(call.module, p)
                for p in patterns
            )

        return fits(self._include) and not fits(self._exclude)

    def _begin(self, call: Call, x: Tensor) -> End | None:
        if not (self._wanted(call) and x.is_floating_point() and x.ndim and x.numel()):
            return None
        axis = _axis(call, x)
        site = self.sites.get(call.name)
        if site is None:
            site = self.sites[call.name] = SiteRecord(call.name, call.activation, x.shape[axis])
        step = self.steps - 1
        part = x.detach()[: self._samples] if axis != 0 else x.detach()
        if call.in_place or getattr(call.module, "inplace", False):
            part = part.clone()
        cell: list[Sample] = []
        if torch.is_grad_enabled() and x.requires_grad and site.gradient_of != step:
            site.gradient_of = step  # of the first pass, not of the one that checkpointing makes again
            hook = partial(self._end_backward, site, step, axis, cell)
            x.register_hook(hook)  # type: ignore[no-untyped-call]

        def end(output: Any) -> None:
            if isinstance(output, Tensor) and output.ndim == x.ndim:
                with torch.no_grad():
                    self._end_forward(site, step, call, axis, part, output, cell)

        return end

    def _end_forward(
        self,
        site: SiteRecord,
        step: int,
        call: Call,
        axis: int,
        x: Tensor,
        output: Tensor,
        cell: list[Sample],
    ) -> None:
        y = output.detach()[: len(x)]
        slope = slope_at(call, x, y)
        rows = [None if t is None else _rows(t, axis) for t in (x, y, slope)]
        assert rows[0] is not None
        assert rows[1] is not None
        sample = Sample(rows[0], rows[1], rows[2])
        cell.append(sample)
        if call.recomputed:  # it has been seen when it ran first
            return
        slot = site.history.at(step)
        slot.seen += len(sample.x)
        for measure in _FORWARD:
            slot.add(measure(sample))

    def _end_backward(
        self, site: SiteRecord, step: int, axis: int, cell: list[Sample], gradient: Tensor
    ) -> None:
        if not cell:
            return
        forward = cell.pop()
        with torch.no_grad():
            part = gradient.detach()[: self._samples] if axis != 0 else gradient.detach()
            sample = Sample(forward.x, forward.y, forward.slope, _rows(part, axis), gradient.dtype)
            slot = site.history.at(step) if not site.history.slots else _slot_of(site.history, step)
            slot.seen_backward += len(sample.x)
            for measure in _BACKWARD:
                slot.add(measure(sample))

    def figures(self) -> list[dict[str, Any]]:
        """Return one dictionary per site, in the order of the forward pass, over the last window.

        The window is `window` training steps, or the last quarter of all.
        """
        self._require_steps()
        width = self.window or max(1, self.steps // 4)
        rows = []
        for site in self.sites.values():
            slot = site.history.since(self.steps - width)
            rows.append(self._row(site, slot))
        last = next((row["gradient"] for row in reversed(rows) if row["gradient"]), None)
        for row in rows:
            row["gradient_ratio"] = None if not last or row["gradient"] is None else row["gradient"] / last
        return rows

    def frame(self) -> pd.DataFrame:
        """Return a row per site and period: a pandas DataFrame, for figures over time."""
        import pandas as pd

        self._require_steps()
        return pd.DataFrame(
            [self._row(site, slot) for site in self.sites.values() for slot in site.history.slots]
        )

    def _row(self, site: SiteRecord, slot: Slot) -> dict[str, Any]:
        totals = History.totals(slot)
        about = {"site": site.name, "activation": site.activation, "units": site.units}
        when = {"first_step": slot.first, "last_step": slot.last, "seen": slot.seen}
        return {**about, **when, **{quantity.name: quantity.figure(totals) for quantity in ALL}}

    def _require_steps(self) -> None:
        if not any(site.history.slots for site in self.sites.values()):
            said = (
                f"{self.steps} training steps, no activation in one that was watched"
                if self.steps
                else "none"
            )
            raise ArgumentError(
                f"a watch needs training steps, passes in training mode with gradients, but saw {said}"
            )

    def to_tensorboard(self, writer: Any) -> None:
        """Write every figure over time as a scalar ``watch/<quantity>/<site>``.

        Parameters
        ----------
        writer : torch.utils.tensorboard.SummaryWriter
            Or anything with its ``add_scalar(tag, value, step)``.
        """
        for row in self.frame().to_dict("records"):
            for quantity in ALL:
                value = row[quantity.name]
                if value is not None and value == value:
                    writer.add_scalar(f"watch/{quantity.name}/{row['site']}", value, row["last_step"])

    def __str__(self) -> str:
        from rectifiers.diagnosis._table import table

        if not any(site.history.slots for site in self.sites.values()):
            return f"watch: {self.steps} training steps, nothing seen yet"
        return table(self.figures(), self.steps, self.every)


def watch(
    model: nn.Module,
    every: int = 10,
    *,
    include: str | type[nn.Module] | Sequence[str | type[nn.Module]] = "*",
    exclude: str | type[nn.Module] | Sequence[str | type[nn.Module]] = (),
    samples: int = _SAMPLES,
    window: int | None = None,
) -> Watch:
    """Watch every activation of a model while it trains.

    Parameters
    ----------
    model : nn.Module
        Any; neither scripted nor compiled: watch the model before it is compiled.
    every : int, default 10
        Every so many training steps (forward passes in training mode, with gradients) is watched.
    include, exclude : str, module class, or sequence of them
        Sites by name (``"layer4.*"``), by activation (``"relu"``) or by the class of their module.
    samples : int, default 16
        So many samples of a batch are looked at, the first ones.
    window : int, optional
        Training steps over which the table's figures hold, such as those of an epoch; the last quarter by
        default.

    Returns
    -------
    Watch
        ``with watch(model) as w: ...``; then ``print(w)``, ``w.frame()``, ``w.report(path)``.

    Raises
    ------
    ArgumentError
        The model is scripted, compiled or lazy, or a number is not positive.

    Notes
    -----
    Sums are kept per unit on the model's device, in 24 periods that grow with the training; nothing is copied
    to the host before it is asked for, and nothing the model computes is changed.

    Examples
    --------
    >>> import torch, rectifiers
    >>> model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 1))
    >>> with rectifiers.watch(model, every=1) as w:
    ...     for _ in range(10):
    ...         model(torch.randn(64, 4)).square().mean().backward()
    >>> w.figures()[0]["site"]
    '1'
    """
    return Watch(model, every, include=include, exclude=exclude, samples=samples, window=window)


def _several(patterns: Any) -> tuple[str | type[nn.Module], ...]:
    return (patterns,) if isinstance(patterns, str | type) else tuple(patterns)


def _axis(call: Call, x: Tensor) -> int:
    """Return the axis of the units: where the model's layers put them, or the usual one."""
    if call.axis is not None:
        return call.axis % x.ndim
    return x.ndim - 1 if x.ndim in (1, 3) else 1


def _rows(x: Tensor, axis: int) -> Tensor:
    """Return positions x units, in float32 at least."""
    x = x if x.dtype in (torch.float32, torch.float64) else x.float()
    return x.movedim(axis, -1).reshape(-1, x.shape[axis])


def _slot_of(history: History, step: int) -> Slot:
    """Return the slot that a step's forward pass went into."""
    return next(slot for slot in reversed(history.slots) if slot.first <= step)
