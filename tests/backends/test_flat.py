"""The usual case of kernels under autograd has a shorter way: it gives what the longer one gives."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from rectifiers.activations import registry
from rectifiers.backends._autograd import elementwise, flat
from rectifiers.backends.cpu import kernels

CASES: list[tuple[str, tuple[Any, ...]]] = [
    ("relu", ()),
    ("leaky_relu", (0.3,)),
    ("leaky_relu", (0.0,)),
    ("leaky_relu", (-0.0,)),
    ("elu", (1.3,)),
    ("elu", (-0.7,)),
    ("selu", ()),
    ("softplus", (1.0, 20.0)),
    ("gelu", ("none",)),
    ("gelu", ("tanh",)),
    ("tanh", ()),
]
DTYPES = (torch.float32, torch.float64, torch.bfloat16)


def sample(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64).to(dtype)


def both(name: str, values: tuple[Any, ...], x: Tensor, g: Tensor) -> list[list[Tensor]]:
    """Value, gradient and gradient of the gradient, by the shorter way and by the longer."""
    found = []
    for shorter in (True, False):
        leaf = x.detach().clone(memory_format=torch.preserve_format).requires_grad_()
        record = registry[name]
        y = (
            flat(record, kernels, leaf, values)
            if shorter
            else elementwise(record, kernels, leaf, values, False)
        )
        (first,) = torch.autograd.grad(y, leaf, g, retain_graph=True)
        (followed,) = torch.autograd.grad(y, leaf, g, create_graph=True)
        second = torch.autograd.grad((followed * g + leaf).sum(), leaf)  # of straight ones it is 1
        found.append([y, first, followed, *second])
    return found


def assert_same(found: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(found, expected, rtol=0, atol=0, equal_nan=True, check_stride=True)
    number = ~expected.isnan()
    assert torch.equal(found[number].signbit(), expected[number].signbit())


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("name, values", CASES)
def test_contiguous_tensors_of_any_size(name: str, values: tuple[Any, ...], dtype: torch.dtype) -> None:
    for n in (1, 7, 64, 1000, 40000):  # with threads from 32,768 on
        x = sample(n, dtype=dtype)
        x[0], x[-1] = -0.0, -1.5
        for found, expected in zip(*both(name, values, x, sample(n, dtype=dtype)), strict=True):
            assert_same(found, expected)


@pytest.mark.parametrize("name, values", CASES)
def test_other_layouts_of_input_and_gradient(name: str, values: tuple[Any, ...]) -> None:
    x = sample(2, 3, 4, 5)
    last = x.contiguous(memory_format=torch.channels_last)
    for input in (x, last, x.transpose(0, 2), x[:, :, ::2], x[:1].expand(2, 3, 4, 5)):
        for gradient in (torch.ones(input.shape), sample(*input.shape).mT.contiguous().mT):
            for found, expected in zip(*both(name, values, input, gradient), strict=True):
                assert_same(found, expected)


def test_slopes_that_differ_by_the_sign_of_zero_are_kept_apart() -> None:
    x = torch.tensor([-1.0, 2.0])
    for _ in range(2):
        for slope in (0.0, -0.0):
            y = flat(registry["leaky_relu"], kernels, x, (slope,))
            assert math.copysign(1, y[0].item()) == -math.copysign(1, slope)


def test_a_hook_may_give_back_what_was_kept_in_another_layout() -> None:
    record = registry["softplus"]
    x = sample(3, 4, 5, 6).contiguous(memory_format=torch.channels_last).requires_grad_()
    plain = flat(record, kernels, x, record.defaults)
    with torch.autograd.graph.saved_tensors_hooks(lambda t: t.clone(), lambda t: t.contiguous()):
        hooked = flat(record, kernels, x, record.defaults)
    g = sample(3, 4, 5, 6)
    assert_same(torch.autograd.grad(hooked, x, g)[0], torch.autograd.grad(plain, x, g)[0])


def test_nothing_is_kept_where_nothing_is_learned() -> None:
    record = registry["elu"]
    assert flat(record, kernels, sample(5), record.defaults).grad_fn is None
    x = sample(5).requires_grad_()
    with torch.no_grad():
        assert flat(record, kernels, x, record.defaults).grad_fn is None
