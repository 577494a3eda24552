"""What a model is given: a tensor, or a dictionary, tuple or list of such, samples along axis 0."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sized
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor

from rectifiers.call_sites import mapped
from rectifiers.errors import ArgumentTypeError

__all__ = ["Inputs", "digest", "kind", "leaves", "mapped", "plain", "take", "tensor", "tensors"]

Inputs: TypeAlias = Any


def leaves(inputs: Inputs) -> list[Tensor]:
    """Return all tensors, in order."""
    found: list[Tensor] = []
    mapped(found.append, inputs)
    return found


def take(inputs: Inputs, chosen: Tensor | slice) -> Inputs:
    """Return some of the samples."""
    return mapped(lambda one: one[chosen], inputs)


def plain(inputs: Inputs) -> Inputs:
    """Return the inputs with floating point as float32; whole numbers and booleans stay what they are."""
    return mapped(lambda one: one.to(torch.float32) if one.is_floating_point() else one, inputs)


def tensor(value: Any, path: str) -> Tensor:
    """Return one tensor or array as a dense tensor on the CPU."""
    try:
        if not isinstance(value, Tensor):
            array = value.toarray() if hasattr(value, "toarray") else value  # a sparse one of scipy's
            value = torch.as_tensor(
                np.require(array, requirements="W")
            )  # those of pandas cannot be written to
        if value.is_complex():
            raise TypeError("complex")
    except (TypeError, ValueError) as error:
        raise ArgumentTypeError(
            f"{path}: data are tensors or arrays of real numbers, but got {type(value).__name__} ({error})"
        ) from None
    return value.detach().to_dense().cpu()  # type: ignore[no-any-return]


def tensors(value: Any, path: str) -> Inputs:
    """Return data as tensors: several in a dictionary or a tuple, one otherwise."""
    if isinstance(value, Mapping):
        return {key: tensors(part, path) for key, part in value.items()}
    if isinstance(value, tuple) and all(hasattr(x, "__array__") or isinstance(x, Mapping) for x in value):
        return tuple(tensors(x, path) for x in value)
    return tensor(value, path)


def digest(inputs: Inputs) -> str:
    """Return the SHA-256 (hex) over all tensors: their types, shapes and values."""
    found = hashlib.sha256()
    for one in leaves(inputs):
        found.update(f"{one.dtype} {tuple(one.shape)}\n".encode())
        found.update(one.contiguous().cpu().numpy().tobytes())
    return found.hexdigest()


def kind(value: Any) -> str:
    """Return the type of a value, for messages, and how many parts it has."""
    count = f" of {len(value)}" if isinstance(value, Sized) else ""
    return f"{type(value).__name__}{count}"
