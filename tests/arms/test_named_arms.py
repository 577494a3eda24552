"""Arms by name and out of torch: parsing, identity, shapes, gains, curves."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest
import torch

from rectifiers import nn
from rectifiers.activations import registry
from rectifiers.arms import Arm, parse_arms
from rectifiers.errors import (
    ArgumentError,
    ArgumentTypeError,
    ImportPathError,
    ShapeError,
    UnknownNameError,
    UserCodeError,
)


def arm(text: str) -> Arm:
    (only,) = parse_arms(text)
    return only


@pytest.mark.parametrize("name", registry)
def test_every_registered_activation_is_an_arm(name: str) -> None:
    it = arm(name)
    assert it.label == it.name == name
    module = it(it.inputs(6))
    assert type(module) is getattr(nn, registry[name].title)
    assert module(torch.randn(5, it.inputs(6))).shape == (5, it.outputs(it.inputs(6)))
    assert module(torch.randn(5, it.inputs(6), 3, 2)).shape == (5, it.outputs(it.inputs(6)), 3, 2)


@pytest.mark.parametrize(
    "one, other",
    [
        ("leaky_relu", "leaky_relu(0.01)"),
        ("leaky_relu(1/5.5)", "leaky_relu(negative_slope=2/11)"),
        ("rrelu", "rrelu(1/8, 1/3)"),
        ("elu(1)", "elu(alpha=1.0)"),
        ("relu", "relu(inplace=True)"),
        ("maxout(2)", "maxout(pieces=2)"),
        ("prelu", "prelu(init=0.25)"),
        ("torch:nn.Hardswish", "torch:nn.Hardswish(inplace=False)"),
    ],
)
def test_two_spellings_of_one_thing_are_one_identity(one: str, other: str) -> None:
    assert arm(one).identity == arm(other).identity
    with pytest.raises(ArgumentError, match="arms must differ") as caught:
        parse_arms(f"tanh,{one},{other}")
    assert repr(one) in str(caught.value)
    assert repr(other) in str(caught.value)


@pytest.mark.parametrize(
    "one, other",
    [
        ("leaky_relu", "leaky_relu(0.1)"),
        ("prelu", "prelu(num_parameters=1)"),
        ("maxout", "maxout(3)"),
        ("relu", "torch:nn.ReLU"),
        ("gelu", "gelu(approximate='tanh')"),
    ],
)
def test_different_things_differ_in_identity(one: str, other: str) -> None:
    first, second = parse_arms([one, other])
    assert first.identity != second.identity
    assert first != second


def test_the_same_label_twice_is_an_error() -> None:
    with pytest.raises(ArgumentError, match="arms must differ"):
        parse_arms("relu,relu")
    with pytest.raises(ArgumentError, match="at least one arm"):
        parse_arms([])


def test_a_list_may_mix_text_arms_and_objects() -> None:
    arms = parse_arms(["relu,elu", arm("tanh"), torch.nn.Hardswish])
    assert [a.label for a in arms] == ["relu", "elu", "tanh", "Hardswish"]


@pytest.mark.parametrize(
    "text, error, said",
    [
        ("leeky_relu", UnknownNameError, "did you mean 'leaky_relu'"),
        ("relu<script>alert(1)</script>", ArgumentError, "an arm is"),
        ("relu<script>", UnknownNameError, "unknown activation 'relu<script>'"),
        ("leaky_relu(abc)", ArgumentError, "abc"),
        ("leaky_relu('1')", ArgumentTypeError, "leaky_relu"),
        ("leaky_relu(0.1, 2, 3)", ArgumentError, "leaky_relu"),
        ("leaky_relu(slope=1)", ArgumentError, "negative_slope"),
        ("leaky_relu(inf)", ArgumentError, "finite"),
        ("rrelu(0.5, 0.1)", ArgumentError, "`lower <= upper` must hold, but got lower=0.5, upper=0.1"),
        ("maxout(pieces=0)", ArgumentError, "pieces"),
        ("maxout(pieces=1.5)", ArgumentTypeError, "pieces"),
        ("celu(0)", ArgumentError, "alpha"),
        ("torch:nn.Hardswich", ImportPathError, "did you mean 'Hardswish'"),
        ("torch:nn.Softplus(beta='x')", UserCodeError, "raised TypeError"),
        ("torch:nn.Threshold", ArgumentError, "needs threshold and value"),
        ("torch:nn.Linear(2, 3)", UserCodeError, "raised RuntimeError"),
        ("torch:pi", ArgumentTypeError, "is float"),
        ("torch:sum", ShapeError, "features on axis 1"),
        ("torch:nn.functional.one_hot", UserCodeError, "raised RuntimeError"),
    ],
)
def test_a_bad_arm_is_one_clear_line(text: str, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said.replace("(", r"\(")) as caught:
        parse_arms([text])
    assert "\n" not in str(caught.value)


def test_a_fresh_module_each_time() -> None:
    it = arm("prelu")
    one, two = it(3), it(3)
    assert one.weight is not two.weight
    assert one.weight.shape == (3,)
    assert arm("prelu(num_parameters=1)")(3).weight.shape == (1,)
    assert arm("torch:nn.PReLU")(3).weight.shape == (3,)
    assert arm("torch:nn.PReLU(1, 0.1)")(3).weight.tolist() == pytest.approx([0.1])


@pytest.mark.parametrize(
    "text, units, outputs, inputs",
    [
        ("relu", 6, 6, 6),
        ("crelu", 6, 12, 6),
        ("maxout", 6, 3, 12),
        ("maxout(pieces=3)", 6, 2, 18),
        ("maxout(pieces=11)", 22, 2, 242),
        ("torch:nn.GLU(1)", 6, 3, 12),
        ("softmax", 6, 6, 6),
    ],
)
def test_arms_that_change_the_width_say_so(text: str, units: int, outputs: int, inputs: int) -> None:
    it = arm(text)
    assert (it.outputs(units), it.inputs(units)) == (outputs, inputs)
    assert it.keeps_width == (units == outputs)
    assert it(units)(torch.randn(2, units)).shape == (2, outputs)


@pytest.mark.parametrize(
    "text, gain",
    [
        ("relu", math.sqrt(2)),
        ("crelu", math.sqrt(2)),
        ("leaky_relu(1/5.5)", math.sqrt(2 / (1 + (1 / 5.5) ** 2))),
        ("prelu", math.sqrt(2 / (1 + 0.25**2))),
        ("prelu(init=0.5)", math.sqrt(2 / (1 + 0.5**2))),
        ("maxout", 1.0),
        ("torch:nn.ReLU", math.sqrt(2)),
        ("torch:abs", 1.0),
        ("torch:nn.Identity", 1.0),
    ],
)
def test_gain(text: str, gain: float) -> None:
    assert arm(text).gain == pytest.approx(gain, rel=1e-6)


def test_rrelus_gain_counts_its_random_slope() -> None:
    low, high = 1 / 8, 1 / 3
    mean_square = (low**2 + low * high + high**2) / 3
    assert arm("rrelu").gain == pytest.approx(math.sqrt(2 / (1 + mean_square)), rel=1e-9)


def test_the_gain_of_a_gated_unit_is_of_what_it_puts_out() -> None:
    x, y = np.random.default_rng(0).standard_normal((2, 1_000_000))
    expected = np.mean((x / (1 + np.exp(-y))) ** 2) ** -0.5
    assert arm("torch:nn.GLU(1)").gain == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize("text", ["softmax", "torch:zeros_like"])
def test_no_gain_is_an_error_when_asked_for(text: str) -> None:
    it = arm(text)
    with pytest.raises(ArgumentError, match="gain"):
        _ = it.gain


@pytest.mark.parametrize("text", ["leaky_relu(0.3)", "elu", "gelu", "torch:nn.LeakyReLU(0.3)"])
def test_the_curve_is_the_reference(text: str) -> None:
    curve = arm(text).curve()
    assert curve is not None
    assert len(curve.x) == len(curve.f) == len(curve.df) == 161
    assert (curve.x[0], curve.x[80], curve.x[-1]) == (-4.0, 0.0, 4.0)
    name, values = (text.split("(")[0], (0.3,)) if "0.3" in text else (text, ())
    record = registry["leaky_relu" if "torch" in name else name]
    np.testing.assert_allclose(curve.f, record.f(np.array(curve.x), *values), atol=1e-12)
    np.testing.assert_allclose(curve.df, record.df(np.array(curve.x), *values), atol=1e-12)


def test_the_curve_of_a_random_slope_is_the_mean_one_and_of_a_learned_one_the_first() -> None:
    rrelu, prelu = (arm(text).curve() for text in ("rrelu", "prelu"))
    assert rrelu is not None
    assert prelu is not None
    assert rrelu.f[0] == pytest.approx(-4 * (1 / 8 + 1 / 3) / 2)
    assert prelu.f[0] == pytest.approx(-4 * 0.25)
    assert prelu.df[0] == pytest.approx(0.25)


@pytest.mark.parametrize("text", ["maxout", "crelu", "softmax", "torch:nn.GLU(1)", "torch:nn.Softmin(1)"])
def test_no_curve_where_outputs_depend_on_several_inputs(text: str) -> None:
    assert arm(text).curve() is None


def test_a_function_without_gradient_has_derivative_zero() -> None:
    curve = arm("torch:sign").curve()
    assert curve is not None
    assert set(curve.df) == {0.0}


@pytest.mark.parametrize("text", ["leaky_relu(1/5.5)", "maxout(3)", "torch:nn.Hardswish"])
def test_pickled_by_label(text: str) -> None:
    it = arm(text)
    again = pickle.loads(pickle.dumps(it))
    assert again == it
    assert again.arguments == it.arguments
    assert len(pickle.dumps(it)) < 200


def test_asking_an_arm_leaves_torchs_random_state() -> None:
    torch.manual_seed(3)
    before = torch.get_rng_state()
    for it in parse_arms("rrelu,torch:nn.RReLU,torch:nn.functional.dropout,torch:nn.GLU(1)"):
        _ = it.outputs(4), it.gain, it.curve()
    assert torch.equal(torch.get_rng_state(), before)
