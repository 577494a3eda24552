"""Keep the scale of pre-activations: multiply the layer before each site."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from rectifiers.call_sites import Call, Interception, run, unchanged
from rectifiers.swapping._changes import Changes

__all__ = ["match", "measure"]

_LAYERS = (
    *(nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d),
    *(nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d),
    *(nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.GroupNorm, nn.LayerNorm),
)


def measure(model: nn.Module, example: Any) -> dict[str, float]:
    """Return the standard deviation of the input of every site, by its name."""
    found: dict[str, float] = {}

    def begin(call: Call, x: Tensor) -> None:
        found.setdefault(call.name, _deviation(x))

    with unchanged(model), torch.no_grad(), Interception(model, begin).installed():
        run(model, example)
    return found


def match(
    model: nn.Module,
    example: Any,
    wanted: Mapping[str, float],
    made: Mapping[str, nn.Module],
    changes: Changes,
) -> dict[str, float]:
    """Multiply the layer right before each site so that its input deviates as it did.

    Parameters
    ----------
    wanted : mapping of str to float
        From `measure`, before the swap.
    made : mapping of str to nn.Module
        What has been swapped. Other sites are matched, too, where they are modules.

    Returns
    -------
    dict
        By what the layer before each site was multiplied. A site that no layer of torch feeds right away, or
        one whose weight is shared, frozen or parametrized, is not there.
    """
    shared = Counter(id(p) for _, p in model.named_parameters(remove_duplicate=False))
    last: list[tuple[nn.Module, Tensor]] = []
    factors: dict[str, float] = {}
    done: set[nn.Module] = set()
    inside = {part for new in made.values() for part in new.modules()}

    def leave(layer: nn.Module, args: Any, output: Any) -> None:
        if isinstance(output, Tensor):
            last[:] = [(layer, output)]

    def scale(name: str, x: Tensor) -> None:
        if not last or last[0][1].data_ptr() != x.data_ptr() or last[0][0] in done or name not in wanted:
            return
        layer, now = last[0][0], _deviation(x)
        done.add(layer)
        parameters = dict(layer.named_parameters(recurse=False))
        free = all(shared[id(p)] == 1 and p.requires_grad for p in parameters.values())
        if not parameters or not free or parametrize.is_parametrized(layer) or not 0 < now < math.inf:
            return
        factors[name] = wanted[name] / now
        for parameter in parameters:
            changes.scale(layer, parameter, factors[name])
        x.mul_(factors[name])

    def begin(call: Call, x: Tensor) -> None:
        if call.module is not None and call.module not in inside:
            scale(call.name, x)

    def before(name: str) -> Any:
        return lambda _, args: scale(name, args[0])

    handles = [m.register_forward_hook(leave) for m in model.modules() if isinstance(m, _LAYERS)]
    handles += [new.register_forward_pre_hook(before(name)) for name, new in made.items()]
    try:
        with unchanged(model), torch.no_grad(), Interception(model, begin).installed():
            run(model, example)
    finally:
        for handle in handles:
            handle.remove()
    return factors


def _deviation(x: Tensor) -> float:
    return float(x.detach().float().std()) if x.numel() > 1 else 0.0
