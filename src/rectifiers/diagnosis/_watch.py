"""`watch`: what happens at every activation of a model while it trains."""

from __future__ import annotations

import contextlib
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import torch
from torch import Tensor, nn

from rectifiers.call_sites import refuse_closed
from rectifiers.diagnosis._findings import Advice, advise, table
from rectifiers.diagnosis._observer import Observer, Patterns, SiteRecord
from rectifiers.diagnosis._slope import values_at
from rectifiers.diagnosis._updates import Updates
from rectifiers.diagnosis.quantities import ALL, Totals
from rectifiers.diagnosis.quantities.depth import add_chi
from rectifiers.diagnosis.quantities.histogram import BINS, REACH
from rectifiers.diagnosis.quantities.reach import Reach, reach_of
from rectifiers.errors import ArgumentError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Watch", "watch"]

_LATE = "Gradients are in part: backward passes that came after the model's next forward pass are left out."


class Watch:
    """What `watch` returns: a context manager, then a table, figures, a frame, advice and a report.

    Attributes
    ----------
    steps : int
        Training steps so far.
    """

    def __init__(
        self,
        observer: Observer,
        window: int | None,
        optimizer: torch.optim.Optimizer | None,
        targets: Tensor | None,
    ) -> None:
        self._observer, self._window, self._optimizer = observer, window, optimizer
        self._targets = None if targets is None else targets.detach().double().cpu()
        self._updates = Updates(observer.model, observer.every)
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        observer, enter = self._observer, self._stack.enter_context
        enter(observer.model.register_forward_pre_hook(observer.count))  # before those of the interception
        enter(observer.interception.installed())
        enter(observer.model.register_forward_hook(observer.finish))
        if self._optimizer is not None:
            enter(self._optimizer.register_step_pre_hook(self._updates.before))
            enter(self._optimizer.register_step_post_hook(self._updates.after))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()
        self._observer.add_backward()

    @property
    def steps(self) -> int:
        """Training steps so far: forward passes in training mode, with gradients."""
        return self._observer.steps

    def figures(self, *, at_start: bool = False) -> list[dict[str, Any]]:
        """Return one dictionary per site, in the order of the forward pass.

        Parameters
        ----------
        at_start : bool
            Of the first step instead of the last window (`window` training steps, or the last quarter of
            all).

        Raises
        ------
        ArgumentError
            No training step was seen.
        """
        sites = self._seen()
        width = self._window or max(1, self.steps // 4)
        # a window that no watched step is in ends with the last one
        start = min(self.steps - width, max(site.history.slots[-1].last for site in sites))
        rows = [
            _row(site, site.history.slots[0] if at_start else site.history.since(start)) for site in sites
        ]
        end = next((row["gradient"] for row in reversed(rows) if row["gradient"]), None)
        for row in rows:
            row["gradient_ratio"] = None if not end or row["gradient"] is None else row["gradient"] / end
        add_chi(rows)
        return rows

    def updates(self) -> dict[str, float]:
        """Return per parameter the share of its updates that rounding lost; empty without `optimizer=`."""
        return self._updates.figures()

    def reach(self) -> Reach | None:
        """Return which targets the activation at the output cannot reach; None without either."""
        outputs = [site for site in self._observer.sites.values() if site.is_output]
        if self._targets is None or not outputs:
            return None
        return reach_of(outputs[-1].call, outputs[-1].units, self._targets)

    def advice(self) -> list[Advice]:
        """Return what the figures suggest, each sentence with the figure it rests on."""
        return advise(self.figures(at_start=True), self.figures(), self.updates(), self.reach())

    def frame(self) -> pd.DataFrame:
        """Return a row per site and period: a pandas DataFrame, for figures over time."""
        import pandas as pd

        return pd.DataFrame([_row(site, slot) for site in self._seen() for slot in site.history.slots])

    def report(self, path: str | Path) -> Path:
        """Write figures over time, distributions, the gradient along depth and the advice as one HTML file.

        Parameters
        ----------
        path : path
            The ``.html`` file; it works offline.

        Returns
        -------
        Path
            The file that was written.

        Raises
        ------
        ArgumentError
            No training step was seen.
        StoreError
            The file cannot be written.
        """
        import importlib

        # the report draws; it is above this room, and loaded where something is drawn alone
        page = importlib.import_module("rectifiers.report.watched")
        advice, rows = [asdict(one) for one in self.advice()], self.frame().to_dict("records")
        written: Path = page.write(path, self._table(), advice, rows, self._distributions())
        return written

    def _distributions(self) -> list[dict[str, Any]]:
        """Return a row per site and bin: its middle, the share of pre-activations in it, f there."""
        x, rows = REACH * ((2 * torch.arange(BINS) + 1) / BINS - 1), []
        for site in self._seen():
            counts = site.history.since(0).on_host().tables["histogram.sum",].numpy()
            y = values_at(site.call, x, site.units)
            values = [None] * BINS if y is None else y.tolist()
            shares = (counts / max(1.0, counts.sum())).tolist()
            rows += [
                {"site": site.call.name, "x": a, "share": b, "f": c}
                for a, b, c in zip(x.tolist(), shares, values, strict=True)
            ]
        return rows

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
        self._observer.add_backward()
        if not any(site.history.slots for site in self._observer.sites.values()):
            return f"watch: {self.steps} training steps, nothing seen yet"
        said = "\n".join(str(one) for one in self.advice())
        return f"{self._table()}\n\n{said}"

    def _table(self) -> str:
        shown = table(self.figures(), self.steps, self._observer.every)
        return shown + ("\n\n" + _LATE if self._observer.late else "")

    def _seen(self) -> list[SiteRecord]:
        self._observer.add_backward()
        sites = [site for site in self._observer.sites.values() if site.history.slots]
        if not sites:
            said = f"{self.steps} and no activation" if self.steps else "none"
            raise ArgumentError(
                f"a watch needs training steps, passes in training mode with gradients, but saw {said}"
            )
        return sites


def watch(
    model: nn.Module,
    every: int = 10,
    *,
    include: Patterns = "*",
    exclude: Patterns = (),
    optimizer: torch.optim.Optimizer | None = None,
    targets: Tensor | None = None,
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
    optimizer : torch.optim.Optimizer, optional
        Also measure which weight updates rounding loses.
    targets : Tensor, optional
        What the model is to predict: is it within the range of the output's activation?
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
    Sums are kept per unit on the model's device, of the first step and 24 periods that grow with the
    training; nothing is copied to the host before it is asked for, and nothing the model computes is changed.

    Of a batch 1024 positions (samples times places in an image or a sequence) are taken at most, evenly
    spaced, and other ones at every watched step; fewer where a layer has more than 16 units, but 16; half
    as many where every step is watched.

    Forward passes are counted: of two in each step of a training, an even `every` watches one. A gradient is
    the sum over backward passes before the next forward pass that are not differentiated again
    (``create_graph=True``), as they compute it: scaled under a `GradScaler`; the table says where there were
    later ones. Updates are counted by steps of the optimizer.

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
    for name, value in {"every": every, "window": window}.items():
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
            raise ArgumentError(f"`{name} >= 1` must hold, but got {name}={value!r}")
    refuse_closed(model)
    return Watch(Observer(model, every, include, exclude), window, optimizer, targets)


def _row(site: SiteRecord, slot: Totals) -> dict[str, Any]:
    totals = slot.on_host()
    about = {"site": site.call.name, "activation": site.call.activation, "units": site.units}
    when = {"first_step": slot.first, "last_step": slot.last, "seen": slot.seen}
    return {**about, **when, **{quantity.name: quantity.of(totals) for quantity in ALL}}
