"""Activations that change the number of features: the next or the last layer is widened with them."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.overrides import TorchFunctionMode

from rectifiers.arms import Arm
from rectifiers.call_sites import Call, End, Interception, Site, run, unchanged
from rectifiers.errors import ArgumentError
from rectifiers.swapping._changes import Changes
from rectifiers.swapping._make import make

__all__ = ["Around", "around_of", "layers", "widen"]

_LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
# What hands features on, each in its place: a layer behind it is still the next.
_POOLS = ("max", "avg", "adaptive_avg", "adaptive_max")
_PASSES = frozenset(
    (
        *("flatten", "dropout", "dropout1d", "dropout2d", "dropout3d", "contiguous"),
        *(f"{kind}_pool{n}d" for kind in _POOLS for n in (1, 2, 3)),
    )
)
_READS = frozenset(("__get__", "size", "dim", "stride", "numel", "is_floating_point", "__len__"))


class Around(TorchFunctionMode):
    """Follows the input of a site back to the layer that made it, and its output to the one that takes it."""

    def __init__(self, model: nn.Module, site: Site) -> None:
        super().__init__()
        self.before: nn.Module | None = None
        self.after: list[nn.Module | str] = []
        self._site, self._model = site, model
        self._outputs: list[Tensor] = []  # of the site, and what hands it on
        self._layers: list[nn.Module] = []
        self._last: tuple[nn.Module, Tensor] | None = None
        self.inside = False

    def begin(self, call: Call, x: Tensor) -> End | None:
        if call.name != self._site.name or self._outputs:
            return None
        if self._last is not None and self._last[1] is x:
            self.before = self._last[0]
        self.inside = True

        def end(output: Any) -> None:
            self.inside = False
            self._outputs.append(output)

        return end

    def enter(self, layer: nn.Module, args: Any) -> None:
        self._layers.append(layer)
        if args and any(args[0] is y for y in self._outputs):
            self.after.append(layer)

    def leave(self, layer: nn.Module, args: Any, output: Any) -> None:
        self._layers.pop()
        if isinstance(output, Tensor):
            self._last = layer, output

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        output = func(*args, **(kwargs or {}))
        name = getattr(func, "__name__", "")
        given = [*args, *(kwargs or {}).values()]
        flat = [v for value in given for v in (value if isinstance(value, tuple | list) else (value,))]
        if (
            self.inside
            or self._layers
            or name in _READS
            or not any(v is y for v in flat for y in self._outputs)
        ):
            return output
        if name.removesuffix("_with_indices") in _PASSES and isinstance(output, Tensor):
            self._outputs.append(output)
        else:
            self.after.append(name)
        return output


def around_of(model: nn.Module, example: Any, site: Site) -> Around:
    """Return what is around a site, in a run on the example."""
    around = Around(model, site)
    handles = []
    for module in model.modules():
        if isinstance(module, _LAYERS):
            handles += [
                module.register_forward_pre_hook(around.enter),
                module.register_forward_hook(around.leave),
            ]
    try:
        with unchanged(model), torch.no_grad(), around, Interception(model, around.begin).installed():
            run(model, example)
    finally:
        for handle in handles:
            handle.remove()
    return around


def layers(model: nn.Module, arm: Arm, surroundings: Mapping[str, Around]) -> str:
    """Return which layers would have to change, as text."""
    paths = {module: path for path, module in model.named_modules()}
    found: dict[str, None] = {}
    for name, around in surroundings.items():
        for layer in around.after if _grows(arm) else [around.before or f"the layer before {name}"]:
            found[layer if isinstance(layer, str) else paths[layer]] = None
    return ", ".join(found) or "the output"


def _grows(arm: Arm) -> bool:
    return arm.outputs(840) > 840


def widen(model: nn.Module, arm: Arm, site: Site, around: Around, changes: Changes) -> nn.Module:
    """Widen the layer around a site and return the module that takes its place.

    Raises
    ------
    ArgumentError
        If that layer is none of `torch.nn.Linear` and ``Conv1d`` to ``Conv3d``, or is not the only one.
    """
    paths = {module: path for path, module in model.named_modules()}
    grows = _grows(arm)
    targets = around.after if grows else [around.before]
    which = "next" if grows else "last"
    if site.channels is None or site.axis is None:
        raise ArgumentError(f"{arm.label} needs an axis of features, but at {site.name!r} it cannot be known")
    if len(targets) != 1 or not isinstance(targets[0], _LAYERS) or parametrize.is_parametrized(targets[0]):
        listed = ", ".join(t if isinstance(t, str) else paths[t] for t in targets if t is not None) or "none"
        raise ArgumentError(
            f"{arm.label} changes the number of features: the {which} layer of {site.name!r} must be one "
            "linear or "
            f"convolution layer right beside it, but found {listed}"
        )
    layer = targets[0]
    new = _wider_input(layer, site, arm) if grows else _wider_output(layer, arm)
    parent, _, name = paths[layer].rpartition(".")
    channels = site.channels if grows else arm.inputs(site.channels)
    module = make(arm, dataclasses.replace(site, channels=channels), model)
    changes.child(model.get_submodule(parent), name, new)
    return module


def _wider_input(layer: Any, site: Site, arm: Arm) -> Any:
    """Return a layer that takes the features after which others come, whose weights are 0."""
    assert site.channels is not None
    times = arm.outputs(site.channels) // site.channels
    had = layer.weight.shape[1]
    if getattr(layer, "groups", 1) != 1 or had % site.channels or (had != site.channels and site.axis != 1):
        raise ArgumentError(
            f"{arm.label} at {site.name!r} needs a next layer that takes its {site.channels} features in "
            "their order, "
            f"but {layer} does not"
        )
    new: Any = copy.deepcopy(layer)
    zeros = torch.zeros_like(layer.weight)
    new.weight = nn.Parameter(torch.cat([layer.weight.detach(), *[zeros] * (times - 1)], 1))
    if isinstance(layer, nn.Linear):
        new.in_features = times * had
    else:
        new.in_channels = times * had
    return new


def _wider_output(layer: Any, arm: Arm) -> Any:
    """Return a layer that makes so many pieces of each feature; the weights of all but the first are 0."""
    if getattr(layer, "groups", 1) != 1:
        raise ArgumentError(f"{arm.label} needs a last layer of one group, but got {layer}")
    had = layer.weight.shape[0]
    pieces = arm.inputs(had) // had
    strided = arm.arguments.get("grouping") == "strided"
    new: Any = copy.deepcopy(layer)
    for name, tensor in layer.named_parameters():
        blocks = torch.zeros(pieces, *tensor.shape, dtype=tensor.dtype, device=tensor.device)
        blocks[0] = tensor.detach()
        wide = blocks if strided else blocks.transpose(0, 1)
        setattr(new, name, nn.Parameter(wide.reshape(pieces * had, *tensor.shape[1:])))
    if isinstance(layer, nn.Linear):
        new.out_features = pieces * had
    else:
        new.out_channels = pieces * had
    return new
