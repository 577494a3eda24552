"""The models: an mlp and a cnn whose activation is an arm, and the user's own."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Literal

import torch
from torch import nn

from rectifiers.arms import Arm, load_object, user_code
from rectifiers.errors import ArgumentError, UnknownNameError, UserCodeError
from rectifiers.tasks._trees import Inputs, mapped

__all__ = ["NAMES", "build", "count_parameters", "match_width", "own"]

_CONVOLUTIONS: dict[int, tuple[type[nn.Module], type[nn.Module], type[nn.Module]]] = {
    1: (nn.Conv1d, nn.MaxPool1d, nn.BatchNorm1d),
    2: (nn.Conv2d, nn.MaxPool2d, nn.BatchNorm2d),
}
_SHORT_SIDE = 8  # pooling halves until the shorter side is below it


def build(
    name: str,
    *,
    input_shape: Sequence[int],
    outputs: int,
    activation: Arm,
    width: int,
    depth: int,
    norm: str = "none",
) -> nn.Module:
    """Build a model by name.

    Parameters
    ----------
    name : {"mlp", "cnn"}
    input_shape : sequence of int
        Shape of one sample.
    outputs : int
        Numbers it puts out per sample.
    activation : Arm
        Makes the activation of each hidden layer.
    width : int
        Units (mlp) or channels (cnn) of a hidden layer, counted before a CReLU doubles them and after a
        Maxout has taken the largest of its pieces.
    depth : int
        Number of hidden layers.
    norm : {"none", "batch"}
        Normalisation between the weights and the activation.

    Returns
    -------
    nn.Module
        Maps ``(n, *input_shape)`` to ``(n, outputs)``. Its initial weights are torch's.
    """
    if name not in _BUILDERS:
        raise UnknownNameError.of("model", name, _BUILDERS)
    for key, value in (("width", width), ("depth", depth)):
        if value < 1:
            raise ArgumentError(f"`{key} >= 1` must hold, but got {key}={value}")
    if norm not in ("none", "batch"):
        raise UnknownNameError.of("norm", norm, ("none", "batch"))
    return _BUILDERS[name](tuple(input_shape), outputs, activation, width, depth, norm == "batch")


def _mlp(
    shape: tuple[int, ...], outputs: int, activation: Arm, width: int, depth: int, batch_norm: bool
) -> nn.Module:
    layers: list[nn.Module] = [nn.Flatten()]
    features = math.prod(shape)
    pre = activation.inputs(width)
    for _ in range(depth):
        layers.append(nn.Linear(features, pre, bias=not batch_norm))
        if batch_norm:
            layers.append(nn.BatchNorm1d(pre))
        layers.append(activation(pre))
        features = activation.outputs(pre)
    return nn.Sequential(*layers, nn.Linear(features, outputs))


def _cnn(
    shape: tuple[int, ...], outputs: int, activation: Arm, width: int, depth: int, batch_norm: bool
) -> nn.Module:
    channels, *sides = shape
    if len(sides) not in _CONVOLUTIONS:
        raise ArgumentError(
            "model 'cnn' needs samples of shape (channels, length) or (channels, height, width), "
            f"but these have shape {shape}: use model 'mlp'"
        )
    convolution, pooling, normalisation = _CONVOLUTIONS[len(sides)]
    halvings = (min(sides) // _SHORT_SIDE).bit_length()
    pre = activation.inputs(width)
    layers: list[nn.Module] = []
    for layer in range(depth):
        layers.append(convolution(channels, pre, 3, padding=1, bias=not batch_norm))
        if batch_norm:
            layers.append(normalisation(pre))
        layers.append(activation(pre))
        channels = activation.outputs(pre)
        # halvings spread evenly over the layers, the earlier ones first
        due = math.ceil((layer + 1) * halvings / depth) - math.ceil(layer * halvings / depth)
        if due:
            layers.append(pooling(2**due))
            sides = [side // 2**due for side in sides]
    model = nn.Sequential(*layers, nn.Flatten(), nn.Linear(channels * math.prod(sides), outputs))
    if len(sides) == 2:  # 20 to 40 % less time per step on a CPU
        model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return model


_Builder = Callable[[tuple[int, ...], int, Arm, int, int, bool], nn.Module]
_BUILDERS: dict[str, _Builder] = {"mlp": _mlp, "cnn": _cnn}
NAMES = tuple(_BUILDERS)


def count_parameters(model: nn.Module) -> int:
    """Return how many numbers a model learns."""
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)


class _OnCpu:
    """An arm whose modules are made on the CPU, although the layers around them have no memory."""

    def __init__(self, arm: Arm) -> None:
        self._arm = arm
        self.inputs, self.outputs = arm.inputs, arm.outputs

    def __call__(self, channels: int) -> nn.Module:
        with torch.device("cpu"), torch.random.fork_rng(devices=[]):
            return self._arm(channels)


def match_width(
    name: str,
    arm: Arm,
    control: Arm,
    *,
    width: int,
    match: Literal["parameters", "width"] = "parameters",
    **shape: Any,
) -> int:
    """Return the width at which a model with `arm` is as large as one of `width` with `control`.

    Arms that keep the number of features keep `width`, so that their initial weights can be the control's;
    the few slopes PReLU learns change nothing. For CReLU and Maxout of k pieces the width is searched whose
    number of parameters comes nearest: about width / sqrt 2 and width / sqrt k between equal hidden layers.

    Parameters
    ----------
    name : {"mlp", "cnn"}
    arm, control : Arm
    width, **shape
        As for `build`.
    match : {"parameters", "width"}
        ``"width"`` keeps the number of units instead, whatever the parameters.
    """
    if match == "width" or (arm.keeps_width and control.keeps_width):
        return width

    def parameters(candidate: Arm, units: int) -> int:
        with torch.device("meta"):  # shapes without memory
            model = build(name, activation=_OnCpu(candidate), width=units, **shape)  # type: ignore[arg-type]
        return count_parameters(model)

    wanted = parameters(control, width)
    low, high = 1, 2
    while parameters(arm, high) < wanted:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if parameters(arm, middle) <= wanted else (low, middle)
    return min((low, high), key=lambda units: abs(parameters(arm, units) - wanted))


def own(
    path: str,
    activation: Arm,
    *,
    function: Callable[..., Any] | None = None,
    example: Inputs = None,
) -> nn.Module:
    """Build the user's own model: ``build(activation)``, where ``activation(channels)`` makes a module.

    Parameters
    ----------
    path : str
        ``package.module:build`` or ``path/to/file.py:build``.
    activation : Arm
        What `build` receives; ``activation.outputs(channels)`` tells how many features leave it.
    function : callable, optional
        What the path leads to, where that is known already.
    example : Tensor, or dictionary or tuple of tensors, optional
        Two samples, from which lazy layers (`torch.nn.LazyLinear`) take their shapes: they draw their
        weights now.

    Raises
    ------
    ImportPathError
        If the path leads nowhere.
    UserCodeError
        If `build` raises or does not return a module, or lazy layers do not fit the example.
    """
    function = load_object(path) if function is None else function
    with user_code(f"{path} with arm {activation.label!r}"):
        model = function(activation)
    if not isinstance(model, nn.Module):
        raise UserCodeError(f"{path} must return a torch.nn.Module, but returned {type(model).__name__}")
    if example is not None:
        shapes = mapped(lambda one: tuple(one.shape[1:]), example)
        with user_code(f"the model of {path} on samples of shape {shapes}"):
            _give_shapes(model, example)
    if lazy := _lazy(model):
        raise UserCodeError(f"each layer of a model must have a shape, but {lazy[0]} of {path} has none yet")
    return model


def _lazy(model: nn.Module) -> list[str]:
    named = [*model.named_parameters(), *model.named_buffers()]
    return [name for name, tensor in named if nn.parameter.is_lazy(tensor)]


def _give_shapes(model: nn.Module, example: Inputs) -> None:
    """Let lazy layers take their shapes from a batch of zeros; nothing else changes."""
    if _lazy(model):
        modes = {module: module.training for module in model.modules()}
        with torch.no_grad():
            model.eval()(example)
        for module in model.modules():
            module.training = modes[module]
