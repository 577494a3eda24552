"""Gains: how large weights must be behind an activation, and what a deep network does to its signal.

An activation f turns pre-activations z ~ N(0, 1) into outputs with second moment E[f(z)^2]. A layer
behind it whose weights have variance ``gain^2 / fan_in`` with ``gain = 1 / sqrt(E[f(z)^2])`` makes
pre-activations of variance 1 again (He et al. 2015 for ReLU; here for any activation).
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from rectifiers import nn
from rectifiers.activations import Activation, Gated, aliases, registry
from rectifiers.errors import ArgumentError, ArgumentTypeError, UnknownNameError, UserCodeError, error_line
from rectifiers.initialization._moments import Array, Measured, Moments, expect, largest

__all__ = ["Gain", "gain", "slope_of"]

_DRAWS = 1 << 16
_WIDTH = 8
_ITERATIONS = 2000
_SIGNS = torch.tensor([1.0, -1.0], dtype=torch.float64).repeat(_WIDTH // 2)

# of torch's modules, those that are random or not element by element
_OF_TORCH = {torch.nn.RReLU: registry["rrelu"], torch.nn.GLU: registry["glu"]}


class Gain(float):
    """A gain, as a number, with its error and what follows from it for a deep network.

    Weights of variance ``weight_std^2 / fan_in`` and biases of variance ``bias_std^2`` turn pre-activations
    of variance q into some of variance ``weight_std^2 E[f(sqrt(q) z)^2] + bias_std^2`` in the next layer.

    Attributes
    ----------
    error : float
        A bound on the error of the number.
    """

    error: float
    _moments: Moments

    def __new__(cls, moments: Moments) -> Gain:
        """Make the gain that keeps the second moment."""
        second = moments.square(1.0)
        if not 0 < second.value < math.inf:
            raise ArgumentError(f"a gain needs 0 < E[f(z)^2] < infinity, but it is {second.value:.6g}")
        made = super().__new__(cls, 1 / math.sqrt(second.value))
        made.error = float(made) * (0.5 * second.error / second.value + 2e-16)
        made._moments = moments
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the number alone: the activation may be anything."""
        return float, (float(self),)

    @property
    def deviation(self) -> float:
        """``1 / sqrt(Var[f(z)])``: the gain where normalisation takes the mean away."""
        variance = self._moments.square(1.0).value - self._moments.mean(1.0) ** 2
        return math.inf if variance <= 0 else 1 / math.sqrt(variance)

    def variance(self, weight_std: float | None = None, bias_std: float = 0.0) -> float:
        """Return the variance of pre-activations far from the input.

        Parameters
        ----------
        weight_std : float, optional
            sigma_w; the gain itself by default.
        bias_std : float, default 0.0
            sigma_b.

        Returns
        -------
        float
            The fixed point that variance 1 leads to; 0 or inf where it vanishes or explodes.
        """
        weight_std = float(self) if weight_std is None else weight_std
        q = 1.0
        for _ in range(_ITERATIONS):
            after = weight_std**2 * self._moments.square(math.sqrt(q)).value + bias_std**2
            if abs(after - q) <= 1e-10 * q:
                return q
            if not 1e-12 < after < 1e12:
                return 0.0 if after < 1 else math.inf
            q = after
        return q

    def chi(self, weight_std: float | None = None, bias_std: float = 0.0) -> float:
        """Return chi_1 = sigma_w^2 E[f'(sqrt(q) z)^2] at that variance: ordered below 1, chaotic above.

        It is what a gradient's variance, and the difference of two close inputs, is multiplied by per layer.
        """
        q = self.variance(weight_std, bias_std)
        if math.isinf(q):
            raise ArgumentError("chi_1 needs a variance that stays finite, but these weights make it explode")
        weight_std = float(self) if weight_std is None else weight_std
        return weight_std**2 * self._moments.slope_square(math.sqrt(max(q, 1e-12)))

    def correlation_length(self, weight_std: float | None = None, bias_std: float = 0.0) -> float:
        """Return the number of layers over which the difference of two close inputs changes by the factor e.

        ``1 / |ln chi_1|``, infinite at criticality (Schoenholz et al. 2017, for inputs that are nearly
        alike).
        """
        chi = self.chi(weight_std, bias_std)
        if chi == 0:
            return 0.0
        return math.inf if abs(math.log(chi)) < 1e-9 else 1 / abs(math.log(chi))

    def critical(self, variance: float = 1.0) -> tuple[float, float]:
        """Return (sigma_w, sigma_b) with chi_1 = 1 and this variance: a point of the critical line.

        Parameters
        ----------
        variance : float, default 1.0
            All of them together are the line. For ReLU and its piecewise linear relatives it is one point.

        Raises
        ------
        ArgumentError
            No bias gives this variance at criticality.
        """
        if not 0 < variance < math.inf:
            raise ArgumentError(f"`0 < variance < infinity` must hold, but got variance={variance!r}")
        scale = math.sqrt(variance)
        weight_variance = 1 / self._moments.slope_square(scale)
        bias_variance = variance - weight_variance * self._moments.square(scale).value
        if bias_variance < -1e-9 * variance:
            raise ArgumentError(f"the critical line does not reach variance {variance:g}: choose another one")
        small = bias_variance < 1e-9 * variance
        return math.sqrt(weight_variance), 0.0 if small else math.sqrt(bias_variance)


def gain(activation: str | Activation | torch.nn.Module | Callable[..., Any], **parameters: Any) -> Gain:
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
    Gain
        A float: sqrt(2) for ReLU and CReLU, sqrt(2 / (1 + a^2)) for LeakyReLU, 1 for SELU. RReLU counts its
        random slope, PReLU the average over its channels, Maxout the largest of `pieces` normal variables. It
        also has ``.error``, ``.deviation``, ``.chi()``, ``.correlation_length()`` and ``.critical()``.

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
    By adaptive Gauss-Legendre quadrature, to about 12 digits; ``.error`` is a bound. Your own module that is
    not element by element, or is random, is averaged over 65536 fixed normal draws, and the error is two
    standard errors.

    `torch.nn.init.calculate_gain` knows six names, and 3/4 for SELU, which breaks its self-normalisation.

    References
    ----------
    He, Zhang, Ren & Sun 2015, Delving deep into rectifiers. Poole et al. 2016, Exponential expressivity in
    deep neural networks through transient chaos. Schoenholz et al. 2017, Deep information propagation.

    Examples
    --------
    >>> from rectifiers import gain
    >>> round(gain("leaky_relu", negative_slope=1 / 5.5), 4)
    1.3914
    >>> round(gain("tanh").chi(), 3), gain("relu").critical()
    (1.178, (1.4142135623730951, 0.0))
    """
    if isinstance(activation, str):
        activation = aliases.get(activation, activation)
        if activation not in registry:
            raise UnknownNameError.of("activation", activation, registry)
        activation = registry[activation]
    if isinstance(activation, Activation):
        parameters = {("init" if key == "weight" else key): value for key, value in parameters.items()}
        activation = nn.of(activation)
    kind = activation if isinstance(activation, type) else type(activation)
    if issubclass(kind, torch.nn.Softmax):
        raise ArgumentError("softmax has no gain: its outputs depend on each other")
    if isinstance(activation, type) and issubclass(activation, torch.nn.Module):
        activation = activation(**parameters)
    elif isinstance(activation, torch.nn.Module) and parameters:
        raise ArgumentTypeError(f"a module has its parameters already, got {next(iter(parameters))!r}")
    if isinstance(activation, torch.nn.Module):
        return Gain(_of_module(activation))
    if callable(activation):
        return Gain(_of_unknown(activation, parameters))
    raise ArgumentTypeError(f"an activation is a name, record, module or function, got {activation!r}")


def _of_module(module: torch.nn.Module) -> Moments:
    """Return the moments of a module, by its record where it is random or not element by element."""
    own = type(module).__module__.startswith("rectifiers.")  # what inherits from it may act otherwise
    record = _OF_TORCH.get(type(module), getattr(module, "record", None) if own else None)
    name = None if record is None else record.name
    if name == "crelu":
        return _of_unknown(torch.relu, {})  # per output; there are twice as many
    if name == "maxout":
        return largest(int(module.pieces))  # type: ignore[arg-type]
    if isinstance(record, Gated):
        return _of_unknown(nn.of(record)(), {}, gated=True)
    if name == "rrelu":
        mean, deviation = _random_slope(module)
        slopes = mean + deviation * _SIGNS  # which have its mean and mean square
        return _of_unknown(lambda z: torch.where(z > 0, z, slopes * z), {})
    return _of_unknown(module, {})


def _random_slope(module: Any) -> tuple[float, float]:
    """Return the mean and deviation of the slope r of an RReLU: uniform, or 1 / a with a uniform."""
    if (divisors := getattr(module, "divisors", None)) is not None:
        low, high = divisors
        mean = 1 / low if low == high else math.log(high / low) / (high - low)
        return mean, math.sqrt(max(0.0, 1 / (low * high) - mean**2))
    return (module.lower + module.upper) / 2, (module.upper - module.lower) / math.sqrt(12)


def _of_unknown(function: Callable[..., Any], parameters: dict[str, Any], gated: bool = False) -> Moments:
    """Return the moments of something only known by calling it.

    Where it multiplies the first half of its inputs by a gate of the other, 1 and -1 stand for the first:
    they have mean and mean square of a normal variable.
    """
    width = _WIDTH
    if isinstance(function, torch.nn.Module):
        function = copy.deepcopy(function).to("cpu", torch.float64)  # the caller's module stays as it is
        width = max((p.shape[0] for p in function.parameters() if p.dim() and p.shape[0] > 1), default=_WIDTH)

    def call(z: Tensor) -> Tensor:
        try:
            result = function(z, **parameters)
        except Exception as error:  # the function is the user's
            name = getattr(function, "__name__", type(function).__name__)
            raise UserCodeError(f"{name} raised {error_line(error)}") from error
        return torch.as_tensor(result).to(torch.float64)

    @torch.no_grad()
    def apply(z: Tensor) -> Tensor:
        return call(z.clone())  # it may overwrite its input

    def by_quadrature(of: Callable[[Tensor], Tensor]) -> Measured:
        def average(z: Array) -> Array:
            columns = torch.from_numpy(z.reshape(-1, 1)).repeat(1, width)
            if gated:
                columns[:, : width // 2] = _SIGNS[: width // 2]
            return of(columns).mean(dim=1).numpy().reshape(z.shape)

        return expect(average)

    def over_draws(of: Callable[[Tensor], Tensor]) -> Measured:
        """Within two standard errors over rows."""
        means = of(draws).flatten(1).mean(dim=1)
        return Measured(float(means.mean()), 2 * float(means.std()) / math.sqrt(len(means)))

    generator = torch.Generator().manual_seed(0)
    draws = torch.randn(_DRAWS // width, width, generator=generator, dtype=torch.float64)
    outputs = apply(draws[:4]).numel() / 4

    def squared_slopes(z: Tensor) -> Tensor:
        """Those by all inputs, per output: signs keep outputs apart that depend on the same inputs."""

        def signed(z: Tensor) -> Tensor:
            y = call(z)
            return y * (1 - 2 * torch.randint(2, y.shape, generator=generator))

        return slope_of(signed, z).square().sum(dim=1, keepdim=True) / outputs

    alone = gated or _acts_elementwise(apply, draws[:4])
    return Moments(apply, squared_slopes, by_quadrature if alone else over_draws)


def slope_of(function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Return the derivative of the sum of a function's outputs, by autograd; 0 where no gradient flows.

    Of a function that acts element by element it is the derivative of each.
    """
    with torch.enable_grad():
        leaf = x.detach().requires_grad_()
        y = function(leaf.clone())  # which it may overwrite
        if not y.requires_grad:
            return torch.zeros_like(x)
        return torch.autograd.grad(y.sum(), leaf, materialize_grads=True)[0]


def _acts_elementwise(apply: Callable[[Tensor], Tensor], x: Tensor) -> bool:
    """Whether outputs stay when the inputs of another row and another column change."""
    moved = x.clone()
    moved[0] += 1
    moved[:, 0] += 1
    before, after = apply(x), apply(moved)
    return before.shape == x.shape and torch.equal(before[1:, 1:], after[1:, 1:])
