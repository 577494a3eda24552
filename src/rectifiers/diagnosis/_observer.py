"""Take a part of every activation's inputs, outputs and gradients on watched steps, and add it up."""

from __future__ import annotations

import fnmatch
import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from rectifiers.backends import wrapped
from rectifiers.call_sites import Call, End, Interception
from rectifiers.diagnosis._slope import slope_at
from rectifiers.diagnosis.quantities import ALL, Gradient, History, Sample
from rectifiers.diagnosis.quantities.histogram import histogram_of

__all__ = ["Observer", "Patterns", "SiteRecord"]

Patterns: TypeAlias = str | type[nn.Module] | Sequence[str | type[nn.Module]]

# taken at one site, and positions (samples, times places in an image or a sequence): fewer of wide layers
_ELEMENTS, _MOST, _FEWEST = 16_384, 1024, 16
_FORWARD = tuple(quantity.forward for quantity in ALL if quantity.forward is not None)
_BACKWARD = tuple(quantity.backward for quantity in ALL if quantity.backward is not None)


@dataclass
class SiteRecord:
    """What was seen at one site.

    Attributes
    ----------
    call : Call
        The first one.
    units : int
        Channels of its input.
    history : History
    is_output : bool
        Whether the model returns what this site does.
    """

    call: Call
    units: int
    history: History = field(default_factory=History, repr=False)
    is_output: bool = False
    gradient_of: int = -1  # the step whose gradient is waited for


@dataclass
class _Seen:
    """Part of one call: of its inputs, and of its outputs once they are there."""

    site: SiteRecord
    step: int
    call: Call
    x: Tensor
    y: Tensor | None = None
    gradient: Tensor | None = None
    gradient_dtype: torch.dtype = torch.float32
    added: bool = False  # its gradient, to the sums


class Observer:
    """Called back at every activation of a model.

    Parameters
    ----------
    model : nn.Module
    every : int
        Every so many training steps is watched.
    include, exclude : patterns of sites

    Attributes
    ----------
    late : bool
        Whether a backward pass came after its gradients had been added up, and was left out.
    """

    def __init__(self, model: nn.Module, every: int, include: Patterns, exclude: Patterns) -> None:
        self.model, self.every = model, every
        self.include, self.exclude = _several(include), _several(exclude)
        self.sites: dict[str, SiteRecord] = {}
        self.steps = 0
        self.interception = Interception(model, self._begin)
        self.interception.enabled = False
        self._latest: tuple[Tensor, SiteRecord] | None = None
        self._pending: list[_Seen] = []
        self._backward: list[_Seen] = []
        self.late = False

    def count(self, module: nn.Module, args: Any) -> None:
        """Decide before a forward pass of the model whether it is a watched training step."""
        self.add_backward()
        trains = self.model.training and torch.is_grad_enabled()
        self.steps += trains
        self.interception.enabled = trains and (self.steps - 1) % self.every == 0
        self._pending.clear()  # of a pass that raised

    def finish(self, module: nn.Module, args: Any, output: Any) -> None:
        """Add up, after a forward pass, what was seen; not during it, when every operation is intercepted."""
        if self._latest is not None and self._latest[0] is output:
            self._latest[1].is_output = True
        self._latest = None
        _add(self._pending, forward=True)
        self._pending.clear()

    def add_backward(self) -> None:
        """Add up what backward passes saw since the last time."""
        _add(self._backward, forward=False)
        for seen in self._backward:
            seen.added = True
        self._backward.clear()

    def _back(self, seen: _Seen, take: Callable[[Tensor], Tensor], gradient: Tensor) -> None:
        """Note what backward passes saw, of those that are not themselves differentiated for a penalty."""
        if seen.y is None or torch.is_grad_enabled():
            return
        if seen.added:
            self.late = True
        elif seen.gradient is None:
            seen.gradient, seen.gradient_dtype = take(gradient), gradient.dtype
            self._backward.append(seen)
        else:
            seen.gradient += take(gradient)

    def _wanted(self, call: Call) -> bool:
        def fits(pattern: str | type[nn.Module]) -> bool:
            if isinstance(pattern, str):
                return call.activation == pattern or fnmatch.fnmatchcase(call.name, pattern)
            return isinstance(call.module, pattern)

        return any(map(fits, self.include)) and not any(map(fits, self.exclude))

    def _begin(self, call: Call, x: Tensor) -> End | None:
        shape = x.shape  # every question to a tensor is intercepted, too: few are asked
        if not (self._wanted(call) and x.is_floating_point() and shape and shape.numel()) or wrapped(x):
            return None
        # the axis of the units: where the model's layers put them, or the usual one
        axis = (
            (len(shape) - 1 if len(shape) in (1, 3) else 1) if call.axis is None else call.axis % len(shape)
        )
        site = self.sites.setdefault(call.name, SiteRecord(call, shape[axis]))
        if shape[axis] != site.units:  # an axis that is not that of the units
            return None
        step = self.steps - 1
        limit = min(_MOST, max(_FEWEST, _ELEMENTS // shape[axis])) // (1 if self.every > 1 else 2)
        chosen = _positions(shape, axis, limit, step // self.every)
        take = functools.partial(_part, axis=axis, chosen=chosen)
        seen = _Seen(site, step, call, take(x))  # a copy: in-place activations overwrite their input
        if torch.is_grad_enabled() and x.requires_grad and site.gradient_of != step:
            site.gradient_of = step  # of the first pass, not of the one that checkpointing makes again
            hook = functools.partial(self._back, seen, take)
            x.register_hook(hook)  # type: ignore[no-untyped-call]

        def end(output: Any) -> None:
            if isinstance(output, Tensor) and output.ndim == len(shape):
                seen.y = take(output)
                if not call.recomputed:  # else it has been added up when it ran first
                    self._latest = (output, site)
                    self._pending.append(seen)

        return end


@torch.no_grad()
def _add(queue: Sequence[_Seen], *, forward: bool) -> None:
    """Add up what was seen: the units of sites with as many positions are in one row."""
    for group in _alike(queue):
        slots = [seen.site.history.at(seen.step) for seen in group]
        if forward:
            slope = _joined([slope_at(seen.call, seen.x, seen.y) for seen in group])
            sample = Sample(_joined([seen.x for seen in group]), _joined([seen.y for seen in group]), slope)
            found = [measure(sample) for measure in _FORWARD]
        else:
            gradient = Gradient(_joined([seen.gradient for seen in group]), group[0].gradient_dtype)
            found = [measure(gradient) for measure in _BACKWARD]
        for slot, seen in zip(slots, group, strict=True):
            if forward and not slot.seen:  # in the first step of each period
                slot.add(("histogram.sum",), histogram_of(seen.x))
            slot.seen += forward * len(seen.x)
            slot.seen_backward += (not forward) * len(seen.x)
        rows = {key: row for sums in found for key, row in sums.items()}
        kinds: dict[tuple[str, int], list[str]] = {}
        for key, row in rows.items():
            kinds.setdefault((key.rpartition(".")[2], len(row)), []).append(key)
        for (_, width), keys in kinds.items():
            table = torch.stack([rows[key] for key in keys])
            widths = [seen.x.shape[1] for seen in group] if len(group) > 1 else [width]
            for slot, part in zip(slots, table.split(widths, dim=1), strict=True):  # type: ignore[no-untyped-call]
                slot.add(tuple(keys), part)


def _alike(queue: Sequence[_Seen]) -> list[list[_Seen]]:
    """Return what has as many positions of one type; alone where outputs are not as many as inputs."""
    groups: dict[Any, list[_Seen]] = {}
    for seen in queue:
        alone = seen.y is None or seen.y.shape != seen.x.shape
        kind = (len(seen.x), seen.x.dtype, seen.x.device, seen.gradient_dtype, id(seen) if alone else None)
        groups.setdefault(kind, []).append(seen)
    return list(groups.values())


def _joined(parts: list[Any]) -> Any:
    return torch.cat(parts, dim=1) if len(parts) > 1 else parts[0]


def _several(patterns: Patterns) -> tuple[str | type[nn.Module], ...]:
    return (patterns,) if isinstance(patterns, str | type) else tuple(patterns)


def _positions(shape: torch.Size, axis: int, limit: int, turn: int) -> tuple[slice, ...]:
    """Return an index of so many positions at most, evenly spaced: fewer places first, samples tell more.

    Other ones in every turn: what comes at the same place of each batch may be alike.
    """
    excess = shape.numel() / shape[axis] / limit
    chosen = [slice(None)] * len(shape)
    dims = [dim for dim in range(len(shape)) if dim != axis]
    for index, dim in reversed(list(enumerate(dims))):
        if excess > 1:
            step = min(shape[dim], math.ceil(excess ** (1 / max(1, index))))
            chosen[dim] = slice(turn % step, None, step)
            excess, turn = excess / step, turn // step
    return tuple(chosen)


def _part(x: Tensor, axis: int, chosen: tuple[slice, ...]) -> Tensor:
    """Return positions x units, copied, in float32 at least."""
    part = x.detach()[chosen]
    part = part if axis == x.ndim - 1 else part.movedim(axis, -1)
    dtype = torch.float64 if x.dtype == torch.float64 else torch.float32
    return part.to(dtype, copy=True).reshape(-1, part.shape[-1])
