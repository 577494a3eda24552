# mypy: disable-error-code="no-untyped-def, no-untyped-call, untyped-decorator"
# (Triton's language has no types; its decorator reads the source of what it decorates.)
"""A record's formulas as jitted functions, and which of them Triton cannot run.

They are computed in float32, one rounding per operation, as in every other backend. With exponentials,
logarithms or a division they would not be (CUDA's are approximate): torch's operations run those.
"""

from __future__ import annotations

import ast
import functools
import inspect
import itertools
import linecache
import textwrap
from collections.abc import Callable
from typing import Any

import triton
import triton.language as tl

from rectifiers import vocabulary
from rectifiers.activations import Activation, Choice, Elementwise, Learned
from rectifiers.backends._binding import rebind
from rectifiers.backends.gpu.tiles import INTERPRETED

__all__ = ["MOST_PARAMETERS", "jitted", "reason_against"]

MOST_PARAMETERS = 4
_OPERATORS = (ast.Add, ast.Sub, ast.Mult, ast.BitAnd, ast.BitOr, ast.BitXor)
_count = itertools.count()


@triton.jit
def _abs(value):
    return tl.abs(value)


@triton.jit
def _maximum(left, right):
    return tl.maximum(left, right, propagate_nan=tl.PropagateNan.ALL)


@triton.jit
def _minimum(left, right):
    return tl.minimum(left, right, propagate_nan=tl.PropagateNan.ALL)


@triton.jit
def _sqrt(value):
    return tl.sqrt_rn(value)


@triton.jit
def _where(condition, if_true, if_false):
    return tl.where(condition, if_true, if_false)


_PRIMITIVES = {"abs": _abs, "maximum": _maximum, "minimum": _minimum, "sqrt": _sqrt, "where": _where}


@functools.cache
def jitted(formula: Callable[..., Any]) -> Any:
    """Return a formula as a jitted function of ``(x, values)``.

    Triton reads source, and needs functions of one signature without annotations: so the formula's own body
    gets a new head. Triton tells functions it inlines into a kernel apart by name: each gets one of its own.
    """
    names = rebind(formula, {"tl": tl, **_PRIMITIVES}).__globals__
    if not INTERPRETED:
        names |= {name: tl.constexpr(value) for name, value in names.items() if type(value) in (int, float)}
    names["__name__"] = __name__
    function = _parsed(formula)
    name, filename = f"formula_{next(_count)}", f"<{formula.__name__} {next(_count)}>"
    first, *numbers = (argument.arg for argument in function.args.args)
    lines = [f"{number} = _values[{place}]" for place, number in enumerate(numbers)]
    body = "\n".join([*lines, *map(ast.unparse, function.body)])
    source = f"def {name}({first}, _values):\n{textwrap.indent(body, '    ')}\n"
    linecache.cache[filename] = len(source), None, source.splitlines(keepends=True), filename
    exec(compile(source, filename, "exec"), names)
    return triton.jit(names[name])


def _parsed(formula: Callable[..., Any]) -> ast.FunctionDef:
    tree = ast.parse(textwrap.dedent(inspect.getsource(formula)))
    return next(node for node in tree.body if isinstance(node, ast.FunctionDef))


def reason_against(record: Activation) -> str:
    """Return why Triton cannot run a record; an empty string if it can."""
    if not isinstance(record, Elementwise):
        return "" if record.name in ("maxout", "crelu") else f"there is no Triton kernel of {record.name}"
    parameters = record.parameters.values()
    if any(isinstance(p, Choice | Learned) for p in parameters) or len(parameters) > MOST_PARAMETERS:
        return f"the Triton kernels take numbers, {MOST_PARAMETERS} at most"
    if record.keeps == "output":
        return "the Triton kernels save the sign or the input, not the output"
    for which, formula in (("formula", record.value), ("derivative", record.derivative)):
        if reason := _formula_reason(formula):
            return f"Triton cannot run its {which}: {reason}"
    return ""


def _formula_reason(formula: Any) -> str:
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
            return f"it uses {type(node).__name__.lower()}, which is not exact there"
    names = {id(operation): name for name, operation in vocabulary.words.items()}
    used = (names.get(id(formula.__globals__.get(name))) for name in formula.__code__.co_names)
    inexact = [name for name in used if name is not None and name not in _PRIMITIVES]
    return f"it uses {inexact[0]}, which is not exact there" if inexact else ""
