"""Arms as text: lists, arguments, safe arithmetic."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rectifiers.arms._text import head_and_arguments, split
from rectifiers.errors import ArgumentError


@pytest.mark.parametrize(
    "text, parts",
    [
        ("relu", ["relu"]),
        ("relu, elu", ["relu", "elu"]),
        ("rrelu(1/8, 1/3),elu", ["rrelu(1/8, 1/3)", "elu"]),
        ("m:f((1, 2), [3, 4]),elu", ["m:f((1, 2), [3, 4])", "elu"]),
        ("maxout(2, grouping='a,)b'),elu", ["maxout(2, grouping='a,)b')", "elu"]),
        ("o'hara.py:f,elu", ["o'hara.py:f", "elu"]),
    ],
)
def test_split_at_outer_commas(text: str, parts: list[str]) -> None:
    assert split(text) == parts


@pytest.mark.parametrize("text", ["", "relu,", ",relu", "relu,,elu", " , "])
def test_empty_parts_are_an_error(text: str) -> None:
    with pytest.raises(ArgumentError, match="separated by single commas"):
        split(text)


@pytest.mark.parametrize("text", ["rrelu(1,2", "rrelu(1,2))", "f('a", "f(]"])
def test_brackets_must_match(text: str) -> None:
    with pytest.raises(ArgumentError):
        head_and_arguments(split(text)[0])


@pytest.mark.parametrize(
    "text, positional, named",
    [
        ("relu", (), {}),
        ("relu()", (), {}),
        ("leaky_relu(1/5.5)", (1 / 5.5,), {}),
        ("rrelu(1/8, upper = 1/3)", (1 / 8,), {"upper": 1 / 3}),
        ("f(-2 ** 2, +3, 2 * (1 + 1) - 1)", (-4, 3, 3), {}),
        ("f(True, None, 'strided', x=False)", (True, None, "strided"), {"x": False}),
        ("f(pi / 2, -inf)", (math.pi / 2, -math.inf), {}),
        ("f((1, 2), [3])", ((1, 2), (3,)), {}),
        ("a/b (1)/c.py:f(2)", (2,), {}),
    ],
)
def test_arguments(text: str, positional: tuple[object, ...], named: dict[str, object]) -> None:
    head, got_positional, got_named = head_and_arguments(text)
    assert (got_positional, got_named) == (positional, named)
    assert text.startswith(head)
    assert not head.endswith(" ")


@given(a=st.integers(-99, 99), b=st.integers(1, 99), c=st.floats(-1e6, 1e6))
def test_arithmetic_is_pythons(a: int, b: int, c: float) -> None:
    expression = f"({a} / {b} - {c!r}) * {b} ** 2 + -({a})"
    expected = (a / b - c) * b**2 + -a
    assert head_and_arguments(f"f({expression})")[1] == (expected,)


@pytest.mark.parametrize(
    "text, said",
    [
        ("leaky_relu(abc)", "got abc in 'leaky_relu\\(abc\\)'"),
        ("f(__import__('os').system('true'))", "arguments are numbers"),
        ("f((lambda: 1)())", "arguments are numbers"),
        ("f([x for x in (1, 2)])", "arguments are numbers"),
        ("f('a' * 9)", "arithmetic is for numbers"),
        ("f(True + 1)", "arithmetic is for numbers"),
        ("f(1 // 2)", "arguments are numbers"),
        ("f(1/0)", "division by zero"),
        ("f(9**9**9)", "powers stay below"),
        ("f(999.0**999)", "too large"),
        ("f((-1)**0.5)", "real"),
        ("f(**{})", r"\*\*"),
        ("f(*[1])", "arguments are numbers"),
        ("f(x=1, x=2)", "x comes twice"),
        ("f(1 2)", "written as in Python"),
        ("f(1)x", "`name` or `name\\(arguments\\)`"),
        ("f(1)(2)", "`name` or `name\\(arguments\\)`"),
        ("f(1) + g(2)", "`name` or `name\\(arguments\\)`"),
        (f"f({'-' * 5000}1)", "at most"),
    ],
)
def test_anything_else_is_refused(text: str, said: str) -> None:
    with pytest.raises(ArgumentError, match=said) as caught:
        head_and_arguments(text)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


@given(st.text(max_size=60))
def test_any_text_parses_or_raises_one_line(text: str) -> None:
    message = ""
    try:
        for part in split(text):
            head_and_arguments(part)
    except ArgumentError as error:
        message = str(error)
    assert "\n" not in message
