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

__all__ = ["LANES", "Number", "Truth", "Writer", "splat", "vector"]

LANES = 8  # elements of one vector, of any type: one byte of packed bits


def vector(element: Any, *values: Any) -> ir.Constant:
    """A constant vector: one value per lane, or the same for all."""
    return ir.Constant(ir.VectorType(element, LANES), list(values) * (LANES // len(values)))


def splat(builder: Any, scalar: Any) -> Any:
    """A vector that is the same in all lanes."""
    undefined = ir.Constant(ir.VectorType(scalar.type, LANES), ir.Undefined)
    first = builder.insert_element(undefined, scalar, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(first, undefined, vector(ir.IntType(32), 0))


@dataclass(frozen=True)
class Writer:
    """Where code is written, and in what arithmetic: float64 if `double`, else float32."""

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

    def literal(self, value: float) -> Any:
        """A vector of one constant, rounded to the type."""
        return vector(self.scalar, float(value) if self.double else float(np.float32(value)))

    def number(self, value: Any) -> Number:
        """A number of the formula's: one already, or a Python number."""
        if isinstance(value, Number):
            return value
        if isinstance(value, bool | Truth) or not isinstance(value, int | float):
            raise TypeError(f"a formula computes with numbers, not with {value!r}")
        return Number(self, self.literal(value))

    def spread(self, scalar: Any) -> Number:
        """A number that is the same in all lanes, from a float32."""
        one = self.builder.fpext(scalar, self.scalar) if self.double else scalar
        return Number(self, splat(self.builder, one))

    def call(self, name: str, *args: Any) -> Any:
        """Call an LLVM intrinsic on vectors of elements."""
        module = self.builder.module
        full = f"{name}.v{LANES}{self.scalar.intrinsic_name}"
        kind = ir.FunctionType(self.vector, [self.vector] * len(args))
        return self.builder.call(module.globals.get(full) or ir.Function(module, kind, full), args)

    def fma(self, a: Any, b: Any, c: Any) -> Any:
        """``a * b + c`` of vectors, rounded once."""
        return self.call("llvm.fma", a, b, c)


class Truth:
    """A condition on eight neighbouring elements."""

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, writer: Writer, value: Any) -> None:
        self.writer, self.value = writer, value

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


def _comparison(operator: str) -> Callable[[Number, Any], Truth]:
    def compare(self: Number, other: Any) -> Truth:
        w = self.writer
        condition = (
            w.builder.fcmp_unordered if operator == "!=" else w.builder.fcmp_ordered
        )  # as NumPy with NaN
        return Truth(w, condition(operator, self.vector, w.number(other).vector))

    return compare


def _operation(name: str, *, swapped: bool = False) -> Callable[[Number, Any], Number]:
    def operate(self: Number, other: Any) -> Number:
        w, operands = self.writer, [self.vector, self.writer.number(other).vector]
        if swapped:
            operands.reverse()
        return Number(w, getattr(w.builder, name)(*operands))

    return operate


class Number:
    """Eight neighbouring elements."""

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, writer: Writer, vector: Any, choice: Any = None) -> None:
        self.writer, self.vector = writer, vector
        self.choice = choice  # (condition, if true, if false), where the number is one

    def __bool__(self) -> bool:
        raise TypeError("a number of elements has no single truth: use `where`")

    __lt__, __le__, __gt__, __ge__, __eq__, __ne__ = (  # type: ignore[assignment]
        _comparison(operator) for operator in ("<", "<=", ">", ">=", "==", "!=")
    )
    __add__, __sub__, __mul__ = _operation("fadd"), _operation("fsub"), _operation("fmul")
    __radd__, __rsub__, __rmul__ = (_operation(name, swapped=True) for name in ("fadd", "fsub", "fmul"))
    __truediv__, __rtruediv__ = _operation("fdiv"), _operation("fdiv", swapped=True)

    def __neg__(self) -> Number:
        return Number(self.writer, self.writer.builder.fneg(self.vector))

    def __pos__(self) -> Number:
        return self

    def __pow__(self, exponent: Any) -> Number:
        if not isinstance(exponent, int) or isinstance(exponent, bool) or not 1 <= exponent <= 16:
            raise TypeError(f"a power must be a whole number from 1 to 16, got {exponent!r}")
        return functools.reduce(lambda product, _: product * self, range(exponent - 1), self)
