"""Maxout and CReLU: grouping, ties, NaN, and the identities of the papers."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rectifiers import functional as F
from rectifiers import nn, reference


def test_maxout_groups_consecutive_features() -> None:
    x = torch.tensor([[1.0, 5.0, 2.0, 3.0, 9.0, 4.0]])
    assert F.maxout(x).tolist() == [[5, 3, 9]]
    assert F.maxout(x, 3).tolist() == [[5, 9]]
    assert F.maxout(x, 2, grouping="strided").tolist() == [[3, 9, 4]]
    assert F.maxout(x, 1).tolist() == x.tolist()
    assert F.maxout(x, 6, -1).tolist() == [[9]]


@pytest.mark.parametrize("grouping", ["consecutive", "strided"])
@pytest.mark.parametrize("dim", [0, 1, 2, -1])
def test_maxout_is_its_reference(dim: int, grouping: str) -> None:
    x = torch.randn(6, 6, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()
    y = F.maxout(x, 3, dim, grouping)
    np.testing.assert_array_equal(y.detach(), reference.maxout.f(x.detach(), 3, dim, grouping))
    (grad,) = torch.autograd.grad(y.sum(), x)
    np.testing.assert_array_equal(grad, reference.maxout.df(x.detach(), 3, dim, grouping))


def test_maxout_lets_nan_win_and_keeps_infinities() -> None:
    nan, inf = math.nan, math.inf
    x = torch.tensor([[nan, 1.0, 1.0, nan, -inf, -inf, inf, nan]])
    np.testing.assert_array_equal(F.maxout(x), [[nan, nan, -inf, nan]])
    np.testing.assert_array_equal(reference.maxout.f(x.numpy()), [[nan, nan, -inf, nan]])


def test_maxout_of_views_and_channels_last() -> None:
    x = torch.randn(2, 6, 4, 4)
    for view in (x.to(memory_format=torch.channels_last), x.transpose(2, 3), x[:, :, ::2]):
        assert torch.equal(F.maxout(view, 3), F.maxout(view.contiguous(), 3))
    assert F.maxout(torch.empty(0, 4)).shape == (0, 2)


def test_absolute_value_and_relu_are_maxouts() -> None:
    """Goodfellow et al. 2013, figure 1."""
    x = torch.linspace(-3, 3, 101).unsqueeze(1)
    for weights, function in (([1.0, -1.0], torch.abs), ([1.0, 0.0], torch.relu)):
        layer = nn.MaxoutLinear(1, 1, pieces=2)
        with torch.no_grad():
            layer.weight.copy_(torch.tensor(weights).unsqueeze(1))
            layer.bias.zero_()
        torch.testing.assert_close(layer(x), function(x), rtol=0, atol=0)


@pytest.mark.parametrize("pieces", [4, 8, 16])
def test_a_convex_function_is_approximated_by_its_tangents(pieces: int) -> None:
    """x^2 on [-1, 1] by k tangents: the error is 1 / k^2."""
    at = torch.linspace(-1 + 1 / pieces, 1 - 1 / pieces, pieces, dtype=torch.float64)
    layer = nn.MaxoutLinear(1, 1, pieces, dtype=torch.float64)
    with torch.no_grad():
        layer.weight.copy_(2 * at.unsqueeze(1))
        layer.bias.copy_(-at.square())
    x = torch.linspace(-1, 1, 2001, dtype=torch.float64).unsqueeze(1)
    error = (x.square() - layer(x)).abs().max().item()
    assert error == pytest.approx(1 / pieces**2, rel=1e-6)


def test_a_convex_function_is_learned() -> None:
    torch.manual_seed(0)
    layer = nn.MaxoutLinear(1, 1, pieces=8)
    x = torch.linspace(-2, 2, 200).unsqueeze(1)
    optimizer = torch.optim.Adam(layer.parameters(), lr=0.05)
    for _ in range(150):
        optimizer.zero_grad()
        loss = (layer(x) - x.square()).square().mean()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.05  # the best line has 1.4


def test_maxout_linear_is_the_layer_of_the_paper() -> None:
    layer = nn.MaxoutLinear(5, 3, pieces=4)
    x = torch.randn(2, 7, 5)
    maps = torch.einsum("...d,mjd->...mj", x, layer.weight.view(3, 4, 5)) + layer.bias.view(3, 4)
    torch.testing.assert_close(layer(x), maps.amax(-1))
    assert layer.bias is not None
    assert nn.MaxoutLinear(5, 3, bias=False).bias is None
    assert (layer.weight.abs() <= 5**-0.5).all()
    torch.manual_seed(1)
    layer.reset_parameters()
    torch.manual_seed(1)
    linear = torch.nn.Linear(5, 12)
    assert (layer.weight.abs() <= 5**-0.5).all()
    assert layer.weight.shape == linear.weight.shape


@settings(deadline=None, derandomize=True)
@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20))
def test_crelu_keeps_the_norm_and_loses_nothing(values: list[float]) -> None:
    x = torch.tensor([values], dtype=torch.float64)
    y = F.crelu(x)
    assert y.shape == (1, 2 * len(values))
    assert torch.linalg.vector_norm(y).item() == pytest.approx(torch.linalg.vector_norm(x).item(), rel=1e-12)
    positive, negative = y.chunk(2, dim=1)
    assert torch.equal(positive - negative, x)


def test_crelu_at_the_edges() -> None:
    nan, inf = math.nan, math.inf
    x = torch.tensor([[0.0, -0.0, inf, -inf, nan, 2.0]], requires_grad=True)
    y = F.crelu(x)
    np.testing.assert_array_equal(y.detach(), [[0, 0, inf, 0, nan, 2, 0, 0, 0, inf, nan, 0]])
    (grad,) = torch.autograd.grad(y[:, [0, 1, 2, 3, 5, 6, 7, 8, 9, 11]].sum(), x)
    assert grad[0, :4].tolist() == [0, 0, 1, -1]
    np.testing.assert_array_equal(reference.crelu.df([[0.0, 3.0, -2.0]]), [[0, 1, 0, 0, 0, -1]])


def test_crelu_along_any_axis() -> None:
    x = torch.randn(2, 3, 4)
    for dim in (0, 1, 2, -1):
        np.testing.assert_array_equal(F.crelu(x, dim), reference.crelu.f(x, dim).astype(np.float32))
    image = torch.randn(2, 3, 4, 4).to(memory_format=torch.channels_last)
    assert F.crelu(image).is_contiguous(memory_format=torch.channels_last)


def test_traced_maxout_is_eager_maxout_with_ties_and_nan() -> None:
    """While tracing it is written in comparisons."""
    torch._dynamo.reset()

    def several(x: torch.Tensor) -> list[torch.Tensor]:
        return [F.maxout(x, 1), F.maxout(x), F.maxout(x, 3), F.maxout(x, 3, grouping="strided")]

    x = torch.tensor(
        [[1.0, 1.0, -0.0, 0.0, 2.0, 3.0], [3.0, 2.0, -1.0, -1.0, -1.0, -math.inf]], requires_grad=True
    )
    compiled = torch.compile(several, backend="aot_eager", fullgraph=True)
    results = []
    for f in (several, compiled):
        outputs = f(x)
        results.append((outputs, torch.autograd.grad(sum(y.sum() for y in outputs), x)))
    torch.testing.assert_close(results[0], results[1], rtol=0, atol=0)
    odd = torch.tensor([[math.nan, 1.0, 1.0, math.nan, math.nan, math.nan]])
    torch.testing.assert_close(compiled(odd), several(odd), equal_nan=True)
