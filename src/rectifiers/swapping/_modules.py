"""The module that takes a site's place: as many slopes as features, on their axis, in place where it was."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from rectifiers.arms import Arm
from rectifiers.call_sites import Site
from rectifiers.errors import ArgumentError

__all__ = ["make"]

_WIDTHS = ("glu", "reglu", "geglu", "swiglu", "crelu", "maxout")


class Fitted(nn.Module):
    """Applies an activation that cannot do so by itself along another axis than 1, or in place."""

    def __init__(self, activation: nn.Module, axis: int | None, in_place: bool) -> None:
        super().__init__()
        self.activation, self.in_place = activation, in_place
        self.axes = (-1, -1) if axis is None else (axis, 1)

    def forward(self, x: Tensor) -> Any:
        """Apply it."""
        given = x.clone() if self.in_place else x
        y = self.activation(given.movedim(*self.axes)).movedim(*self.axes[::-1])
        return x.copy_(y) if self.in_place else y


def make(arm: Arm, site: Site, model: nn.Module) -> nn.Module:
    """Return a fresh module for a site."""
    if site.activation in _WIDTHS:
        raise ArgumentError(
            f"a site must keep the number of features, but {site.activation} at {site.name!r} changes it"
        )
    axis = None
    if not _per_feature(arm):
        new = arm(1)
    elif site.channels is None or site.axis is None:
        raise ArgumentError(
            f"{arm.label} has numbers for each feature, but which axis of {site.shape} at {site.name!r} has "
            "the features cannot be known: make it a module whose input has them on axis 1, or give one "
            "number for all, as prelu(num_parameters=1)"
        )
    else:
        new = arm(site.channels)
        if isinstance(getattr(new, "dim", None), int) and type(new).__module__.startswith("rectifiers.nn"):
            vars(new)["dim"] = site.axis if new.dim == 1 else new.dim
        elif site.axis != 1:
            axis = site.axis
    in_place = site.in_place
    if in_place and axis is None and isinstance(getattr(new, "inplace", None), bool):
        vars(new)["inplace"], in_place = True, False
    if in_place or axis is not None:
        new = Fitted(new, axis, in_place)
    owner = model.get_submodule(site.owner)
    tensors = (p for m in (owner, model) for p in m.parameters() if p.is_floating_point())
    if (like := next(tensors, None)) is not None:
        new.to(like.device, like.dtype)
    return new.train((site.module or owner).training)


def _per_feature(arm: Arm) -> bool:
    """Whether an arm has parameters whose number is that of the features, or works along their axis."""
    with torch.random.fork_rng(devices=[]):
        few, more = arm(2).state_dict(), arm(3).state_dict()
    return arm.name == "softmax" or any(few[n].shape != more[n].shape for n in few if n in more)
