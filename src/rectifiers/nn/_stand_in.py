"""Classes that stand for torch's of the same name."""

from __future__ import annotations

__all__ = ["StandIn"]


class StandIn(type):
    """The type of a module class that equals torch's class `_stands_for`.

    Tools of torch know by its class what a module is: `torch.ao.quantization.fuse_modules` looks up the
    classes of a convolution, a normalisation and a ReLU. A subclass is another class, as one of torch's is.
    """

    def __eq__(cls, other: object) -> bool:
        return other is cls or (other is not None and other is vars(cls).get("_stands_for"))

    def __hash__(cls) -> int:
        return type.__hash__(vars(cls).get("_stands_for", cls))
