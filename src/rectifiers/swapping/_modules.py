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


class InPlace(nn.Module):
    """Applies an activation that has no in-place form, and overwrites the input."""

    def __init__(self, activation: nn.Module) -> None:
        super().__init__()
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        """Apply it; the input becomes the output."""
        return x.copy_(self.activation(x.clone()))


class OnAxis(nn.Module):
    """Applies an activation that has its features on axis 1 to those of another axis."""

    def __init__(self, activation: nn.Module, axis: int) -> None:
        super().__init__()
        self.activation, self.axis = activation, axis

    def forward(self, x: Tensor) -> Any:
        """Apply it along the axis."""
        return self.activation(x.movedim(self.axis, 1)).movedim(1, self.axis)


def make(arm: Arm, site: Site, model: nn.Module) -> nn.Module:
    """Return a fresh module for a site."""
    if site.activation in _WIDTHS:
        raise ArgumentError(
            "an activation that keeps the number of features is swapped, but "
            f"{site.activation} at {site.name!r} changes it"
        )
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
            new = OnAxis(new, site.axis)
    if site.in_place:
        if isinstance(getattr(new, "inplace", None), bool):
            vars(new)["inplace"] = True
        else:
            new = InPlace(new)
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
