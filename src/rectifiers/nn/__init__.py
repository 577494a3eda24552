"""Activations as modules: drop-in replacements for those of `torch.nn`, and the ones it lacks.

The classes of elementwise activations are derived from their records (`rectifiers.activations`); the
stub beside this file spells them out for editors and type checkers.
"""

from __future__ import annotations

import torch

from rectifiers.activations import Activation, Gated, registry
from rectifiers.functional import is_registered
from rectifiers.nn._axis import CReLU, Maxout, MaxoutLinear, Softmax, derive_gated
from rectifiers.nn._derived import derive
from rectifiers.nn._divisors import FromDivisor, FromDivisors
from rectifiers.nn._groups import parameter_groups

_AXIS = {cls.__name__: cls for cls in (Maxout, CReLU, Softmax)}
_EXTRAS: dict[str, tuple[type, ...]] = {"LeakyReLU": (FromDivisor,), "RReLU": (FromDivisors,)}

__all__ = [*(record.title for record in registry.values()), "MaxoutLinear", "of", "parameter_groups"]


def of(record: Activation) -> type[torch.nn.Module]:
    """Return the module class of an activation, built in or made with `rectifiers.elementwise`."""
    if isinstance(record, Gated):
        return derive_gated(record)
    if is_registered(record):
        return _AXIS.get(record.title) or derive(record, *_EXTRAS.get(record.title, ()))
    return derive(record)


globals().update({record.title: of(record) for record in registry.values()})
