"""Every elementwise activation in place, for any slope, and under autograd."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from rectifiers import functional
from rectifiers.activations import Elementwise, registry

CASES: list[tuple[str, tuple[Any, ...]]] = [
    (name, ()) for name, record in registry.items() if isinstance(record, Elementwise) and name != "prelu"
]
CASES += [
    ("leaky_relu", (-0.5,)),
    ("leaky_relu", (0.0,)),
    ("rrelu", (-0.5, -0.2)),
    ("elu", (-1.5,)),
    ("celu", (-1.5,)),
    ("gelu", ("tanh",)),
    ("prelu", (torch.tensor([-0.5, 0.25, 0.0]),)),
]


def sample() -> torch.Tensor:
    x = torch.randn(4, 3, generator=torch.Generator().manual_seed(0)) * 4
    x[0] = torch.tensor([0.0, -0.0, 6.0])
    return x


@pytest.mark.parametrize("name, values", CASES, ids=lambda case: str(case) if isinstance(case, str) else "")
def test_value_and_gradient_are_those_out_of_place(name: str, values: tuple[Any, ...]) -> None:
    function = getattr(functional, name)
    x = sample().requires_grad_()
    expected = function(x, *values)
    (expected_grad,) = torch.autograd.grad(expected, x, torch.ones_like(x))
    before = x.clone()
    found = function(before, *values, inplace=True)
    assert found is before
    torch.testing.assert_close(found, expected, rtol=0, atol=0)
    (grad,) = torch.autograd.grad(found, x, torch.ones_like(x))
    # read off the output where torch does, as its own in-place gradient is
    torch.testing.assert_close(grad, expected_grad, rtol=1e-5, atol=3e-7)


@pytest.mark.parametrize("name, values", CASES, ids=lambda case: str(case) if isinstance(case, str) else "")
def test_without_autograd_nothing_else_is_allocated_for_long(name: str, values: tuple[Any, ...]) -> None:
    x = sample()
    pointer = x.data_ptr()
    found = getattr(functional, name)(x, *values, inplace=True)
    assert found is x
    assert x.data_ptr() == pointer
    assert not x.requires_grad


def test_the_slope_of_prelu_learns_where_the_input_needs_no_gradient() -> None:
    weight = torch.tensor([-0.5, 0.25, 0.0], requires_grad=True)
    x = sample()
    expected = torch.where(x > 0, 0.0, x).sum(dim=0)
    functional.prelu(x, weight, inplace=True).sum().backward()
    torch.testing.assert_close(weight.grad, expected)


@pytest.mark.parametrize("name", ["relu", "leaky_relu", "gelu", "softplus"])
def test_a_leaf_that_needs_a_gradient_is_refused_as_in_torch(name: str) -> None:
    with pytest.raises(RuntimeError, match="leaf Variable that requires grad"):
        getattr(functional, name)(torch.randn(3, requires_grad=True), inplace=True)


def test_inplace_goes_by_position_as_in_torch() -> None:
    for name, values in (("relu", ()), ("leaky_relu", (0.2,)), ("elu", (1.0,)), ("rrelu", (0.1, 0.2, False))):
        x = sample()
        assert getattr(functional, name)(x, *values, True) is x
