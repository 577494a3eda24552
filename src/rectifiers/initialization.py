"""Gains and initialisation: weights that keep pre-activations at variance 1 through the depth.

An activation f turns pre-activations z ~ N(0, 1) into outputs with second moment E[f(z)^2]. A layer
behind it whose weights have variance ``gain^2 / fan_in`` with ``gain = 1 / sqrt(E[f(z)^2])`` makes
pre-activations of variance 1 again (He et al. 2015 for ReLU; here for any activation).
"""

from __future__ import annotations

import copy
import hashlib
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rectifiers import nn, vocabulary
from rectifiers.activations import Activation, Elementwise, registry
from rectifiers.errors import ArgumentError, ArgumentTypeError, UnknownNameError, UserCodeError

__all__ = ["gain", "init_"]

_LAYERS = (torch.nn.Linear, torch.nn.modules.conv._ConvNd, nn.MaxoutLinear)
_REACH = 16.0  # the normal density outside is below 1e-55
_DRAWS = 1 << 16
_WIDTH = 8
_HALVINGS = 48

_RECORDS: dict[type, Activation] = {
    kind: record
    for record in registry.values()
    for kind in (getattr(nn, record.title), getattr(torch.nn, record.title, None))
    if kind is not None
}


def gain(activation: str | Activation | torch.nn.Module | Callable[..., Any], **parameters: Any) -> float:
    """Return ``1 / sqrt(E[f(z)^2])`` for z ~ N(0, 1): the gain of the weights an activation feeds.

    Parameters
    ----------
    activation : str, Activation, torch.nn.Module, module class or callable
        A name of the registry, a record, a module of this library, of torch or your own, or a function of
        a float64 tensor.
    **parameters
        For a name, record or class: the arguments of its module, such as ``negative_slope=0.1`` or
        ``pieces=3``. For a function: passed on to it.

    Returns
    -------
    float
        sqrt(2) for ReLU and CReLU, sqrt(2 / (1 + a^2)) for LeakyReLU, 1 for SELU. RReLU counts its random
        slope, PReLU the average over its channels, Maxout the largest of `pieces` normal variables.

    Raises
    ------
    UnknownNameError
        Nothing is registered under that name.
    ArgumentError
        A parameter is outside its rule, or the activation has no gain: Softmax, whose outputs depend on
        each other, and functions whose second moment is zero or infinite.
    UserCodeError
        Your own module or function raised.

    Notes
    -----
    By adaptive Gauss-Legendre quadrature, to about 12 digits. Your own module that is not element by element,
    or is random, is averaged over 65536 fixed normal draws (0.5 %).

    `torch.nn.init.calculate_gain` knows six names, and 3/4 for SELU, which breaks its self-normalisation.

    Examples
    --------
    >>> from rectifiers import gain
    >>> round(gain("leaky_relu", negative_slope=1 / 5.5), 4)
    1.3914
    """
    if isinstance(activation, str):
        if activation not in registry:
            raise UnknownNameError.of("activation", activation, registry)
        activation = registry[activation]
    if isinstance(activation, Activation):
        parameters = {("init" if key == "weight" else key): value for key, value in parameters.items()}
        activation = _made(activation, parameters)
    elif isinstance(activation, type) and issubclass(activation, torch.nn.Module):
        activation = activation(**parameters)
    elif isinstance(activation, torch.nn.Module) and parameters:
        raise ArgumentTypeError(f"a module has its parameters already, got {next(iter(parameters))!r}")
    if isinstance(activation, torch.nn.Module):
        moment = _of_module(activation)
    elif callable(activation):
        moment = _of_unknown(activation, parameters)
    else:
        raise ArgumentTypeError(f"an activation is a name, record, module or function, got {activation!r}")
    if not 0 < moment < math.inf:
        raise ArgumentError(f"a gain needs 0 < E[f(z)^2] < infinity, but it is {moment:.6g}")
    return 1 / math.sqrt(moment)


def _made(record: Activation, parameters: dict[str, Any]) -> torch.nn.Module:
    if record.name == "softmax":
        raise ArgumentError("softmax has no gain: its outputs depend on each other")
    return nn.of(record)(**parameters)


def _of_module(module: torch.nn.Module) -> float:
    """Return E[f(z)^2] of a module, by its record where it is known."""
    record = _RECORDS.get(type(module), getattr(module, "record", None))
    name = None if record is None else record.name
    if name == "softmax":
        raise ArgumentError("softmax has no gain: its outputs depend on each other")
    if name == "crelu":
        return 0.5  # per output; there are twice as many
    if name == "maxout":
        return _of_largest(int(module.pieces))  # type: ignore[arg-type]
    if name == "rrelu":
        return 0.5 * (1 + _mean_square_slope(module))
    if name == "prelu":
        slopes = torch.as_tensor(module.weight).detach().double()
        return 0.5 * (1 + float(slopes.square().mean()))
    if isinstance(record, Elementwise) and not list(module.parameters()):
        known = record
        values = [getattr(module, key) for key in record.parameters]
        return _expect(lambda z: known.f(z, *values) ** 2)
    return _of_unknown(module, {})


def _mean_square_slope(module: Any) -> float:
    """Return E[r^2] of an RReLU: r ~ U(lower, upper), or r = 1 / a with a ~ U(divisors)."""
    if (divisors := getattr(module, "divisors", None)) is not None:
        return float(1 / (divisors[0] * divisors[1]))
    low, high = module.lower, module.upper
    return float((low * low + low * high + high * high) / 3)


def _of_largest(pieces: int) -> float:
    """Return the second moment of the largest of k standard normal variables: E[z^2 k Phi(z)^(k-1)]."""

    def weighted(z: NDArray[np.float64]) -> NDArray[np.float64]:
        below: NDArray[np.float64] = 0.5 * vocabulary.erfc(-z * math.sqrt(0.5))
        return z * z * pieces * below ** (pieces - 1)

    return _expect(weighted)


def _of_unknown(function: Callable[..., Any], parameters: dict[str, Any]) -> float:
    """Return E[f(z)^2] of something only known by calling it."""
    width = _WIDTH
    if isinstance(function, torch.nn.Module):
        function = copy.deepcopy(function).double()  # the caller's module stays as it is
        width = max((p.shape[0] for p in function.parameters() if p.dim() and p.shape[0] > 1), default=_WIDTH)

    def apply(z: Tensor) -> Tensor:
        try:
            with torch.no_grad():
                result = function(z, **parameters)
        except Exception as error:  # the function is the user's
            name = getattr(function, "__name__", type(function).__name__)
            raise UserCodeError(f"{name} raised {type(error).__name__}: {error}") from error
        return torch.as_tensor(result).to(torch.float64)

    generator = torch.Generator().manual_seed(0)
    draws = torch.randn(_DRAWS // width, width, generator=generator, dtype=torch.float64)
    if not _acts_elementwise(apply, draws[:4]):
        return float(apply(draws).square().mean())

    def mean_square(z: NDArray[np.float64]) -> NDArray[np.float64]:
        columns = torch.from_numpy(z.reshape(-1, 1)).expand(-1, width).clone()
        mean: NDArray[np.float64] = apply(columns).square().mean(dim=1).numpy()
        return mean.reshape(z.shape)

    return _expect(mean_square)


def _acts_elementwise(apply: Callable[[Tensor], Tensor], x: Tensor) -> bool:
    """Whether outputs stay when the inputs of another row and another column change."""
    moved = x.clone()
    moved[0] += 1
    moved[:, 0] += 1
    before, after = apply(x), apply(moved)
    return before.shape == x.shape and torch.equal(before[1:, 1:], after[1:, 1:])


def _expect(function: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> float:
    """Return E[function(z)], z ~ N(0, 1).

    Gauss-Legendre panels are halved until both halves agree with the whole, so that kinks and jumps are
    closed in on wherever they are.
    """
    nodes, weights = np.polynomial.legendre.leggauss(12)
    edges = np.linspace(-_REACH, _REACH, 65)

    def panels(low: NDArray[np.float64], high: NDArray[np.float64]) -> NDArray[np.float64]:
        half = (high - low)[:, np.newaxis] / 2
        z = low[:, np.newaxis] + half * (1 + nodes)
        with np.errstate(all="ignore"):
            values = function(z) * np.exp(-0.5 * z * z) / math.sqrt(2 * math.pi)
        sums: NDArray[np.float64] = (half * weights * values).sum(axis=1)
        return sums

    low, high = edges[:-1], edges[1:]
    whole = panels(low, high)
    tolerance = 1e-15 * float(np.abs(whole).sum())
    total = 0.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        left, right = panels(low, middle), panels(middle, high)
        open_ = np.abs(left + right - whole) > tolerance
        total += float((left + right)[~open_].sum())
        if not open_.any():
            return total
        low, high = (np.concatenate((a[open_], b[open_])) for a, b in ((low, middle), (middle, high)))
        whole = np.concatenate((left[open_], right[open_]))
    return total + float(whole.sum())


def init_(
    module: torch.nn.Module,
    gain: float = 1.0,
    *,
    generator: torch.Generator | None = None,
    first_gain: float = 1.0,
) -> str:
    """Draw all weights of a model from N(0, gain^2 / fan_in) and set all biases to 0.

    Parameters
    ----------
    module : torch.nn.Module
        Its linear, convolution and `MaxoutLinear` layers are initialised, in the order of `Module.modules`;
        everything else stays as it is.
    gain : float, default 1.0
        Of the activation whose outputs the layers see (`rectifiers.gain`).
    generator : torch.Generator, optional
        Source of the draws; the default generator if None. The same seed gives the same draws whatever the
        gains.
    first_gain : float, default 1.0
        Of the first layer, which sees standardised data and not an activation.

    Returns
    -------
    str
        SHA-256 (hex) of the draws before they are scaled: equal for two models that differ in gain alone.

    Raises
    ------
    ArgumentError
        A gain is not positive and finite, or a lazy layer has no weights yet.
    """
    for name, value in {"gain": gain, "first_gain": first_gain}.items():
        if not 0 < value < math.inf:
            raise ArgumentError(f"`0 < {name} < infinity` must hold, but got {name}={value!r}")
    digest = hashlib.sha256()
    scale = first_gain
    for layer in module.modules():
        if not isinstance(layer, _LAYERS):
            continue
        weight = layer.weight
        if isinstance(weight, torch.nn.parameter.UninitializedParameter):
            raise ArgumentError(
                f"{type(layer).__name__} has no weights yet: run one batch through the model before `init_`"
            )
        assert isinstance(weight, Tensor)
        dtype = torch.float64 if weight.dtype == torch.float64 else torch.float32
        device = generator.device if generator is not None else None
        draws = torch.randn(weight.shape, dtype=dtype, device=device, generator=generator)
        digest.update(draws.cpu().numpy().tobytes())
        with torch.no_grad():
            weight.copy_(draws * (scale / math.sqrt(_fan_in(layer, weight))))
            if isinstance(layer.bias, Tensor):
                layer.bias.zero_()
        scale = gain
    return digest.hexdigest()


def _fan_in(layer: torch.nn.Module, weight: Tensor) -> float:
    """Number of inputs that meet in one output; on average over the outputs of a transposed convolution."""
    if isinstance(layer, torch.nn.modules.conv._ConvTransposeNd):
        return weight.shape[0] / layer.groups * math.prod(weight.shape[2:]) / math.prod(layer.stride)
    return max(1, math.prod(weight.shape[1:]))
