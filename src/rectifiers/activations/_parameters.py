"""Parameters of activations: what values they take and where those come from."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray

from rectifiers.errors import ArgumentError, ArgumentTypeError, DefinitionError

__all__ = ["AUTOGRAD", "Autograd", "Choice", "Integer", "Learned", "Parameter", "Real", "Uniform"]


def _number(value: Any, name: str) -> float:
    """Return `value` as a finite float, or raise with `name` in the message."""
    try:
        if isinstance(value, str | bytes) or getattr(value, "requires_grad", False):
            raise TypeError  # a gradient would be lost
        number = float(value)
    except (TypeError, ValueError):
        raise ArgumentTypeError(f"`{name}` must be a number, got {value!r}") from None
    if not -math.inf < number < math.inf:  # not isfinite: the number may be a tracing compiler's symbol
        raise ArgumentError(f"`{name}` must be finite, got {value!r}")
    return number


@dataclass(frozen=True)
class Real:
    """A finite real number the user sets.

    Parameters
    ----------
    default : float
    about : str, optional
        One line of documentation.
    above : float, optional
        Exclusive lower bound.
    nonzero : bool, default False
        Whether 0 is refused.
    """

    default: float
    about: str = ""
    _: KW_ONLY
    above: float | None = None
    nonzero: bool = False

    def check(self, value: Any, name: str = "value") -> None:
        """Raise `ArgumentError` or `ArgumentTypeError` unless `value` is allowed."""
        number = _number(value, name)
        if self.above is not None and not number > self.above:
            raise ArgumentError(f"`{name} > {self.above}` must hold, but got {name}={value!r}")
        if self.nonzero and number == 0:
            raise ArgumentError(f"`{name} != 0` must hold, but got {name}={value!r}")


@dataclass(frozen=True)
class Integer:
    """A whole number the user sets, at least `minimum`."""

    default: int
    about: str = ""
    _: KW_ONLY
    minimum: int | None = None

    def check(self, value: Any, name: str = "value") -> None:
        """Raise `ArgumentError` or `ArgumentTypeError` unless `value` is allowed."""
        try:
            number = value.__index__()
        except AttributeError:
            raise ArgumentTypeError(f"`{name}` must be a whole number, got {value!r}") from None
        if self.minimum is not None and number < self.minimum:
            raise ArgumentError(f"`{name} >= {self.minimum}` must hold, but got {name}={value!r}")


@dataclass(frozen=True)
class Choice:
    """One of a few words."""

    default: str
    options: tuple[str, ...]
    about: str = ""

    def check(self, value: Any, name: str = "value") -> None:
        """Raise `ArgumentError` unless `value` is one of the options."""
        if value not in self.options:
            options = " or ".join(repr(option) for option in self.options)
            raise ArgumentError(f"`{name}` must be {options}, got {value!r}")


class Autograd:
    """Stands for a derivative that nobody wrote: torch's autograd finds it, and no kernel runs it."""

    def __call__(self, *arguments: Any) -> Any:
        """Raise: there is no formula to run."""
        raise DefinitionError("a derivative found by autograd is no formula: give df for kernels")

    @staticmethod
    def of(function: Callable[..., Any], x: NDArray[np.float64], values: Sequence[Any]) -> Any:
        """Return the derivative of a function of tensors, for arrays."""
        torch = importlib.import_module("torch")  # only where this is asked for: records do without it
        point = torch.from_numpy(np.array(x)).requires_grad_()
        tensors = [torch.from_numpy(np.array(v)) if isinstance(v, np.ndarray) else v for v in values]
        (found,) = torch.autograd.grad(function(point, *tensors).sum(), point)
        return found.numpy()


AUTOGRAD = Autograd()


@dataclass(frozen=True)
class Learned:
    """A number, or one per channel, trained with the network.

    Parameters
    ----------
    default : float
        Initial value.
    derivative : callable, optional
        Formula of the activation's derivative with respect to this parameter, of ``(x, *parameters)``.
        Without, torch's autograd derives it, and no kernel runs the activation.
    about : str, optional
        One line of documentation.
    """

    default: float
    derivative: Callable[..., Any] = AUTOGRAD
    about: str = ""

    def check(self, value: Any, name: str = "value") -> None:
        """Raise `ArgumentError` or `ArgumentTypeError` unless `value` can be an initial value."""
        _number(value, name)


@dataclass(frozen=True)
class Uniform:
    """A number drawn from U(lower, upper) in training, and their mean otherwise.

    An activation has at most one such parameter; its functions and modules take `lower`, `upper`, and `per`:
    whether there is one number per element, per example and channel (axes 0 and 1), or per call.
    """

    PER: ClassVar[tuple[str, ...]] = ("element", "channel", "call")

    lower: float
    upper: float
    about: str = ""

    @property
    def default(self) -> float:
        """The mean, used outside training."""
        return (self.lower + self.upper) / 2

    def check(self, value: Any, name: str = "value") -> None:
        """Raise `ArgumentError` or `ArgumentTypeError` unless `value` can be drawn from some interval."""
        _number(value, name)

    @staticmethod
    def check_bounds(lower: Any, upper: Any) -> None:
        """Raise unless ``lower <= upper``, both finite."""
        if type(lower) is type(upper) is float and -math.inf < lower <= upper < math.inf:
            return
        if _number(lower, "lower") > _number(upper, "upper"):
            raise ArgumentError(f"`lower <= upper` must hold, but got lower={lower!r}, upper={upper!r}")

    @classmethod
    def check_per(cls, per: Any) -> None:
        """Raise unless `per` is one of the words."""
        if per not in cls.PER:
            raise ArgumentError(f"`per` must be {' or '.join(map(repr, cls.PER))}, got {per!r}")


Parameter: TypeAlias = Real | Integer | Choice | Learned | Uniform
