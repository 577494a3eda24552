"""`init_`: weights that keep pre-activations at one scale through the depth."""

from __future__ import annotations

import contextlib
import copy
import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn.utils import parametrize

from rectifiers import nn
from rectifiers.activations import Activation
from rectifiers.call_sites import aligned, run, unchanged
from rectifiers.errors import ArgumentError
from rectifiers.initialization._gain import gain as gain_of
from rectifiers.initialization._neighbours import Place, neighbours

__all__ = ["Initialisation", "InitialisedLayer", "init_"]

_TRANSPOSED = (torch.nn.ConvTranspose1d, torch.nn.ConvTranspose2d, torch.nn.ConvTranspose3d)
_CONVOLUTIONS = (torch.nn.Conv1d, torch.nn.Conv2d, torch.nn.Conv3d, *_TRANSPOSED)
_LAYERS = (torch.nn.Linear, nn.MaxoutLinear, *_CONVOLUTIONS)
_LEFT: dict[type[torch.nn.Module], str] = {
    torch.nn.modules.linear.NonDynamicallyQuantizableLinear: "part of an attention",
    torch.nn.RNNBase: "recurrent",
    torch.nn.RNNCellBase: "recurrent",
    torch.nn.MultiheadAttention: "attention",
    **dict.fromkeys((torch.nn.Bilinear, torch.nn.Embedding, torch.nn.EmbeddingBag), "no fan-in"),
}


@dataclass(frozen=True)
class InitialisedLayer:
    """What was done to a layer.

    Attributes
    ----------
    name : str
        Its path in the model.
    done : str
        ``"drawn"``, or why it was left as it is.
    gain : float or None
        What its weights were drawn with.
    correction : float or None
        What data multiplied them by afterwards; None without an example.
    behind, before : str
        The activation whose outputs it sees, and the one that sees its outputs; empty where none was found.
    """

    name: str
    done: str
    gain: float | None = None
    correction: float | None = None
    behind: str = ""
    before: str = ""


@dataclass(frozen=True)
class Initialisation:
    """What `init_` did; printed, one line per layer.

    Attributes
    ----------
    layers : tuple of InitialisedLayer
        Drawn or left.
    digest : str
        SHA-256 (hex) of the draws before they are scaled: equal for two models that differ in gain alone.
    """

    layers: tuple[InitialisedLayer, ...]
    digest: str = field(repr=False)

    def __str__(self) -> str:
        if not self.layers:
            return "nothing to initialise: no linear or convolution layer"
        rows = []
        for layer in self.layers:
            gain, x = ("" if value is None else f"{value:.4g}" for value in (layer.gain, layer.correction))
            rows.append((layer.name or "(model)", layer.done, gain, x, layer.behind, layer.before))
        return aligned(("layer", "what was done", "gain", "x", "behind", "before"), rows)


def init_(
    module: torch.nn.Module,
    gain: float | str | Activation | torch.nn.Module | Callable[..., Any] | None = None,
    *,
    example: Any = None,
    mode: Literal["fan_in", "fan_out"] = "fan_in",
    generator: torch.Generator | None = None,
) -> Initialisation:
    """Draw the weights of linear and convolution layers from N(0, gain^2 / fan_in) and set their biases to 0.

    Parameters
    ----------
    module : torch.nn.Module
        Its linear, convolution and `MaxoutLinear` layers are initialised, in the order of `Module.modules`,
        through their parametrization (``weight_norm``) where they have one. Frozen layers, recurrent,
        bilinear and embedding layers are left as they are, and the result names them.
    gain : float, str, Activation, module or callable, optional
        Of the activation whose outputs the layers see, or the activation itself: ``init_(model, "relu")``. By
        default that of the activation each layer is behind: the last one called before it on the example, or
        without one the last module registered before it (functions cannot be seen); 1 behind a normalisation,
        and of the first layer, which sees standardised data.
    example : tensor, tuple of arguments or dict of keywords, optional
        Inputs of the model. Each layer is then corrected in the order in which they run, until its outputs
        have mean square 1 on the example (layer-sequential unit variance), whatever the activations are.
        Biases are 0.
    mode : {"fan_in", "fan_out"}, default "fan_in"
        Whether the scale of pre-activations is kept, or that of gradients.
    generator : torch.Generator, optional
        Source of the draws; the default generator if None. The same seed gives the same draws whatever the
        gains.

    Returns
    -------
    Initialisation
        What was done to each layer; printed, a table.

    Raises
    ------
    ArgumentError
        A gain is not positive and finite, a lazy layer has no weights yet, a layer's parametrization does not
        take the weights it is given (``orthogonal``, ``spectral_norm``), or a layer is constant on the
        example. The model is as before.
    UserCodeError
        The model raised on the example.

    Notes
    -----
    With an example the scale is kept on it whatever the activation; on other data it drifts with depth where
    variance 1 is not stable. Without an example it stays where variance 1 is a stable fixed point of the
    activation (ReLU and its relatives, SELU, ELU, tanh); it drifts over many layers for GELU, Mish, SiLU and
    Hardswish, where it is not.

    References
    ----------
    He, Zhang, Ren & Sun 2015, Delving deep into rectifiers. Mishkin & Matas 2016, All you need is a good
    init.
    """
    scale = gain if gain is None or isinstance(gain, int | float) else float(gain_of(gain))
    if not 0 < (1.0 if scale is None else scale) < math.inf:
        raise ArgumentError(f"`0 < gain < infinity` must hold, but got gain={scale!r}")
    if mode not in ("fan_in", "fan_out"):
        raise ArgumentError(f"`mode` is 'fan_in' or 'fan_out', but got {mode!r}")
    digest = hashlib.sha256()
    done: dict[str, InitialisedLayer] = {}
    drawn: dict[torch.nn.Module, str] = {}
    kept = [m for m in module.modules() if isinstance(m, tuple(_LEFT))]
    seen = {id(p) for m in kept for p in m.parameters()}
    # with a gain and no example nothing depends on activations: a study initialises thousands of models so
    places = {} if scale is not None and example is None else neighbours(module, _LAYERS, example)
    with contextlib.ExitStack() as restoring:  # unless all went well
        restoring.callback(module.load_state_dict, copy.deepcopy(module.state_dict()))
        for name, layer in module.named_modules():
            reason = _left(name, layer, seen)
            if reason is None:
                continue
            if reason:
                done[name] = InitialisedLayer(name, reason)
                continue
            weight: Tensor = layer.weight
            dtype = torch.float64 if weight.dtype == torch.float64 else torch.float32
            device = generator.device if generator is not None else None
            draws = torch.randn(weight.shape, dtype=dtype, device=device, generator=generator)
            digest.update(draws.cpu().numpy().tobytes())
            place = places.get(name, Place())
            first = not place.behind if scale is None else not any(row.gain for row in done.values())
            used = 1.0 if first else place.gain if scale is None else float(scale)
            _set(name, layer, draws * (used / math.sqrt(_fan(layer, weight, mode))))
            drawn[layer] = name
            done[name] = InitialisedLayer(name, "drawn", used, None, place.behind, place.before)
        corrections = {} if example is None else _correct(module, drawn, example)
        restoring.pop_all()
    for name, factor in corrections.items():
        done[name] = replace(done[name], correction=factor)
    return Initialisation(tuple(done.values()), digest.hexdigest())


def _left(name: str, layer: torch.nn.Module, seen: set[int]) -> str | None:
    """Return why a layer is left as it is, an empty text if it is drawn, None if it is no layer."""
    why = next((f"left: {why}" for kind, why in _LEFT.items() if isinstance(layer, kind)), None)
    if why or not isinstance(layer, _LAYERS):
        return why
    if any(isinstance(p, torch.nn.parameter.UninitializedParameter) for p in layer.parameters()):
        raise ArgumentError(
            f"{type(layer).__name__} has no weights yet: run one batch through the model before `init_`"
        )
    own = [p for p in layer.parameters() if p.dim() > 1 or parametrize.is_parametrized(layer)]
    if own and not any(p.requires_grad for p in own):
        return "left: frozen"
    if not (isinstance(layer.weight, torch.nn.Parameter) or parametrize.is_parametrized(layer, "weight")):
        raise ArgumentError(
            f"weights must be parameters, but those of {name!r} are computed by a hook: use "
            "torch.nn.utils.parametrizations, or freeze the layer to leave it as it is"
        )
    shared = [id(p) for p in own]
    if any(key in seen for key in shared):
        return "left: shares its weights with another layer"
    seen.update(shared)
    return ""


def _set(name: str, layer: torch.nn.Module, values: Tensor) -> None:
    """Set a layer's weights, through their parametrization if they have one, and its bias."""
    weight: Tensor = layer.weight  # type: ignore[assignment]
    values = values.to(weight)
    with torch.no_grad():
        if parametrize.is_parametrized(layer, "weight"):
            # what is not made to be set is told by the comparison below
            with contextlib.suppress(RuntimeError, ValueError, NotImplementedError, AttributeError):
                layer.weight = values
            if not torch.allclose(layer.weight, values, rtol=1e-3, atol=1e-6):  # type: ignore[arg-type]
                held = type(layer.parametrizations.weight[0]).__name__.strip("_")  # type: ignore[union-attr,index]
                raise ArgumentError(
                    f"weights must be free to be drawn, but {held} holds those of {name!r}: initialise the "
                    "model before, or freeze the layer to leave it as it is"
                )
        else:
            weight.copy_(values)
        if isinstance(layer.bias, Tensor) and layer.bias.requires_grad:
            layer.bias.zero_()


def _fan(layer: torch.nn.Module, weight: Tensor, mode: str) -> float:
    """Number of inputs that meet in one output, or of outputs that one input reaches; on average."""
    if isinstance(layer, _TRANSPOSED) == (mode == "fan_in"):
        groups, stride = (layer.groups, layer.stride) if isinstance(layer, _CONVOLUTIONS) else (1, (1,))
        return max(1.0, weight.shape[0] / groups * math.prod(weight.shape[2:]) / math.prod(stride))
    return max(1, math.prod(weight.shape[1:]))


def _correct(module: torch.nn.Module, drawn: dict[torch.nn.Module, str], example: Any) -> dict[str, float]:
    """Scale each layer, as the example reaches it, so that its outputs have mean square 1."""
    factors: dict[str, float] = {}

    def hook(layer: torch.nn.Module, inputs: Any, output: Tensor) -> Tensor | None:
        name = drawn[layer]
        if name in factors:  # called again: its weights are set
            return None
        size = float(output.detach().double().square().mean().sqrt())
        if not 0 < size < math.inf:
            raise ArgumentError(
                f"a layer must say something about the example, but the outputs of {name!r} are {size:g}"
            )
        bias = getattr(layer, "bias", None)
        if isinstance(bias, Tensor) and bias.any():  # frozen: not scaled along
            raise ArgumentError(f"the bias of {name!r} is frozen and not 0: the layer cannot be scaled")
        factors[name] = 1 / size
        _set(name, layer, layer.weight.detach() / size)  # type: ignore[operator]
        # not output / size, whose rounding unstable activations would amplify
        again: Tensor = layer.forward(*inputs)
        return again

    with contextlib.ExitStack() as hooks, unchanged(module), torch.no_grad():
        for layer in drawn:
            hooks.enter_context(layer.register_forward_hook(hook))
        run(module, example)
    return factors
