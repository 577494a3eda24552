"""Gated linear units: which half gates, the reference, the edges, and clear errors."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

import rectifiers
from rectifiers import functional, nn, reference
from rectifiers.activations import Gated, registry
from rectifiers.arms import parse_arms
from rectifiers.errors import ArgumentTypeError, ShapeError

GATES: dict[str, Callable[[Tensor], Tensor]] = {
    "glu": torch.sigmoid,
    "reglu": torch.relu,
    "geglu": torch.nn.functional.gelu,
    "swiglu": torch.nn.functional.silu,
}


def sample(*shape: int) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 2


def test_all_gated_units_are_here() -> None:
    assert set(GATES) == {name for name, record in registry.items() if isinstance(record, Gated)}


@pytest.mark.parametrize("dim", [0, 1, 2, -1])
@pytest.mark.parametrize("name", GATES)
def test_the_second_half_gates_the_first_as_in_the_reference(name: str, dim: int) -> None:
    x = sample(4, 6, 8).requires_grad_()
    first, second = x.chunk(2, dim)
    y = getattr(functional, name)(x, dim)
    expected = first * GATES[name](second)
    torch.testing.assert_close(y, expected, rtol=1e-14, atol=1e-15)
    record = getattr(reference, name)
    np.testing.assert_allclose(y.detach(), record.f(x.detach(), dim), rtol=1e-13, atol=1e-15)
    (by_input,) = torch.autograd.grad(y.sum(), x)
    np.testing.assert_allclose(by_input, record.df(x.detach(), dim), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", GATES)
def test_the_module_is_the_function(name: str) -> None:
    title = registry[name].title
    module = getattr(nn, title)()
    x = sample(3, 8)
    assert torch.equal(module(x), getattr(functional, name)(x))
    assert repr(module) == f"{title}(dim=-1)"
    assert isinstance(nn.GLU(), torch.nn.GLU)


@pytest.mark.parametrize("name", GATES)
def test_as_an_arm_the_width_is_halved_and_the_gain_is_that_of_the_gate(name: str) -> None:
    (arm,) = parse_arms(name)
    assert (arm.inputs(6), arm.outputs(6), arm.keeps_width) == (12, 3, False)
    assert arm(12)(torch.zeros(2, 12, 5)).shape == (2, 6, 5)
    assert arm.curve() is None
    gate = registry[name].gate.name  # type: ignore[attr-defined]
    assert arm.gain == rectifiers.gain(name) == rectifiers.gain(gate)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32], ids=str)
@pytest.mark.parametrize("name", GATES)
def test_types_and_strides(name: str, dtype: torch.dtype) -> None:
    function, x = getattr(functional, name), sample(2, 4, 6, 8).to(dtype)
    expected = function(x, 1)
    assert expected.dtype == dtype
    views = (x.to(memory_format=torch.channels_last), x.transpose(0, 1).contiguous().transpose(0, 1))
    for view in views:
        torch.testing.assert_close(function(view, 1), expected)
    assert function(torch.empty(0, 4)).shape == (0, 2)


def test_what_cannot_be_halved_is_said() -> None:
    with pytest.raises(ShapeError, match=r"swiglu gates one half .* must be even, but got 7 .* dim=-1"):
        functional.swiglu(torch.zeros(2, 7))
    with pytest.raises(ShapeError, match="must be an axis of the input, got dim=2"):
        functional.glu(torch.zeros(2, 8), 2)
    with pytest.raises(ShapeError, match="must be even"):
        reference.geglu.f(np.zeros((2, 3)))
    with pytest.raises(ArgumentTypeError, match="`dim` must be a whole number"):
        nn.ReGLU(0.5)


def test_the_derivative_that_a_deep_network_sees_counts_both_inputs() -> None:
    found = rectifiers.gain("reglu")
    assert found.chi(1.0, 0.0) == pytest.approx(0.0, abs=1e-6)  # the product of two small numbers vanishes
    moments = found._moments
    x = sample(400_000, 2)[:, None, :] / 2
    x.requires_grad_()
    (slopes,) = torch.autograd.grad(functional.reglu(x).sum(), x)
    expected = slopes.square().sum(-1).mean().item()
    assert moments.slope_square(1.0) == pytest.approx(expected, rel=0.02)
