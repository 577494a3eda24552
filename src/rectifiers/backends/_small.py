"""The shortest way for small tensors, where what a call costs is all there is to save."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from rectifiers.activations import Elementwise
from rectifiers.backends._torch import Execute

__all__ = ["small_executor"]


def small_executor(record: Elementwise, plain: Execute) -> Execute:
    """Return what applies an activation to a tensor that is too small for kernels."""

    def execute(input: Tensor, values: tuple[Any, ...], inplace: bool = False) -> Tensor:
        return plain(input, values, inplace)

    return plain if record else execute
