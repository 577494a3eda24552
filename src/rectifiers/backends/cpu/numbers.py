"""Numbers that write LLVM code: a formula called with them writes the vector code of itself.

A `Number` stands for eight neighbouring elements. In a formula of arithmetic and comparisons alone it is
float32, and each operation rounds as NumPy's does. Where the formula uses exponentials and the like it is
float64, and the result is rounded once, at the end: ``alpha * expm1(x)`` from a correctly rounded `expm1`
alone can be off by 1.5 ulp.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from llvmlite import ir

__all__ = ["LANES", "Number", "Truth", "Writer"]

LANES = 8  # elements of one vector, of any type: one byte of packed bits


@dataclass(frozen=True)
class Writer:
    """Where code is written, and in what arithmetic.

    Parameters
    ----------
    builder : llvmlite.ir.IRBuilder
    double : bool
        Whether numbers are float64; float32 otherwise.
    """

    builder: Any
    double: bool

    @property
    def scalar(self) -> Any:
        """Type of one element."""
        return ir.DoubleType() if self.double else ir.FloatType()

    @property
    def vector(self) -> Any:
        """Type of a vector of elements."""
        return ir.VectorType(self.scalar, LANES)

    @property
    def integers(self) -> Any:
        """Type of a vector of integers as wide as the elements."""
        return ir.VectorType(ir.IntType(64 if self.double else 32), LANES)

    def literal(self, value: float) -> Any:
        """A vector of one constant, rounded to the type."""
        rounded = float(value) if self.double else float(np.float32(value))
        return ir.Constant(self.vector, [rounded] * LANES)

    def integer(self, value: int) -> Any:
        """A vector of one integer constant."""
        return ir.Constant(self.integers, [value] * LANES)

    def number(self, value: Any) -> Number:
        """A number of the formula's: one already, or a Python number."""
        if isinstance(value, Number):
            return value
        if isinstance(value, bool | Truth) or not isinstance(value, int | float):
            raise TypeError(f"a formula computes with numbers, not with {value!r}")
        return Number(self, self.literal(value))

    def spread(self, scalar: Any) -> Number:
        """A number that is the same in all lanes, from one of float64; rounded to float32."""
        one = self.builder.fptrunc(scalar, ir.FloatType())
        if self.double:
            one = self.builder.fpext(one, ir.DoubleType())
        empty = ir.Constant(self.vector, ir.Undefined)
        first = self.builder.insert_element(empty, one, ir.Constant(ir.IntType(32), 0))
        zeros = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
        return Number(self, self.builder.shuffle_vector(first, empty, zeros), uniform=True)

    def call(self, name: str, *args: Any) -> Any:
        """Call an LLVM intrinsic on vectors of elements."""
        module = self.builder.module
        full = f"{name}.v{LANES}{'f64' if self.double else 'f32'}"
        kind = ir.FunctionType(self.vector, [self.vector] * len(args))
        return self.builder.call(module.globals.get(full) or ir.Function(module, kind, full), args)

    def fma(self, a: Any, b: Any, c: Any) -> Any:
        """``a * b + c`` of vectors, rounded once."""
        return self.call("llvm.fma", a, b, c)

    def polynomial(self, x: Any, coefficients: tuple[float, ...]) -> Any:
        """Value at a vector, by Horner's scheme; coefficients by rising powers."""
        total = self.literal(coefficients[-1])
        for coefficient in reversed(coefficients[:-1]):
            total = self.fma(total, x, self.literal(coefficient))
        return total

    def bits(self, vector: Any) -> Any:
        """The same bits as integers."""
        return self.builder.bitcast(vector, self.integers)

    def from_bits(self, integers: Any) -> Any:
        """The same bits as elements."""
        return self.builder.bitcast(integers, self.vector)

    def select(self, condition: Any, if_true: Any, if_false: Any) -> Any:
        """Choose lane by lane."""
        return self.builder.select(condition, if_true, if_false)


class Truth:
    """A condition on eight neighbouring elements."""

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, writer: Writer, value: Any, static: bool | None = None) -> None:
        self.writer = writer
        self.value = value
        self.static = static  # what it is for all elements, where that is known

    @classmethod
    def known(cls, writer: Writer, static: bool) -> Truth:
        """The same for all elements, and known to be."""
        return cls(writer, ir.Constant(ir.VectorType(ir.IntType(1), LANES), [int(static)] * LANES), static)

    def __bool__(self) -> bool:
        raise TypeError("a condition on elements has no single truth: use `where`, &, | and ~")

    def _with(self, operation: str, other: Any) -> Truth:
        if not isinstance(other, Truth):
            raise TypeError(f"a condition goes together with conditions, not with {other!r}")
        return Truth(self.writer, getattr(self.writer.builder, operation)(self.value, other.value))

    def __and__(self, other: Any) -> Truth:
        return self._with("and_", other)

    def __or__(self, other: Any) -> Truth:
        return self._with("or_", other)

    def __xor__(self, other: Any) -> Truth:
        return self._with("xor", other)

    def __invert__(self) -> Truth:
        return Truth(self.writer, self.writer.builder.not_(self.value))


# What a comparison with a constant is for a number known to be above 0, and one known not to be above it.
_STATIC: dict[bool, dict[str, tuple[Callable[[float], bool], bool]]] = {
    True: {
        ">": (lambda c: c <= 0, True),
        ">=": (lambda c: c <= 0, True),
        "<": (lambda c: c <= 0, False),
        "<=": (lambda c: c <= 0, False),
    },
    False: {">": (lambda c: c >= 0, False), ">=": (lambda c: c > 0, False)},
}


def _comparison(operator: str) -> Callable[[Number, Any], Truth]:
    def compare(self: Number, other: Any) -> Truth:
        writer = self.writer
        if self.positive is not None and type(other) in (int, float):
            applies, result = _STATIC[self.positive].get(operator, (lambda _: False, False))
            if applies(other):
                return Truth.known(writer, result)
        b = writer.builder
        condition = b.fcmp_unordered if operator == "!=" else b.fcmp_ordered  # as NumPy with NaN
        return Truth(writer, condition(operator, self.vector, writer.number(other).vector))

    return compare


class Number:
    """Eight neighbouring elements."""

    __hash__ = None  # type: ignore[assignment]

    def __init__(
        self,
        writer: Writer,
        vector: Any,
        choice: Any = None,
        *,
        positive: bool | None = None,
        uniform: bool = False,
    ) -> None:
        self.writer = writer
        self.vector = vector
        self.choice = choice  # (condition, if true, if false), where the number is one
        self.positive = positive  # True: above 0; False: not above 0, or not a number; None: not known
        self.uniform = uniform  # whether it is the same for all vectors

    def __bool__(self) -> bool:
        raise TypeError("a number of elements has no single truth: use `where`")

    __lt__, __le__, __gt__, __ge__, __eq__, __ne__ = (  # type: ignore[assignment]
        _comparison(operator) for operator in ("<", "<=", ">", ">=", "==", "!=")
    )

    def _with(self, operation: str, other: Any) -> Number:
        other = self.writer.number(other).vector
        return Number(self.writer, getattr(self.writer.builder, operation)(self.vector, other))

    def __neg__(self) -> Number:
        return Number(self.writer, self.writer.builder.fneg(self.vector))

    def __pos__(self) -> Number:
        return self

    def __add__(self, other: Any) -> Number:
        return self._with("fadd", other)

    def __sub__(self, other: Any) -> Number:
        return self._with("fsub", other)

    def __mul__(self, other: Any) -> Number:
        return self._with("fmul", other)

    def __truediv__(self, other: Any) -> Number:
        w, divisor = self.writer, self.writer.number(other)
        if w.double and divisor.uniform:  # LLVM divides once, before the loop
            return self * Number(w, w.builder.fdiv(w.literal(1.0), divisor.vector))
        return self._with("fdiv", divisor)

    def __radd__(self, other: Any) -> Number:
        return self.writer.number(other) + self

    def __rsub__(self, other: Any) -> Number:
        return self.writer.number(other) - self

    def __rmul__(self, other: Any) -> Number:
        return self.writer.number(other) * self

    def __rtruediv__(self, other: Any) -> Number:
        return self.writer.number(other) / self

    def __pow__(self, exponent: Any) -> Number:
        if not isinstance(exponent, int) or isinstance(exponent, bool) or not 1 <= exponent <= 16:
            raise TypeError(f"a power must be a whole number from 1 to 16, got {exponent!r}")
        return functools.reduce(lambda product, _: product * self, range(exponent - 1), self)
