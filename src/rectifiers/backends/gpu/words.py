# mypy: disable-error-code="no-untyped-def, no-untyped-call, untyped-decorator, no-any-return"
# (Triton's language has no types; its decorator reads the source of what it decorates.)
"""The vocabulary in Triton: one set of words per type of computation.

A word is a jitted function, so that a formula that calls it can itself be jitted. Literals reach it as
compile-time constants, which Triton would make float32: every word lifts its arguments to the type of
computation first. Where Triton interprets kernels (``TRITON_INTERPRET=1``), libdevice cannot be called and
NumPy lends its words instead.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from types import FunctionType
from typing import Any

import triton
import triton.language as tl
from triton.language.extra import libdevice

from rectifiers import vocabulary
from rectifiers.backends.gpu import exponentials

__all__ = ["INTERPRETED", "rounded", "widened", "words"]

INTERPRETED = bool(triton.knobs.runtime.interpret)
# These stand for the type of computation and for what fits it, set by `words`.
WIDE = tl.constexpr(tl.float32)
quick_exp, quick_expm1 = exponentials.exp_30, exponentials.expm1_30


@triton.constexpr_function
def is_negative_zero(value):
    """Whether a literal is -0.0, which Triton before 3.7 takes for 0."""
    return value == 0 and math.copysign(1.0, value) < 0


def lifted(value):
    """The value in the type of computation; nothing is lost of a literal."""
    if isinstance(value, tl.tensor):
        result = value.to(WIDE)
    elif is_negative_zero(value):
        result = tl.full((), 0.0, WIDE) * -1.0
    else:
        result = tl.full((), value, WIDE)
    return result


def _abs(value):
    return tl.abs(lifted(value))


def _erf(value):
    return libdevice.erf(lifted(value))


def _erfc(value):
    return libdevice.erfc(lifted(value))


def _exp(value):
    return libdevice.exp(lifted(value))


def _expm1(value):
    return libdevice.expm1(lifted(value))


def _log(value):
    return libdevice.log(lifted(value))


def _log1p(value):
    return libdevice.log1p(lifted(value))


def _maximum(left, right):
    return tl.maximum(lifted(left), lifted(right), propagate_nan=tl.PropagateNan.ALL)


def _minimum(left, right):
    return tl.minimum(lifted(left), lifted(right), propagate_nan=tl.PropagateNan.ALL)


def _quick_exp(value):
    return quick_exp(lifted(value))


def _quick_expm1(value):
    return quick_expm1(lifted(value))


def _sigmoid(value):
    wide = lifted(value)
    small = libdevice.exp(-tl.abs(wide))
    return tl.where(wide < 0, small, 1.0) / (1.0 + small)


def _sqrt(value):
    return libdevice.sqrt_rn(lifted(value))


def _tanh(value):
    return libdevice.tanh(lifted(value))


def _where(condition, if_true, if_false):
    return tl.where(condition, lifted(if_true), lifted(if_false))


_WORDS = {name: globals()[f"_{name}"] for name in vocabulary.words}


@functools.cache
def words(wide: Any) -> Mapping[str, Any]:
    """Return Triton's word for each of the vocabulary's, for `rebind`, and what its compiler needs besides.

    Parameters
    ----------
    wide : triton.language.dtype
        The type formulas are computed in: ``tl.float32``, or ``tl.float64``, where 30 bits will do.
    """
    if INTERPRETED:
        from rectifiers.backends.gpu import _interpreted

        return {"tl": tl, **_interpreted.words(wide)}
    home: dict[str, Any] = {
        "tl": tl,
        "libdevice": libdevice,
        "is_negative_zero": is_negative_zero,
        "WIDE": tl.constexpr(wide),
        "quick_exp": quick_exp,
        "quick_expm1": quick_expm1,
    }
    home |= {"__builtins__": __builtins__, "__name__": __name__}
    home["lifted"] = _jitted(lifted, home)
    chosen = dict(_WORDS)
    if wide == tl.float64:
        chosen |= {"exp": _quick_exp, "expm1": _quick_expm1}
    return {
        "tl": tl,
        "_lifted": home["lifted"],
        **{name: _jitted(word, home) for name, word in chosen.items()},
    }


def _jitted(word: Any, home: dict[str, Any]) -> Any:
    return triton.jit(FunctionType(word.__code__, home, word.__name__))


@triton.jit
def _widened(value, wide: tl.constexpr):
    return value.to(wide)


@triton.jit
def _rounded(value, narrow: tl.constexpr):
    return value.to(narrow)


widened, rounded = _widened, _rounded
if INTERPRETED:
    # The interpreter truncates where the hardware rounds (float32 to bfloat16).
    from rectifiers.backends.gpu import _interpreted

    widened, rounded = _interpreted.widened, _interpreted.rounded
