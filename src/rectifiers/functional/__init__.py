"""Activations as functions of tensors, named, ordered and defaulted as in `torch.nn.functional`.

The functions of elementwise activations are derived from their records (`rectifiers.activations`); the
stub beside this file spells them out for editors and type checkers.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from rectifiers.activations import Activation, Gated, registry
from rectifiers.functional._axis import crelu, derive_gated, maxout, softmax
from rectifiers.functional._derived import derive

_AXIS: dict[str, Callable[..., Tensor]] = {f.__name__: f for f in (maxout, crelu, softmax)}
for _name, _function in _AXIS.items():
    _function.record = registry[_name]  # type: ignore[attr-defined]

__all__ = [*registry, "of"]


def is_registered(record: Activation) -> bool:
    """Whether an activation is one of the library's own."""
    return registry.get(record.name) is record


def of(record: Activation) -> Callable[..., Tensor]:
    """Return the function of tensors of an activation, built in or made with `rectifiers.elementwise`."""
    if isinstance(record, Gated):
        return derive_gated(record)
    return (_AXIS.get(record.name) if is_registered(record) else None) or derive(record)


globals().update({name: of(record) for name, record in registry.items()})
