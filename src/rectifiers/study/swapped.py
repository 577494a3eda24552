"""The user's own model, built with the activations it has, as one that is built with an arm's."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from rectifiers.arms import Arm
from rectifiers.errors import ArgumentError, ArgumentTypeError
from rectifiers.swapping import swap_
from rectifiers.tasks._trees import Inputs, mapped

__all__ = ["SwappedModel", "patterns"]


def patterns(swap: Any, build: Callable[..., Any] | None) -> str:
    """Return what is swapped, as text; empty for nothing.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        If there is no model of the user's, or it takes an argument.
    """
    if swap is None:
        return ""
    if not isinstance(swap, str) or not swap.strip():
        raise ArgumentTypeError(f"swap is the name of an activation or a pattern of sites, but got {swap!r}")
    if build is None:
        raise ArgumentError("swap is for an own model: give model='package.module:build'")
    needed = [p.name for p in inspect.signature(build).parameters.values() if p.default is p.empty]
    if any(name not in ("args", "kwargs") for name in needed):
        raise ArgumentError(
            "with swap, build() makes the model as it is and takes no argument, but it takes "
            f"{', '.join(needed)}"
        )
    return swap.strip()


class SwappedModel:
    """Builds the user's model and puts an arm in the place of its activations.

    Parameters
    ----------
    build : callable
        Makes the model; takes nothing.
    swap : str
        Names of activations, or patterns of sites, with commas (`rectifiers.swap_`).
    samples : Tensor, or dictionary or tuple of tensors
        What the model is given; of numbers only the shape counts.
    """

    def __init__(self, build: Callable[[], Any], swap: str, samples: Inputs) -> None:
        generator = torch.Generator().manual_seed(0)

        def example(one: Tensor) -> Tensor:
            drawn = one.is_floating_point()
            return torch.randn(2, *one.shape[1:], generator=generator) if drawn else one[:2].clone()

        self._build, self._swap, self._example = build, swap, mapped(example, samples)

    def __call__(self, activation: Arm) -> Any:
        """Return the model with an arm's activations."""
        model = self._build()
        if isinstance(model, nn.Module):  # what else it is, the caller says
            swap_(model, activation, self._example, where=[part.strip() for part in self._swap.split(",")])
        return model
