"""Which activation a layer is behind, and which one is behind it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch

from rectifiers.activations import registry
from rectifiers.call_sites import Call, Interception, activation_of_module, run, unchanged
from rectifiers.errors import ArgumentError, UserCodeError
from rectifiers.initialization._gain import gain

__all__ = ["Place", "neighbours"]


@dataclass(frozen=True)
class Place:
    """Of a layer: the activations beside it, and the gain of the one it is behind."""

    behind: str = ""
    before: str = ""
    gain: float = 1.0


def neighbours(
    model: torch.nn.Module, kinds: tuple[type[torch.nn.Module], ...], example: Any
) -> dict[str, Place]:
    """Return the place of every layer, by its name.

    Parameters
    ----------
    model : nn.Module
    kinds : tuple of type
        Classes of layers.
    example : Any
        What the model runs on; None takes modules in the order in which they are registered.
    """
    events: list[tuple[str, Any]] = []  # a layer's name and None, or an activation's name and itself
    layers: dict[torch.nn.Module, str] = {
        m: name for name, m in model.named_modules() if isinstance(m, kinds)
    }
    if example is None:
        for module in model.modules():
            activation = None if list(module.children()) else activation_of_module(module)
            if module in layers:
                events.append((layers[module], None))
            elif activation is not None:
                events.append((activation, module))
        return _places(events)

    def begin(call: Call, x: Any) -> None:
        events.append((call.activation, call.module or call.activation))

    def enter(module: torch.nn.Module, args: Any) -> None:
        events.append((layers[module], None))

    handles = [layer.register_forward_pre_hook(enter) for layer in layers]
    try:
        with unchanged(model), torch.no_grad(), Interception(model, begin).installed():
            run(model, example)
    finally:
        for handle in handles:
            handle.remove()
    return _places(events)


def _places(events: list[tuple[str, Any]]) -> dict[str, Place]:
    places: dict[str, Place] = {}
    behind: tuple[str, Any] = ("", None)
    latest = ""
    for name, activation in events:
        if activation is not None:
            if latest:
                places[latest] = replace(places[latest], before=places[latest].before or name)
            behind, latest = (name, activation), ""
        elif name not in places:
            places[name] = Place(behind[0], gain=_gain(*behind))
            latest = name
    return places


def _gain(name: str, activation: Any) -> float:
    if activation is None:
        return 1.0
    if isinstance(activation, str) and name not in registry:
        activation = getattr(torch.nn.functional, name, None)
    try:
        return float(gain(activation))
    except (ArgumentError, UserCodeError, TypeError):  # softmax, or made for other inputs: data correct it
        return 1.0
