"""The module that takes a site's place: as many slopes as features, on their axis, in place where it was."""

from __future__ import annotations

import torch
from torch import nn

from rectifiers.arms import Arm
from rectifiers.call_sites import Site
from rectifiers.errors import ArgumentError
from rectifiers.swapping._scope import InPlace, OnAxis

__all__ = ["make"]

_WIDTHS = ("glu", "reglu", "geglu", "swiglu", "crelu", "maxout")


def make(arm: Arm, site: Site, model: nn.Module) -> nn.Module:
    """Return a fresh module for a site.

    Raises
    ------
    ArgumentError
        If the arm has a number for each feature, and the site's features cannot be known; or if what is there
        changes the number of features.
    """
    if site.activation in _WIDTHS:
        raise ArgumentError(
            f"an activation that keeps the number of features is swapped, but {site.activation} at "
            f"{site.name!r} "
            "changes the number of features itself"
        )
    if not _per_feature(arm):
        new = arm(1)
    elif site.channels is None or site.axis is None:
        raise ArgumentError(
            f"{arm.label} has numbers for each feature, but which axis of {site.shape} at {site.name!r} has "
            "the "
            f"features cannot be known: make it a module whose input has them on axis 1, or give "
            f"one number for all, as prelu(num_parameters=1)"
        )
    else:
        new = _placed(arm(site.channels), site)
    if site.in_place and arm.keeps_width:  # an output of another size has no place there
        if isinstance(getattr(new, "inplace", None), bool):
            vars(new)["inplace"] = True
        else:
            new = InPlace(new)
    owner = model.get_submodule(site.owner)
    tensors = (p for m in (owner, model) for p in m.parameters() if p.is_floating_point())
    if (like := next(tensors, None)) is not None:
        new.to(like.device, like.dtype)
    return new.train(owner.training)


def _placed(new: nn.Module, site: Site) -> nn.Module:
    """Return a module that finds its features on the site's axis."""
    if site.axis in (None, 1):
        return new
    if isinstance(getattr(new, "dim", None), int) and type(new).__module__.startswith("rectifiers.nn"):
        if new.dim == 1:
            vars(new)["dim"] = site.axis
        return new
    return OnAxis(new, site.axis)


def _per_feature(arm: Arm) -> bool:
    """Whether an arm has parameters whose number is that of the features, or works along their axis."""
    if arm.name == "softmax" or not arm.keeps_width:
        return True
    with torch.random.fork_rng(devices=[]):
        few, more = arm(2).state_dict(), arm(3).state_dict()
    return any(few[name].shape != more[name].shape for name in few if name in more)
