"""Call the user's function with NumPy, torch or JAX arrays or Python numbers, and return NumPy's."""

from __future__ import annotations

import contextlib
import math
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from rectifiers.errors import UserCodeError, error_line

__all__ = ["Array", "Caller", "Function", "Returned", "name_of", "quiet"]

Array: TypeAlias = NDArray[Any]
Function: TypeAlias = Callable[..., Any]

_PROBE = np.array([-1.5, -0.25, 0.75, 2.0])


@dataclass(frozen=True)
class Returned:
    """What one call returned.

    Attributes
    ----------
    values : array
        In float64.
    dtype : str
        As the library calls it: ``"float32"``, ``"bool"``.
    changed : bool
        Whether the call wrote into its argument.
    """

    values: Array
    dtype: str
    changed: bool

    def close_to(self, other: Array, tolerance: float) -> bool:
        """Whether shape and values agree, NaN with NaN, to a relative and absolute tolerance."""
        same_shape = self.values.shape == other.shape
        return same_shape and bool(np.allclose(self.values, other, tolerance, tolerance, equal_nan=True))


@dataclass(frozen=True)
class Caller:
    """How functions of one library are called.

    Attributes
    ----------
    library : {"numpy", "torch", "jax"}
    dtypes : tuple of str
        In which functions are tried.
    numbers : bool
        Whether it takes Python numbers, one by one.
    """

    library: Literal["numpy", "torch", "jax"]
    dtypes: tuple[str, ...] = ("float64", "float32", "float16")
    numbers: bool = False

    @classmethod
    def of(cls, function: Function, label: str) -> Caller:
        """Find out by calling, NumPy first.

        Raises
        ------
        UserCodeError
            It raises whatever it is given; the message is that of the likeliest library.
        """
        errors: list[Exception] = []
        for caller in (cls("numpy"), cls("torch"), cls("numpy", ("float64",), numbers=True)):
            try:
                with quiet():
                    result = caller.run(function, caller.give(_PROBE))
                    if caller.numbers and np.isnan(caller.take(result)).all():
                        function(float(_PROBE[-1]))  # may raise
            except Exception as error:  # noqa: BLE001  the function is the user's
                errors.append(error)
                continue
            home = type(result).__module__.partition(".")[0]
            if home in ("torch", "jax", "jaxlib"):
                return cls("torch" if home == "torch" else "jax")
            return caller
        first = errors[1] if "torch" in str(errors[0]) else errors[0]
        raise UserCodeError(
            f"{label} must take an array or a number, but raised {error_line(first)}"
        ) from first

    def give(self, x: Array, dtype: str = "float64") -> Any:
        """Return an array as the library's own, in a memory of its own."""
        if self.library == "torch":
            import torch

            return torch.tensor(x, dtype=getattr(torch, dtype))
        if self.library == "jax":
            import jax.numpy as jnp

            return jnp.asarray(np.asarray(x), dtype=dtype)
        return np.array(x, dtype=dtype)

    def take(self, result: Any) -> Array:
        """Return a result as NumPy's array, in float64."""
        if type(result).__module__.startswith("torch"):
            result = result.detach().cpu().double().numpy()
        return np.asarray(result, dtype=np.float64)

    def run(self, function: Function, given: Any) -> Any:
        """Call a function with an array of the library, and return what it returns."""
        if not self.numbers:
            return function(given)

        def number(x: float) -> float:
            try:
                return float(function(x))
            except (ArithmeticError, ValueError):  # where NumPy's functions give inf or nan
                return math.nan

        return np.vectorize(number, otypes=[float])(given)

    def apply(self, function: Function, given: Any) -> Returned:
        """Call a function with an array of the library."""
        before = self.take(given).copy()
        with quiet():
            result = self.run(function, given)
        changed = not np.array_equal(before, self.take(given), equal_nan=True)
        values = self.take(result)
        return Returned(values, str(getattr(result, "dtype", values.dtype)).removeprefix("torch."), changed)

    def evaluate(self, function: Function, x: Array) -> Array:
        """Return the values of a function at points of any shape."""
        values = self.apply(function, self.give(np.ravel(x))).values
        return np.array(np.broadcast_to(values, np.size(x))).reshape(np.shape(x))

    def acts_alone(self, function: Function) -> bool:
        """Whether a function keeps the shape of a row of numbers, and each depends on its own input alone."""
        x = np.linspace(-3.1, 3.3, 16)
        moved = x + np.tile([1.0, 0.0], 8)
        before, after = (self.apply(function, self.give(row)).values for row in (x, moved))
        return before.shape == x.shape and np.array_equal(before[1::2], after[1::2], equal_nan=True)

    def precisely(self) -> contextlib.AbstractContextManager[Any]:
        """Return the context all calls belong into: JAX computes in float64 only where it is told to."""
        if self.library != "jax":
            return contextlib.nullcontext()
        import jax

        switch: Any = jax.enable_x64 if hasattr(jax, "enable_x64") else jax.experimental.enable_x64
        context: contextlib.AbstractContextManager[Any] = switch(True)
        return context


def name_of(function: Any) -> str:
    """Return what a table calls a function: its name, or that of its class."""
    return str(getattr(function, "__name__", type(function).__name__))


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Silence the warnings of the user's function: what it returns is judged, not what it says."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield
