"""Call the user's function with NumPy, torch or JAX arrays or Python numbers, and return NumPy's."""

from __future__ import annotations

import contextlib
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from rectifiers.errors import UserCodeError, error_line

__all__ = ["Array", "Caller", "Function", "Returned", "is_module", "name_of"]

Array: TypeAlias = NDArray[Any]
Function: TypeAlias = Callable[..., Any]
Library: TypeAlias = Literal["numpy", "torch", "jax", "python"]

_PROBE = np.array([-1.5, -0.25, 0.75, 2.0])
_DTYPES: dict[Library, tuple[str, ...]] = {
    "numpy": ("float64", "float32", "float16"),
    "torch": ("float64", "float32", "bfloat16", "float16"),
    "jax": ("float64", "float32", "bfloat16", "float16"),
    "python": ("float64",),
}


@dataclass(frozen=True)
class Returned:
    """What one call returned.

    Attributes
    ----------
    values : array
        In float64, or in long double where the call was made in it.
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
    library : {"numpy", "torch", "jax", "python"}
        Python: numbers, one by one.
    wide : str
        The widest dtype the function computes in: ``"longdouble"`` or ``"float64"``.
    narrow : bool
        Whether it is tried in narrower dtypes than float64.
    """

    library: Library
    wide: str = "float64"
    narrow: bool = True

    @classmethod
    def of(cls, function: Function, label: str) -> Caller:
        """Find out by calling, NumPy first.

        Raises
        ------
        UserCodeError
            It raises whatever it is given; the message is that of the likeliest library.
        """
        if is_module(function):
            return cls("torch")
        errors: dict[str, Exception] = {}
        for library in ("numpy", "torch", "python"):
            caller = cls(library)
            try:
                with quiet():
                    result = caller._run(function, caller.give(_PROBE, "float64"))
                    caller.take(result)
            except Exception as error:  # noqa: BLE001  the function is the user's
                errors[library] = error
                continue
            home = type(result).__module__.partition(".")[0]
            if library == "numpy":
                if home in ("torch", "jax", "jaxlib"):
                    return cls("torch" if home == "torch" else "jax")
                return cls("numpy", caller._widest(function))
            return caller
        first = errors["torch" if "torch" in str(errors["numpy"]) else "numpy"]
        raise UserCodeError(
            f"{label} must take an array or a number, but raised {error_line(first)} for NumPy's, "
            f"{error_line(errors['torch'])} for torch's, {error_line(errors['python'])} for a number"
        ) from first

    def _widest(self, function: Function) -> str:
        if np.finfo(np.longdouble).eps >= np.finfo(np.float64).eps:
            return "float64"
        try:
            with quiet():
                result = function(self.give(_PROBE, "longdouble"))
        except Exception:  # noqa: BLE001  the user's function may refuse it in any way
            return "float64"
        return "longdouble" if getattr(result, "dtype", None) == np.longdouble else "float64"

    @property
    def dtypes(self) -> tuple[str, ...]:
        """The dtypes a function of this library is tried in, the widest first."""
        return _DTYPES[self.library] if self.narrow else ("float64",)

    def give(self, x: Array, dtype: str) -> Any:
        """Return an array as the library's own, in a memory of its own."""
        if self.library == "torch":
            import torch

            return torch.tensor(x, dtype=getattr(torch, dtype))
        if self.library == "jax":
            import jax.numpy as jnp

            return jnp.asarray(np.asarray(x), dtype=dtype)
        if self.library == "python":
            return [float(value) for value in np.ravel(x)]
        return np.array(x, dtype=dtype)

    def take(self, result: Any) -> Array:
        """Return a result as NumPy's array, in float64 or long double."""
        if type(result).__module__.startswith("torch"):
            result = result.detach().cpu().double().numpy()
        elif type(result).__module__.startswith("jax"):
            result = np.asarray(result).astype(np.float64)
        array = np.asarray(result)
        return array.astype(np.longdouble if array.dtype == np.longdouble else np.float64)

    def call(self, function: Function, x: Array, dtype: str = "float64", given: Any = None) -> Returned:
        """Call a function with `x`, or with `given`, which holds the same values."""
        given = self.give(x, dtype) if given is None else given
        before = self.take(given).copy()
        with quiet():
            result = self._run(function, given)
        changed = not np.array_equal(before, self.take(given), equal_nan=True)
        values = self.take(result)
        name = str(getattr(result, "dtype", values.dtype)).removeprefix("torch.")
        return Returned(values, name, changed)

    def evaluate(self, function: Function, x: Array) -> Array:
        """Return the values of a function at points of any shape, in the widest dtype."""
        return self.call(function, np.ravel(x), self.wide).values.reshape(np.shape(x))

    def _run(self, function: Function, given: Any) -> Any:
        if self.library != "python":
            return function(given)
        return np.array([float(function(value)) for value in given])

    def precisely(self) -> contextlib.AbstractContextManager[Any]:
        """Return the context all calls belong into: JAX computes in float64 only where it is told to."""
        if self.library != "jax":
            return contextlib.nullcontext()
        import jax

        switch: Any = jax.enable_x64 if hasattr(jax, "enable_x64") else jax.experimental.enable_x64
        context: contextlib.AbstractContextManager[Any] = switch(True)
        return context


def is_module(function: Any) -> bool:
    """Whether something is a `torch.nn.Module`; loads no torch."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(function, torch.nn.Module)


def name_of(function: Any) -> str:
    """Return what a table calls a function: its name, or that of its class."""
    owner = getattr(function, "__self__", None)
    if isinstance(owner, type) and function.__name__ == "apply":  # of an autograd function
        return owner.__name__
    return str(getattr(function, "__name__", type(function).__name__))


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Silence the warnings of the user's function: what it returns is judged, not what it says."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield
