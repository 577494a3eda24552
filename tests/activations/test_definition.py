"""`elementwise` refuses what does not belong together, and names the point."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from rectifiers import elementwise
from rectifiers.activations import Choice, Elementwise, Learned, Real, Uniform, registry
from rectifiers.activations._proof import prove
from rectifiers.errors import DefinitionError
from rectifiers.vocabulary import abs as absolute
from rectifiers.vocabulary import exp, expm1, sigmoid, sqrt, tanh, where

HALF = 0.5


def relu(x: Any) -> Any:
    """The positive part.

    Further lines are not its summary.
    """
    return where(x > 0, x, 0.0)


def step(positive: Any) -> Any:
    return where(positive, 1.0, 0.0)


def swish(x: Any, beta: Any) -> Any:
    return x * sigmoid(beta * x)


def swish_slope(x: Any, beta: Any) -> Any:
    return sigmoid(beta * x) * (1.0 + beta * x * sigmoid(-beta * x))


def swish_by_beta(x: Any, beta: Any) -> Any:
    return x * x * sigmoid(beta * x) * sigmoid(-beta * x)


def elu(x: Any, alpha: Any) -> Any:
    return where(x > 0, x, alpha * expm1(x))


def elu_slope(y: Any, alpha: Any) -> Any:
    return where(y > 0, 1.0, y + alpha)


def elu_slope_of_input(x: Any, alpha: Any) -> Any:
    return where(x > 0, 1.0, alpha * exp(x))


my_elu = elementwise("my_elu", elu, elu_slope, keeps="output", parameters={"alpha": Real(1.0)}, kinks=[0.0])


@pytest.mark.parametrize(
    "record", [r for r in registry.values() if isinstance(r, Elementwise)], ids=lambda record: record.name
)
def test_the_built_in_ones_pass_their_own_proof(record: Elementwise) -> None:
    prove(record)


def test_what_is_not_said_is_derived() -> None:
    record = elementwise("my_re_lu", relu, step, keeps="sign", kinks=[0.0])
    assert record.title == "MyReLu"
    assert record.summary == "The positive part."
    assert record.f([-1.0, 2.0]).tolist() == [0.0, 2.0]
    assert record.df([-1.0, 0.0, 2.0]).tolist() == [0.0, 0.0, 1.0]


def test_numbers_of_the_module_are_words_too() -> None:
    record = elementwise("halved", lambda x: HALF * x, lambda x: HALF, keeps="input")
    assert record.df([[1.0, 2.0]]).tolist() == [[0.5, 0.5]]


def test_a_record_pickles_through_the_module_that_holds_it() -> None:
    assert pickle.loads(pickle.dumps(my_elu)) is my_elu
    other = elementwise("other", relu, step, keeps="sign", kinks=[0.0])
    again = pickle.loads(pickle.dumps(other))
    assert again is not other
    assert again.f(2.0) == 2.0


def test_choices_are_tried_one_by_one() -> None:
    def definition(slope: Callable[..., Any]) -> Elementwise:
        return elementwise(
            "curved", curved, slope, keeps="input", parameters={"kind": Choice("soft", ("soft", "hard"))}
        )

    definition(curved_slope)
    with pytest.raises(DefinitionError, match=r"\(kind='hard'\)$"):
        definition(curved_slope_of_soft)


def curved(x: Any, kind: Any) -> Any:
    return tanh(x) if kind == "soft" else tanh(2.0 * x)


def curved_slope(x: Any, kind: Any) -> Any:
    y = curved_value = tanh(x) if kind == "soft" else tanh(2.0 * x)
    return (1.0 - y * curved_value) * (1.0 if kind == "soft" else 2.0)


def curved_slope_of_soft(x: Any, kind: Any) -> Any:
    return 1.0 - tanh(x) * tanh(x)


def closure() -> Callable[..., Any]:
    factor = 2.0

    def f(x: Any) -> Any:
        return factor * x

    return f


def helper(x: Any) -> Any:
    return relu(x)


def steps(x: Any) -> Any:
    return where(x > 1, 2.0 * x - 1.0, where(x > 0, x, 0.0))


CASES: dict[str, tuple[Callable[[], Any], str]] = {
    "wrong derivative": (
        lambda: elementwise("a", tanh_of, lambda y: 1.0 - y, keeps="output"),
        "a: df is 1.10337 at x=-0.103737, but f has slope 0.989315 there",
    ),
    "one scalar for all": (
        lambda: elementwise("a", relu, lambda x: 1.0, keeps="input", kinks=[0.0]),
        "a: df is 1 at x=-0.103737, but f has slope 0 there",
    ),
    "threshold at another place": (
        lambda: elementwise("a", relu, lambda x: where(x > 0.3, 1.0, 0.0), keeps="input", kinks=[0.0]),
        "a: df is 0 at x=0.103737, but f has slope 1 there",
    ),
    "wants the input, is given the output": (
        lambda: elementwise("a", swish_one, swish_one_slope, keeps="output"),
        "df is right as a function of the input: say keeps='input', not 'output'",
    ),
    "sign does not determine": (
        lambda: elementwise("a", steps, step, keeps="sign", kinks=[0.0, 1.0]),
        "the sign does not determine the derivative: it is the same at x=0.203737, with slope 1",
    ),
    "output does not determine": (
        lambda: elementwise("a", lambda x: x * x, lambda y: 2.0 * sqrt(y), keeps="output"),
        "the output does not determine the derivative: it is the same at x=0.103737, with slope 0.207",
    ),
    "output does not determine, between points": (
        lambda: elementwise("a", lambda x: (x - 1.0) * (x - 1.0), lambda y: 2.0 * sqrt(y), keeps="output"),
        "the output does not determine the derivative: it is the same at x=2.10374, with slope 2.20747",
    ),
    "a parameter's other values": (
        lambda: elementwise(
            "a", elu, lambda y, alpha: where(y > 0, 1.0, y + 1.0), keeps="output", kinks=[0.0],
            parameters={"alpha": Real(1.0)},
        ),
        "(alpha=0.5)",
    ),
    "df_input": (
        lambda: elementwise(
            "a", elu, elu_slope, df_input=lambda x, alpha: where(x > 0, 1.0, exp(x)), keeps="output",
            parameters={"alpha": Real(1.0)}, kinks=[0.0],
        ),
        "a: df_input is 0.901462 at x=-0.103737, but f has slope 0.450731 there (alpha=0.5)",
    ),
    "derivative of a learned parameter": (
        lambda: elementwise(
            "a", swish, swish_slope, keeps="input",
            parameters={"beta": Learned(1.0, lambda x, beta: x * sigmoid(beta * x))},
        ),
        "a: the derivative by beta is ",
    ),
    "value at a kink": (
        lambda: elementwise(
            "a", relu, lambda x: where(x > 0, 1.0, where(x < 0, 0.0, 1.5)), keeps="input", kinks=[0.0]
        ),
        "a: df is 1.5 at the kink x=0, outside the one-sided derivatives 0 and 1",
    ),
    "undeclared kink": (
        lambda: elementwise("a", relu, step, keeps="sign"),
        "a: the slope of f jumps at x=0: name the point in `kinks`",
    ),
    "overflow": (
        lambda: elementwise("a", lambda x: exp(x) / (1.0 + exp(x)), lambda y: y * (1.0 - y), keeps="output"),
        "a: f is nan at x=1000",
    ),
    "unknown word": (
        lambda: elementwise("a", lambda x: np.tanh(x), lambda y: 1.0 - y * y, keeps="output"),
        "a: f uses the unknown word `np`: write it in those of rectifiers.vocabulary (abs, erf, ",
    ),
    "unknown word in df": (
        lambda: elementwise("a", tanh_of, lambda y: max(y, 0.0), keeps="output"),
        "a: df uses the unknown word `max`",
    ),
    "helper function": (
        lambda: elementwise("a", helper, step, keeps="sign"),
        "a: f uses the unknown word `relu`",
    ),
    "attribute": (
        lambda: elementwise("a", lambda x: x.clip(0), step, keeps="sign"),
        "a: f must use arguments, numbers and words alone, but uses 'clip'",
    ),
    "closure": (
        lambda: elementwise("a", closure(), step, keeps="input"),
        "a: f uses `factor` of the function around it: make it a parameter",
    ),
    "not a function": (
        lambda: elementwise("a", tanh, step, keeps="input"),
        "a: f must be a plain Python function",
    ),
    "arguments": (
        lambda: elementwise("a", elu, elu_slope, keeps="output", parameters={"slope": Real(1.0)}),
        "a: f must take (x, slope), but takes (x, alpha)",
    ),
    "Python branch on an array": (
        lambda: elementwise("a", lambda x: x if x > 0 else 0.0, step, keeps="sign"),
        "a: f raised ValueError: The truth value of an array",
    ),
    "name": (
        lambda: elementwise("my act", relu, step, keeps="sign", kinks=[0.0]),
        "an activation's name must be a Python identifier, got 'my act'",
    ),
    "keeps": (
        lambda: elementwise("a", relu, step, keeps="mask"),  # type: ignore[arg-type]
        "a: `keeps` must be 'sign', 'output' or 'input', got 'mask'",
    ),
    "output_suffices alone": (
        lambda: elementwise(
            "a", elu, elu_slope, keeps="output", output_suffices=lambda alpha: True,
            parameters={"alpha": Real(1.0)},
        ),
        "a: `output_suffices` needs `df_input`",
    ),
    "two random parameters": (
        lambda: elementwise(
            "a", relu, step, keeps="sign", parameters={"r": Uniform(0, 1), "s": Uniform(0, 1)}
        ),
        "a: an activation has at most one random parameter",
    ),
}  # fmt: skip


def tanh_of(x: Any) -> Any:
    return tanh(x)


def swish_one(x: Any) -> Any:
    return x * sigmoid(x)


def swish_one_slope(x: Any) -> Any:
    return sigmoid(x) * (1.0 + x * sigmoid(-x))


@pytest.mark.parametrize("case", CASES)
def test_refused(case: str) -> None:
    make, message = CASES[case]
    with pytest.raises(DefinitionError) as caught:
        make()
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_where_the_output_does_not_suffice_the_input_is_used() -> None:
    record = elementwise(
        "e",
        elu,
        elu_slope,
        df_input=elu_slope_of_input,
        output_suffices=lambda alpha: alpha >= 0,
        keeps="output",
        parameters={"alpha": Real(-1.0)},
        kinks=[0.0],
    )
    assert record.df(-1.0) == -np.exp(-1.0)


def test_an_even_function_keeps_its_input() -> None:
    record = elementwise(
        "even", lambda x: absolute(x), lambda x: where(x > 0, 1.0, -1.0), keeps="input", kinks=[0.0]
    )
    assert record.df([-2.0, 2.0]).tolist() == [-1.0, 1.0]
