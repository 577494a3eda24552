"""What model libraries hand over when they ask for an activation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from torch import nn

from rectifiers.arms._making import CHANNEL_PARAMETERS
from rectifiers.errors import ArgumentError, ArgumentTypeError, one_line

__all__ = ["Request"]


class Request(NamedTuple):
    """What an arm was called with: `channels` is 1 where the caller does not say it."""

    channels: int
    inplace: bool
    factory: dict[str, Any]

    @classmethod
    def of(cls, label: str, channels: Any, contract: Mapping[str, Any]) -> Request:
        """Read the arguments of a call.

        Raises
        ------
        ArgumentError
            For an argument no arm has, or a number of features below 1.
        ArgumentTypeError
            For a number of features that is none.
        """
        given = dict(contract)
        named = {name: given.pop(name) for name in CHANNEL_PARAMETERS if name in given}
        counts = [count for count in (channels, *named.values()) if count is not None]
        inplace = bool(given.pop("inplace", False))
        factory = {name: given.pop(name) for name in ("device", "dtype") if given.get(name) is not None}
        if unknown := [name for name, value in given.items() if name not in ("device", "dtype")]:
            raise ArgumentError(
                f"arm {label!r} takes the number of features, inplace, device and dtype, but was handed "
                f"{unknown[0]}={one_line(given[unknown[0]], 60)}: write it into the arm, or leave it out of "
                "the model"
            )
        if len(set(map(str, counts))) > 1:
            raise ArgumentError(f"arm {label!r} takes one number of features, but was handed {counts}")
        count = counts[0] if counts else 1
        if isinstance(count, bool) or not hasattr(count, "__index__") or hasattr(count, "shape"):
            raise ArgumentTypeError(
                f"arm {label!r} makes a module for a number of features, but was handed "
                f"{type(count).__name__}"
                ": call it first, and the module it returns on the tensor"
            )
        if count < 1:
            raise ArgumentError(f"arm {label!r} needs at least one feature, but was handed {count}")
        return cls(int(count), inplace, factory)

    def applied(self, module: nn.Module) -> nn.Module:
        """Return a module as it was asked for; one that has no in-place form does without."""
        if self.inplace and isinstance(getattr(module, "inplace", None), bool):
            vars(module)["inplace"] = True
        return module.to(**self.factory) if self.factory else module
