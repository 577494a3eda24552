"""A record's formulas as jitted functions, and which of them Triton cannot run."""

from __future__ import annotations

import ast
import functools
import inspect
import itertools
import linecache
import textwrap
from collections.abc import Callable, Iterator, Set
from dataclasses import dataclass
from typing import Any

import torch
import triton
import triton.language as tl

from rectifiers import vocabulary
from rectifiers.activations import Activation, Choice, Elementwise, Learned
from rectifiers.backends._binding import rebind
from rectifiers.backends._kernels import Saved
from rectifiers.backends.gpu.words import INTERPRETED, words

__all__ = ["MOST_PARAMETERS", "Slope", "Value", "needs_float64", "reason_against", "slope_of", "value_of"]

MOST_PARAMETERS = 4

_numbers = itertools.count()

# One rounding per operation in float32 is all these need.
_EXACT = {"abs", "maximum", "minimum", "sqrt", "where"}
# With these as well, or a division (which Triton does approximately in float32), float32 tensors are computed
# in float64 and rounded once: results are within an ulp for any parameter. A kernel still waits for memory
# on GPUs for data centres, which do float64 at half the rate of float32; those for games do it at 1/64, and
# wait for that. Any other operation would take every GPU several times as long as memory does: with one,
# float32 tensors are computed in float32, as torch does, and results are within a few ulp.
_QUICK = {"exp", "expm1"}
_OPERATORS = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.BitAnd, ast.BitOr, ast.BitXor)


@dataclass(frozen=True)
class Value:
    """A jitted formula, its type of computation, and whether it is so short that unrolling its loop gains."""

    wide: Any
    light: bool
    formula: Any


@dataclass(frozen=True)
class Slope:
    """What the backward kernels need of a record, jitted.

    Attributes
    ----------
    wide : triton.language.dtype
        Type of computation.
    light : bool
        Whether the formulas are so short that unrolling a loop around them gains.
    how : {"saved", "sign", "sign or nan", "value"}
        The derivative is taken of what was saved, of whether that is positive, or of its value.
    formula, value, learned : jitted function
        The derivative; the value, for ``how="value"``; the derivative by the learned parameter, if any.
    """

    wide: Any
    light: bool
    how: str
    formula: Any
    value: Any
    learned: Any


def _bind(record: Elementwise, role: str, formula: Callable[..., Any], wide: Any) -> Any:
    """Return a formula as a jitted function of ``(x, values)``.

    Triton reads source, and needs functions of one signature without annotations: so the formula's own body
    gets a new head. Triton tells functions it inlines into a kernel apart by name: each gets one of its own.
    """
    names = rebind(formula, words(wide)).__globals__
    if not INTERPRETED:
        for name, value in names.items():
            if type(value) in (int, float):
                names[name] = tl.constexpr(value)
    names["__name__"] = __name__
    function = f"_{role}_of_{record.name}"
    source = _source(function, formula, multiplies=wide == tl.float64)
    filename = f"<{record.name}: {role} {next(_numbers)}>"
    linecache.cache[filename] = len(source), None, source.splitlines(keepends=True), filename
    exec(compile(source, filename, "exec"), names)
    return triton.jit(names[function])


def _source(name: str, formula: Callable[..., Any], multiplies: bool) -> str:
    function = _parsed(formula)
    first, *numbers = (argument.arg for argument in function.args.args)
    head = [f"def {name}({first}, _values):"]
    head += [f"    {number} = _values[{place}]" for place, number in enumerate(numbers)]
    lifted = _Lifted(set(numbers) if multiplies else set())
    body = "\n".join(map(ast.unparse, lifted.visit(function).body))
    return "\n".join(head) + "\n" + textwrap.indent(body, "    ") + "\n"


def _parsed(formula: Callable[..., Any]) -> ast.FunctionDef:
    tree = ast.parse(textwrap.dedent(inspect.getsource(formula)))
    return next(node for node in tree.body if isinstance(node, ast.FunctionDef))


class _Lifted(ast.NodeTransformer):
    """Lift what is returned to the type of computation: Triton would take a literal for float32.

    Multiply by one over each of `numbers` instead of dividing by it: in float64 for float32 tensors, where
    the last bit does not matter and a division takes as long as all else.
    """

    def __init__(self, numbers: Set[str]) -> None:
        self.numbers = numbers

    def visit_BinOp(self, node: ast.BinOp) -> ast.BinOp:
        self.generic_visit(node)
        right = node.right
        if isinstance(node.op, ast.Div) and isinstance(right, ast.Name) and right.id in self.numbers:
            return ast.BinOp(node.left, ast.Mult(), ast.BinOp(ast.Constant(1.0), ast.Div(), right))
        return node

    def visit_Return(self, node: ast.Return) -> ast.Return:
        self.generic_visit(node)
        if node.value is not None:
            node.value = ast.Call(ast.Name("_lifted", ast.Load()), [node.value], [])
        return node


def _wide(dtype: torch.dtype, *formulas: Callable[..., Any]) -> Any:
    wants = dtype == torch.float32 and not all(map(_is_exact, formulas)) and all(map(_is_quick, formulas))
    return tl.float64 if wants else tl.float32


def _operations_of(formula: Any) -> set[str]:
    names = {id(operation): name for name, operation in vocabulary.words.items()}
    used = (names.get(id(formula.__globals__.get(name))) for name in formula.__code__.co_names)
    return {name for name in used if name is not None}


def _is_exact(formula: Any) -> bool:
    divides = any(isinstance(node, ast.Div) for node in ast.walk(_parsed(formula)))
    return _operations_of(formula) <= _EXACT and not divides


def _is_quick(formula: Any) -> bool:
    return _operations_of(formula) <= _EXACT | _QUICK


@functools.cache
def value_of(record: Elementwise, dtype: torch.dtype) -> Value:
    """Return the formula of the value for tensors of `dtype`."""
    wide = _wide(dtype, record.value)
    return Value(wide, _is_quick(record.value), _bind(record, "value", record.value, wide))


@functools.cache
def slope_of(record: Elementwise, dtype: torch.dtype, saved: Saved) -> Slope:
    """Return the formulas of the derivatives in terms of what was saved."""
    how, formula = "saved", record.derivative
    if saved == "input" and record.derivative_of_input is not None:
        formula = record.derivative_of_input
    elif saved == "input" and record.keeps != "input":
        how = "value"
        if record.keeps == "sign":
            how = "sign or nan" if record.nan_is_positive else "sign"
    learned = [p.derivative for p in record.parameters.values() if isinstance(p, Learned)]
    used = [formula, *learned, *([record.value] if how == "value" else [])]
    # From an output that was rounded once, with a parameter that is not rounded.
    wide = _wide(dtype, *used, *([record.value] if saved == "output" else []))
    bind = functools.partial(_bind, record, wide=wide)
    return Slope(
        wide,
        all(map(_is_quick, used)),
        how,
        bind("derivative", formula),
        bind("value", record.value) if how == "value" else None,
        bind("learned", learned[0]) if learned else None,
    )


def needs_float64(record: Elementwise) -> bool:
    """Whether some formula of the record is computed in float64 for float32 tensors."""
    return any(_wide(torch.float32, formula) == tl.float64 for _, formula in _formulas(record))


def _formulas(record: Elementwise) -> Iterator[tuple[str, Callable[..., Any]]]:
    yield "its formula", record.value
    yield "its derivative", record.derivative
    if record.derivative_of_input is not None:
        yield "its derivative by the input", record.derivative_of_input
    for name, parameter in record.parameters.items():
        if isinstance(parameter, Learned):
            yield f"its derivative by {name}", parameter.derivative


def reason_against(record: Activation) -> str:
    """Return why Triton cannot run a record; an empty string if it can."""
    if not isinstance(record, Elementwise):
        return "" if record.name in ("maxout", "crelu") else f"there is no Triton kernel of {record.name}"
    parameters = record.parameters.values()
    if len(parameters) > MOST_PARAMETERS:
        return f"the Triton kernels take at most {MOST_PARAMETERS} parameters"
    if any(isinstance(p, Choice) for p in parameters) or sum(isinstance(p, Learned) for p in parameters) > 1:
        return "the Triton kernels take numbers, of which one may be learned"
    for which, formula in _formulas(record):
        if reason := _formula_reason(formula):
            return f"Triton cannot run {which}: {reason}"
    return ""


def _formula_reason(formula: Callable[..., Any]) -> str:
    if formula.__name__ == "<lambda>":
        return "it is a lambda, not a function with a name"
    try:
        function = _parsed(formula)
    except (OSError, TypeError, SyntaxError, StopIteration):
        return "its source cannot be read (write it into a file)"
    for node in ast.walk(function):
        if isinstance(node, ast.For | ast.While):
            return "it has a loop"
        if isinstance(node, ast.If | ast.IfExp):
            return "it branches (write `where`)"
        if isinstance(node, ast.operator) and not isinstance(node, _OPERATORS):
            return f"it uses {type(node).__name__.lower()}, which Triton lacks for these types"
    return ""
