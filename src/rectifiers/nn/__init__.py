"""Activations as modules: drop-in replacements for those of `torch.nn`, and the ones it lacks."""

from __future__ import annotations

import torch

from rectifiers.activations import Activation, registry
from rectifiers.nn._derived import derive
from rectifiers.nn._special import CReLU, Maxout, MaxoutLinear, PReLU, RReLU, Softmax

_OWN_SHAPE = {cls.__name__: cls for cls in (PReLU, RReLU, Maxout, CReLU, Softmax)}

__all__ = [*(record.title for record in registry.values()), "MaxoutLinear"]


def of(record: Activation) -> type[torch.nn.Module]:
    """Return the module class of an activation, built in or made with `rectifiers.elementwise`."""
    if registry.get(record.name) is record and record.title in _OWN_SHAPE:
        return _OWN_SHAPE[record.title]
    return derive(record)


globals().update({record.title: of(record) for record in registry.values()})
