"""Arms as text: split a list at its outer commas, and read arguments without evaluating code."""

from __future__ import annotations

import ast
import math
import operator
import re
from collections.abc import Callable, Iterator
from typing import Any

from rectifiers.errors import ArgumentError

# a file's path may hold brackets, a name none
_ARM = re.compile(r"(?P<head>(?:.+?\.py:|[^():]+:)?[^():]+?)\s*(?P<arguments>\(.*\))?", re.DOTALL).fullmatch
_PATH = re.compile(r"(.+?\.py):").match
_LONGEST = 300
_LARGEST_EXPONENT = 1000
_CONSTANTS = {"pi": math.pi, "e": math.e, "inf": math.inf}
_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}
_UNARY: dict[type[ast.unaryop], Callable[[Any], Any]] = {ast.UAdd: operator.pos, ast.USub: operator.neg}
_OPEN, _CLOSE = "([{", ")]}"


def split(text: str, is_file: Callable[[str], bool] = lambda path: False) -> list[str]:
    """Split at commas outside brackets and quotes; empty parts are an error.

    Parameters
    ----------
    text : str
    is_file : callable, optional
        Whether a path is that of a file: then the commas in it do not split.
    """
    parts, start, depth, quote = [], 0, 0, ""
    for i, c in enumerate(text):
        if quote:
            quote = "" if c == quote else quote
        elif c in "'\"" and depth:
            quote = c
        elif c in _OPEN:
            depth += 1
        elif c in _CLOSE:
            depth -= 1
            if depth < 0:
                raise ArgumentError(f"brackets must match, but {text[: i + 1]!r} closes one too many")
        elif c == "," and not depth:
            parts.append(text[start:i])
            start = i + 1
    if depth or quote:
        raise ArgumentError(f"brackets and quotes must be closed, but got {text!r}")
    parts = [part.strip() for part in _joined([*parts, text[start:]], is_file)]
    if not all(parts):
        raise ArgumentError(
            f"arms are separated by single commas and there is at least one, but got {text!r}"
        )
    return parts


def _joined(parts: list[str], is_file: Callable[[str], bool]) -> Iterator[str]:
    while parts:
        n = len(parts)
        while n > 1:
            path = _PATH(",".join(parts[:n]).strip())
            if path and path[1].count(",") >= n - 1 and is_file(path[1]):
                break
            n -= 1
        yield ",".join(parts[:n])
        parts = parts[n:]


class Word(str):
    """A word without quotes: text where an argument is text by default, else a mistake."""


def head_and_arguments(label: str) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
    """Read ``name(1/8, upper=1/3)`` as its name, positional and named arguments.

    Raises
    ------
    ArgumentError
        If the arguments are not numbers, arithmetic on numbers, strings, True, False or None.
    """
    parts = _ARM(label)
    if parts is None:
        raise ArgumentError(f"an arm is `name` or `name(arguments)`, but got {label!r}")
    head, arguments = parts["head"], parts["arguments"]
    if arguments is None:
        return head, (), {}
    if len(arguments) > _LONGEST:
        raise ArgumentError(f"arguments have at most {_LONGEST} characters, but {head!r} came with more")
    try:
        call = ast.parse(f"f{arguments}", mode="eval").body
    except (SyntaxError, ValueError):
        raise ArgumentError(f"arguments are written as in Python, but got {label!r}") from None
    if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name)):
        raise ArgumentError(f"an arm is `name` or `name(arguments)`, but got {label!r}")
    positional = tuple(_value(node, label) for node in call.args)
    named: dict[str, Any] = {}
    for keyword in call.keywords:
        if keyword.arg is None:
            raise ArgumentError(f"arguments are written out, but got `**` in {label!r}")
        if keyword.arg in named:
            raise ArgumentError(f"an argument is given once, but {keyword.arg} comes twice in {label!r}")
        named[keyword.arg] = _value_or_word(keyword.value, label)
    return head, positional, named


def _value_or_word(node: ast.expr, label: str) -> Any:
    if isinstance(node, ast.Name) and node.id not in _CONSTANTS:
        return Word(node.id)
    return _value(node, label)


def not_an_argument(text: str, label: str) -> ArgumentError:
    """Return the error for what an argument cannot be."""
    return ArgumentError(
        "arguments are numbers, arithmetic on them (1/5.5, pi, e), strings, True, False or None, "
        f"but got {text} in {label!r}"
    )


def _value(node: ast.expr, label: str) -> Any:
    match node:
        case ast.Constant(value=bool() | int() | float() | str() | None as value):
            return value
        case ast.Name(id=name) if name in _CONSTANTS:
            return _CONSTANTS[name]
        case ast.UnaryOp(op=op, operand=operand) if type(op) in _UNARY:
            return _UNARY[type(op)](_number(operand, label))
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
            return _arithmetic(op, _number(left, label), _number(right, label), label)
        case ast.Tuple(elts=items) | ast.List(elts=items):
            return tuple(_value(item, label) for item in items)
    raise not_an_argument(ast.unparse(node), label)


def _number(node: ast.expr, label: str) -> int | float:
    value = _value(node, label)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ArgumentError(f"arithmetic is for numbers, but got {ast.unparse(node)} in {label!r}")
    return value


def _arithmetic(op: ast.operator, left: int | float, right: int | float, label: str) -> int | float:
    if isinstance(op, ast.Pow) and (abs(left) > _LARGEST_EXPONENT or abs(right) > _LARGEST_EXPONENT):
        raise ArgumentError(
            f"powers stay below {_LARGEST_EXPONENT} ** {_LARGEST_EXPONENT}, but got {label!r}"
        )
    try:
        value = _BINARY[type(op)](left, right)
    except ZeroDivisionError:
        raise ArgumentError(f"division by zero in {label!r}") from None
    except OverflowError:
        raise ArgumentError(f"a number too large in {label!r}") from None
    if isinstance(value, complex):
        raise ArgumentError(f"numbers are real, but {label!r} has the root of a negative one")
    return value  # type: ignore[no-any-return]
