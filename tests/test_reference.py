"""The NumPy reference: shapes, the three that work along an axis, and properties that hold everywhere."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from rectifiers import reference
from rectifiers.activations import Elementwise, registry

ELEMENTWISE = [name for name, record in registry.items() if isinstance(record, Elementwise)]
MONOTONE = [name for name in ELEMENTWISE if name not in ("gelu", "silu", "mish", "hardswish")]
LIPSCHITZ = dict.fromkeys(("relu", "leaky_relu", "prelu", "rrelu", "elu", "celu", "relu6", "tanh"), 1.0) | {
    "sigmoid": 0.25,
    "softplus": 1.0,
    "selu": 1.0507009873554805 * 1.6732632423543772,
    "gelu": 1.1290,
    "silu": 1.0999,
    "mish": 1.0886,
}
floats = st.floats(-1e3, 1e3)


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_shapes_and_types(name: str) -> None:
    record = registry[name]
    for function in (record.f, record.df):
        assert isinstance(function(2.0), float)
        assert function([]).shape == (0,)
        assert function(np.ones((2, 0, 3))).shape == (2, 0, 3)
        assert function([[1, 2], [3, -4]]).dtype == np.float64
        view = np.arange(-12.0, 12.0).reshape(4, 6)[::2, 1::3].T
        np.testing.assert_array_equal(function(view), function(np.ascontiguousarray(view)))


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_nothing_warns_and_the_input_stays(name: str) -> None:
    x = np.array([-math.inf, -1e308, -1e3, -0.0, 5e-324, 1e3, 1e308, math.inf, math.nan])
    before = x.copy()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        registry[name].f(x)
        registry[name].df(x)
    np.testing.assert_array_equal(x, before)
    assert np.isfinite(registry[name].f(x[1:7])[~(np.abs(x[1:7]) > 1e300)]).all()


@pytest.mark.parametrize("name", MONOTONE)
@settings(deadline=None, derandomize=True)
@given(a=floats, b=floats)
def test_monotone(name: str, a: float, b: float) -> None:
    low, high = min(a, b), max(a, b)
    assert registry[name].f(low) <= registry[name].f(high)


@pytest.mark.parametrize("name", LIPSCHITZ)
@settings(deadline=None, derandomize=True)
@given(a=floats, b=floats)
def test_lipschitz(name: str, a: float, b: float) -> None:
    f = registry[name].f
    assert abs(f(a) - f(b)) <= LIPSCHITZ[name] * abs(a - b) * (1 + 1e-6) + 1e-12


@settings(deadline=None, derandomize=True)
@given(arrays(np.float64, (7,), elements=floats))
def test_identities(x: np.ndarray) -> None:
    r = reference
    np.testing.assert_array_equal(r.relu.f(r.relu.f(x)), r.relu.f(x))
    np.testing.assert_array_equal(r.relu.f(x) - r.relu.f(-x), x)
    np.testing.assert_array_equal(r.leaky_relu.f(x, 1.0), x)
    np.testing.assert_array_equal(r.leaky_relu.f(x, 0.0), r.relu.f(x))
    np.testing.assert_array_equal(r.squared_relu.f(x), r.relu.f(x) ** 2)
    np.testing.assert_array_equal(r.relu6.f(x), np.minimum(r.relu.f(x), 6))
    np.testing.assert_array_equal(r.celu.f(x, 1.0), r.elu.f(x, 1.0))
    np.testing.assert_allclose(r.sigmoid.f(x) + r.sigmoid.f(-x), 1, rtol=1e-15)
    np.testing.assert_allclose(r.tanh.f(x), 2 * r.sigmoid.f(2 * x) - 1, atol=1e-15)
    np.testing.assert_allclose(r.silu.f(x), x * r.sigmoid.f(x), atol=1e-300)
    np.testing.assert_allclose(r.softplus.f(x) - r.softplus.f(-x), x, rtol=1e-8, atol=1e-14)


@settings(deadline=None, derandomize=True)
@given(arrays(np.float64, (3, 5), elements=st.floats(-700, 700)), st.floats(-100, 100))
def test_softmax_sums_to_one_and_ignores_a_shift(x: np.ndarray, shift: float) -> None:
    s = reference.softmax.f(x, 1)
    np.testing.assert_allclose(s.sum(axis=1), 1, rtol=1e-14)
    np.testing.assert_allclose(reference.softmax.f(x + shift, 1), s, rtol=1e-9, atol=1e-300)


def test_softmax_of_two_is_the_sigmoid_of_their_difference() -> None:
    z = np.linspace(-30, 30, 61)
    s = reference.softmax.f(np.stack([z, np.zeros_like(z)]), 0)
    np.testing.assert_allclose(s[0], reference.sigmoid.f(z), rtol=1e-14)


@pytest.mark.parametrize("axis", [0, 1, 2, -1])
def test_jacobian_of_softmax(axis: int) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 3, 4))
    jacobian = reference.softmax.df(x, axis)
    assert jacobian.shape == (*x.shape, x.shape[axis])
    h = 1e-6
    for j in range(x.shape[axis]):
        step = np.zeros_like(x)
        np.moveaxis(step, axis, -1)[..., j] = h
        slope = (reference.softmax.f(x + step, axis) - reference.softmax.f(x - step, axis)) / (2 * h)
        np.testing.assert_allclose(jacobian[..., j], slope, atol=1e-9)


@pytest.mark.parametrize("grouping", ["consecutive", "strided"])
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_winners_of_maxout(axis: int, grouping: str) -> None:
    x = np.random.default_rng(0).integers(0, 3, size=(6, 6)).astype(float)  # ties
    won = reference.maxout.df(x, 3, axis, grouping)
    assert set(np.unique(won)) == {0.0, 1.0}
    shape = (2, 3) if grouping == "consecutive" else (3, 2)
    pieces = 1 if grouping == "consecutive" else 0
    split = np.moveaxis(won, axis, 0).reshape(*shape, 6)
    np.testing.assert_array_equal(split.sum(axis=pieces), 1)
    values = np.moveaxis(x, axis, 0).reshape(*shape, 6)
    picked = (values * split).sum(axis=pieces)
    np.testing.assert_array_equal(picked, np.moveaxis(reference.maxout.f(x, 3, axis, grouping), axis, 0))
    np.testing.assert_array_equal(split.argmax(axis=pieces), values.argmax(axis=pieces))


def test_a_random_or_learned_slope_may_be_an_array() -> None:
    x = np.array([[-2.0, 2.0], [-4.0, -4.0]])
    np.testing.assert_array_equal(reference.rrelu.f(x, [[0.5, 0.5], [0.25, 1.0]]), [[-1, 2], [-1, -4]])
    np.testing.assert_array_equal(reference.prelu.df(x, [0.5, 0.1]), [[0.5, 1], [0.5, 0.1]])
    assert reference.rrelu.f(-1.0) == -(1 / 8 + 1 / 3) / 2


def test_worked_values() -> None:
    np.testing.assert_allclose(reference.leaky_relu.f([-2.0, 0.0, 3.0], 1 / 5.5), [-2 / 5.5, 0, 3])
    np.testing.assert_array_equal(reference.leaky_relu.df([-2.0, 0.0, 3.0], 0.1), [0.1, 0.1, 1.0])
    assert reference.elu.f(-1.0) == math.expm1(-1)
    assert reference.elu.df(0.0, 2.0) == 2.0
    assert reference.sigmoid.f(0.0) == 0.5
    assert reference.sigmoid.df(0.0) == 0.25
    assert np.round(reference.softmax.f([3, 0.7, 0.5], 0), 3).tolist() == [0.846, 0.085, 0.069]
