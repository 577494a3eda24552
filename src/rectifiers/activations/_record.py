"""What an activation is: a frozen record of its formula, derivative, parameters, kinks and source."""

from __future__ import annotations

import importlib
import keyword
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field, fields
from functools import cached_property
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rectifiers.activations._parameters import Autograd, Learned, Parameter, Uniform
from rectifiers.errors import ArgumentTypeError, DefinitionError

__all__ = ["Activation", "AlongAxis", "Elementwise", "Formula", "Keeps"]

Formula: TypeAlias = Callable[..., Any]
Keeps: TypeAlias = Literal["sign", "output", "input"]


@dataclass(frozen=True, eq=False)
class Activation:
    """An activation function, as data. Called through `f` and `df` it is its own NumPy reference.

    Attributes
    ----------
    name : str
        As in `rectifiers.functional` and as an arm of a comparison: ``"leaky_relu"``.
    title : str
        As in `rectifiers.nn`: ``"LeakyReLU"``.
    summary : str
        One line of prose.
    used_when : str
        One line on when it is used, and what to mind.
    formula : str
        The function as people write it.
    source : str
        The paper.
    notes : str
        What libraries disagree about, and which way this one goes.
    parameters : mapping of str to Parameter
        In the order of the formula's arguments.
    also_called : tuple of str
        Other names in use, which are understood where activations are named in text.
    """

    name: str
    _: KW_ONLY
    title: str = ""
    summary: str = ""
    used_when: str = ""
    formula: str = ""
    source: str = ""
    notes: str = ""
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    also_called: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.name.isidentifier() or keyword.iskeyword(self.name):
            raise DefinitionError(f"an activation's name must be a Python identifier, got {self.name!r}")
        title = self.title or "".join(part[:1].upper() + part[1:] for part in self.name.split("_"))
        object.__setattr__(self, "title", title)
        object.__setattr__(self, "notes", " ".join(self.notes.split()))
        object.__setattr__(self, "parameters", MappingProxyType(dict(self.parameters)))

    @property
    def defaults(self) -> tuple[Any, ...]:
        """The parameters' default values, in order."""
        return tuple(parameter.default for parameter in self.parameters.values())

    def bind(self, *args: Any, **kwargs: Any) -> tuple[Any, ...]:
        """Return the value of every parameter in order, given some; check them.

        A learned or random parameter may be an array that broadcasts against the input.

        Raises
        ------
        ArgumentError
            A value is outside its rule.
        ArgumentTypeError
            A value of the wrong type, too many values, or an unknown or repeated name.
        """
        values = dict(zip(self.parameters, args, strict=False))
        unknown = [*map(repr, args[len(values) :]), *(key for key in kwargs if key not in self.parameters)]
        repeated = [key for key in kwargs if key in values]
        if unknown or repeated:
            known = ", ".join(self.parameters) or "no parameters"
            what = f"unknown {unknown[0]}" if unknown else f"{repeated[0]} twice"
            raise ArgumentTypeError(f"{self.name} takes {known}, got {what}")
        values |= kwargs
        for key, parameter in self.parameters.items():
            if key not in values:
                values[key] = parameter.default
            elif isinstance(parameter, Learned | Uniform):
                values[key] = np.asarray(values[key], dtype=np.float64)
            else:
                parameter.check(values[key], key)
        return tuple(values[key] for key in self.parameters)

    def f(self, x: ArrayLike, *args: Any, **kwargs: Any) -> Any:
        """Return the function's value, computed by NumPy in float64.

        Parameters
        ----------
        x : array_like
            Any shape, 0-d included.
        *args, **kwargs
            The parameters, by position or name; their defaults otherwise.
        """
        return self._run(self._value, x, args, kwargs)

    def df(self, x: ArrayLike, *args: Any, **kwargs: Any) -> Any:
        """Return the derivative as a function of the input `x`, computed by NumPy in float64.

        Takes what `f` takes.
        """
        return self._run(self._derivative, x, args, kwargs)

    def _run(self, formula: Formula, x: ArrayLike, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        values = self.bind(*args, **kwargs)
        # Every branch of a formula is computed everywhere; overflow where it is not selected is no news.
        with np.errstate(all="ignore"):
            return formula(np.asarray(x, dtype=np.float64), *values)

    def _value(self, x: NDArray[np.float64], *values: Any) -> Any:
        raise NotImplementedError

    def _derivative(self, x: NDArray[np.float64], *values: Any) -> Any:
        raise NotImplementedError

    @cached_property
    def functional(self) -> Callable[..., Any]:
        """The activation as a function of tensors: ``functional(input, *parameters, inplace=False)``.

        Made at the first use: for ``torch.compile(fullgraph=True)`` take it into a variable before.
        """
        import rectifiers  # the package's face, above all layers: this one does without torch

        return rectifiers.functional.of(self)

    @cached_property
    def module(self) -> type[Any]:
        """The activation as a `torch.nn.Module` class: ``module(*parameters, inplace=False)``."""
        import rectifiers

        return rectifiers.nn.of(self)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by name where there is one: in the registry, or in the module that wrote the formula."""
        from rectifiers.activations import registry

        if registry.get(self.name) is self:
            return _registered, (self.name,)
        values = {f.name: getattr(self, f.name) for f in fields(self) if f.init}
        home = getattr(values.get("value"), "__module__", "")
        for key, value in getattr(sys.modules.get(home), "__dict__", {}).items():
            if value is self:
                return _attribute, (home, key)
        return _rebuild, (type(self), {**values, "parameters": dict(self.parameters)})


def _registered(name: str) -> Activation:
    from rectifiers.activations import registry

    return registry[name]


def _attribute(module: str, name: str) -> Any:
    return getattr(importlib.import_module(module), name)


def _rebuild(cls: type[Activation], values: dict[str, Any]) -> Activation:
    return cls(**values)


@dataclass(frozen=True, eq=False)
class Elementwise(Activation):
    """An activation that acts on each element alone.

    Attributes
    ----------
    value : callable
        The formula, of ``(x, *parameters)``.
    derivative : callable
        The derivative's formula, of ``(kept, *parameters)``.
    keeps : {"sign", "output", "input"}
        What the derivative is a function of: ``x > 0``, ``f(x)`` or ``x``.
    derivative_of_input : callable or None
        The derivative in terms of the input, where that is more exact than composing the two formulas.
    output_suffices : callable or None
        Of ``(*parameters)``: whether the output determines the derivative for these values.
    kinks : tuple of float or callable
        Where the derivative jumps; a callable of ``(*parameters)`` where that depends on them.
    nan_is_positive : bool
        For ``keeps="sign"``: whether NaN counts as positive, as it does in torch's ReLU.
    """

    _: KW_ONLY
    value: Formula
    derivative: Formula
    keeps: Keeps
    derivative_of_input: Formula | None = None
    output_suffices: Callable[..., bool] | None = None
    kinks: Sequence[float] | Callable[..., Sequence[float]] = ()
    nan_is_positive: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.keeps not in ("sign", "output", "input"):
            raise DefinitionError(
                f"{self.name}: `keeps` must be 'sign', 'output' or 'input', got {self.keeps!r}"
            )
        if self.output_suffices is not None and self.derivative_of_input is None:
            raise DefinitionError(f"{self.name}: `output_suffices` needs `df_input` for when it does not")
        if sum(isinstance(parameter, Uniform) for parameter in self.parameters.values()) > 1:
            raise DefinitionError(f"{self.name}: an activation has at most one random parameter")

    def kinks_at(self, *values: Any) -> tuple[float, ...]:
        """Return where the derivative jumps for these parameter values, the defaults if none are given."""
        if callable(self.kinks):
            return tuple(float(kink) for kink in self.kinks(*(values or self.defaults)))
        return tuple(float(kink) for kink in self.kinks)

    @property
    def written(self) -> bool:
        """Whether every derivative is a formula, which kernels need, and none left to autograd."""
        learned = [p.derivative for p in self.parameters.values() if isinstance(p, Learned)]
        return not any(isinstance(formula, Autograd) for formula in (self.derivative, *learned))

    def keeps_at(self, *values: Any) -> Keeps:
        """Return what has to be kept for these parameter values: `keeps`, or the input if it does not do."""
        if self.keeps == "output" and self.output_suffices is not None and not self.output_suffices(*values):
            return "input"
        return self.keeps

    def positive(self, x: Any) -> Any:
        """Return what the derivative is a function of for ``keeps="sign"``, of an array or a tensor."""
        return ~(x <= 0) if self.nan_is_positive else x > 0

    def _value(self, x: NDArray[np.float64], *values: Any) -> Any:
        return _shaped(self.value(x, *values), x)

    def _derivative(self, x: NDArray[np.float64], *values: Any) -> Any:
        if isinstance(self.derivative, Autograd):
            learned = [isinstance(parameter, Learned) for parameter in self.parameters.values()]
            given = [np.atleast_1d(v) if own else v for v, own in zip(values, learned, strict=True)]
            return _shaped(Autograd.of(self.functional, x, given), x)
        if self.derivative_of_input is not None:
            return _shaped(self.derivative_of_input(x, *values), x)
        kept: Any = x
        if self.keeps == "sign":
            kept = self.positive(x)
        elif self.keeps == "output":
            kept = self.value(x, *values)
        return _shaped(self.derivative(kept, *values), x)


def _shaped(result: Any, x: NDArray[np.float64]) -> Any:
    """Return `result` in float64 with at least the shape of `x` (a constant formula gives a number)."""
    array = np.asarray(result, dtype=np.float64)
    shape = np.broadcast_shapes(array.shape, x.shape)
    return (array if array.shape == shape else np.array(np.broadcast_to(array, shape)))[()]


@dataclass(frozen=True, eq=False)
class AlongAxis(Activation):
    """An activation that is not element by element: it joins, splits or normalises along an axis.

    Attributes
    ----------
    shape : {"one to two", "k to one", "two halves to one", "normalise"}
        What it does to the axis.
    value, derivative : callable
        NumPy functions of ``(x, *parameters)``; `derivative` says in the activation's file which array it is.
    """

    _: KW_ONLY
    shape: Literal["one to two", "k to one", "two halves to one", "normalise"]
    value: Formula
    derivative: Formula

    def _value(self, x: NDArray[np.float64], *values: Any) -> Any:
        return self.value(x, *values)

    def _derivative(self, x: NDArray[np.float64], *values: Any) -> Any:
        return self.derivative(x, *values)
