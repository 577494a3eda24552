"""Which activation a layer is behind, and which one is behind it."""

from __future__ import annotations

import contextlib
import functools
import re
from dataclasses import dataclass, replace
from typing import Any

import torch

from rectifiers.call_sites import Call, Interception, activation_of_module, run, unchanged
from rectifiers.errors import RectifiersError
from rectifiers.initialization._gain import gain

__all__ = ["Place", "neighbours"]

# torch's, and those of model libraries by the names they give them: LlamaRMSNorm, LayerNorm2d
_NORMALISATION = re.compile("(Batch|Instance|Layer|Group|RMS)Norm")


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
    # a layer's name and None, None and None for a normalisation, or an activation's name and itself
    events: list[tuple[str | None, Any]] = []
    names: dict[torch.nn.Module, str | None] = {
        m: None for m in model.modules() if _NORMALISATION.search(type(m).__name__)
    }
    names |= {m: name for name, m in model.named_modules() if isinstance(m, kinds)}
    if example is None:
        for module in model.modules():
            activation = None if list(module.children()) else activation_of_module(module)
            if module in names:
                events.append((names[module], None))
            elif activation is not None:
                events.append((activation, module))
        return _places(events)

    def begin(call: Call, x: Any) -> None:
        if call.module is not None and call.module in names:
            events.append((names[call.module], None))
        else:
            events.append((call.activation, call.module or call.function))

    with unchanged(model), torch.no_grad(), Interception(model, begin, also=names).installed():
        run(model, example)
    return _places(events)


def _places(events: list[tuple[str | None, Any]]) -> dict[str, Place]:
    places: dict[str, Place] = {}
    behind: tuple[str, Any] = ("", None)
    gain_of, latest = functools.cache(_gain), ""
    for name, activation in events:
        if name is None:  # what is normalised has mean square 1, whatever it was
            behind = ("", None)
        elif activation is not None:
            if latest:
                places[latest] = replace(places[latest], before=places[latest].before or name)
            behind, latest = (name, activation), ""
        elif name not in places:
            places[name] = Place(behind[0], gain=1.0 if behind[1] is None else gain_of(*behind))
            latest = name
    return places


def _gain(name: str, activation: Any) -> float:
    """Return the gain of what was called, or of what has its name; 1 where there is none: data correct it."""
    for known in (activation, name):
        with contextlib.suppress(RectifiersError, TypeError):  # made for other inputs, or on another device
            return float(gain(known))
    return 1.0
