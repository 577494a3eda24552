"""Activations as functions of tensors, named, ordered and defaulted as in `torch.nn.functional`."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from rectifiers.activations import Activation, registry
from rectifiers.functional._axis import crelu, maxout, softmax
from rectifiers.functional._derived import derive
from rectifiers.functional._prelu import prelu
from rectifiers.functional._rrelu import rrelu

_OWN_SHAPE = {function.__name__: function for function in (prelu, rrelu, maxout, crelu, softmax)}

__all__ = list(registry)  # noqa: PLE0605


def of(record: Activation) -> Callable[..., Tensor]:
    """Return the function of tensors of an activation, built in or made with `rectifiers.elementwise`."""
    if registry.get(record.name) is record and record.name in _OWN_SHAPE:
        return _OWN_SHAPE[record.name]
    return derive(record)


globals().update({name: of(record) for name, record in registry.items()})
