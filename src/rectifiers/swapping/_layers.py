"""The layers beside the sites: those that an arm of another width would change, and those that scale."""

from __future__ import annotations

import itertools
import math
from collections import Counter, deque
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_hook
from torch.nn.utils import parametrize

from rectifiers.arms import Arm
from rectifiers.call_sites import Begin, Call, Interception, Site, Sites, deviation, run, unchanged
from rectifiers.swapping._changes import Changes

__all__ = ["match_scale", "would_change"]

_LAYERS = (
    *(nn.Linear, nn.GroupNorm, nn.LayerNorm),
    *(getattr(nn, f"{kind}{n}d") for kind in ("Conv", "ConvTranspose", "BatchNorm") for n in (1, 2, 3)),
)


def _along(model: nn.Module, example: Any, begin: Begin, behind: Any, also: Iterable[nn.Module] = ()) -> None:
    """Run a model and call back at every site, and behind every layer with it and its output."""
    layers = {module for module in model.modules() if isinstance(module, _LAYERS)}
    hook = register_module_forward_hook(lambda m, _, y: behind(m, y) if m in layers else None)
    with hook, unchanged(model), torch.no_grad(), Interception(model, begin, also).installed():
        run(model, example)


def would_change(model: nn.Module, arm: Arm, example: Any, sites: Iterable[Site]) -> str:
    """Return which layers run right behind each site, or right before it: where an arm changes the width."""
    names, order = {site.name for site in sites}, list[nn.Module | None]()  # None is a site

    def begin(call: Call, x: Tensor) -> None:
        if call.name in names:
            order.append(None)

    _along(model, example, begin, lambda layer, _: order.append(layer))
    if arm.outputs(840) < 840:
        order.reverse()
    beside = {layer for site, layer in itertools.pairwise(order) if site is None}
    return ", ".join(path for path, m in model.named_modules() if m in beside) or "layers beside the model"


def match_scale(
    model: nn.Module, example: Any, before: Sites, made: Iterable[nn.Module], changes: Changes
) -> dict[str, float]:
    """Multiply the layer right before each site so that its input deviates as it did; return the factors.

    `before` are the sites before the swap; they run in the same order behind it. A site that no layer of
    torch feeds right away, or one whose weight is shared, frozen or parametrized, has no factor.
    """
    shared = Counter(id(p) for _, p in model.named_parameters(remove_duplicate=False))
    last: deque[tuple[nn.Module, Tensor]] = deque(maxlen=1)
    factors: dict[str, float] = {}
    scaled: set[nn.Module] = set()
    seen: set[str] = set()
    waiting = iter(before)

    def begin(call: Call, x: Tensor) -> None:
        site = None if call.name in seen else next(waiting, None)
        seen.add(call.name)
        if site is None or not last or last[-1][1].data_ptr() != x.data_ptr() or last[-1][0] in scaled:
            return
        layer, now = last[-1][0], deviation(x)
        scaled.add(layer)
        parameters = dict(layer.named_parameters(recurse=False))
        free = all(shared[id(p)] == 1 and p.requires_grad for p in parameters.values())
        if parameters and free and not parametrize.is_parametrized(layer) and 0 < now < math.inf:
            factor = factors[site.name] = site.deviation / now
            for parameter in parameters:
                changes.scale(layer, parameter, factor)
            x.mul_(factor)

    _along(model, example, begin, lambda *layer: last.append(layer), made)
    return factors
