"""Situations of autograd: second derivatives, gradients of any kind that come in, particular numbers."""

from __future__ import annotations

import gc
import math
import weakref
from collections.abc import Callable
from typing import Any

import pytest
import torch
from matrix import KERNELS, Cell, Composed, data, ours_of, same, step, theirs_of, weights
from torch import Tensor

import rectifiers
from rectifiers.activations import Elementwise, registry

# torch's own forward mode compiles its decompositions with what it deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")

# ------------------------------------------------------------------------------------ second derivatives


def second(function: Any, x: Tensor) -> list[Tensor]:
    """The gradient, and the gradient of a function of it by the input and by the gradient that came in."""
    leaf = x.clone().requires_grad_()
    output = function(leaf)
    cotangent = weights(output).requires_grad_()
    (first,) = torch.autograd.grad(output, leaf, cotangent, create_graph=True)
    by = torch.autograd.grad(first, (leaf, cotangent), weights(first), materialize_grads=True)
    return [first.detach(), *by]


def test_second_derivatives(cell: Cell) -> None:
    cell.compare(second)


@pytest.mark.parametrize("size", ["small", "large"])
@pytest.mark.parametrize(
    "activation", [n for n in registry if isinstance(registry[n], Elementwise) and n != "prelu"]
)
def test_second_derivatives_at_a_kink(activation: str, size: str, kernels_from_a_few_elements: None) -> None:
    ours, theirs = ours_of(activation), theirs_of(activation)
    if activation == "hardsigmoid":  # torch's own has none
        theirs = Composed(lambda x: torch.nn.functional.relu6(x + 3) / 6)
    for kink in {*registry[activation].kinks_at(), 0.0}:
        x = torch.full(data(size).shape, kink)
        same(second(ours, x), second(theirs, x), kink)


@pytest.mark.parametrize("activation", ["elu", "selu", "celu"])
def test_a_second_derivative_far_to_the_right(activation: str, kernels_from_a_few_elements: None) -> None:
    """It is 0, though the exponential, which is not selected there, would overflow."""
    x = torch.linspace(1, 1000, 1 << 15, dtype=torch.float16)
    found = second(ours_of(activation), x)[1]
    assert torch.equal(found, torch.zeros_like(found))


def test_a_gradient_penalty(cell: Cell) -> None:
    """A gradient that does not depend on what it is differentiated by has derivative 0."""

    def situation(f: Any, x: Tensor) -> list[Tensor]:
        x.requires_grad_()
        bias, scale = torch.zeros(x.shape[1], 1, requires_grad=True), torch.ones((), requires_grad=True)
        (first,) = torch.autograd.grad(f(x * scale + bias).sum(), x, create_graph=True)
        return list(torch.autograd.grad(first.square().mean(), (scale, bias), materialize_grads=True))

    cell.compare(situation, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("activation", KERNELS)
def test_a_gradient_penalty_reaches_a_bias(activation: str, kernels_from_a_few_elements: None) -> None:
    x = data("large").requires_grad_()
    bias = torch.zeros(x.shape[1], 1, requires_grad=True)
    (first,) = torch.autograd.grad(ours_of(activation)(x + bias).sum(), x, create_graph=True)
    first.square().sum().backward()
    assert bias.grad is not None


@pytest.mark.cells(in_place=(False,))
def test_third_derivatives(cell: Cell) -> None:
    def situation(f: Any, x: Tensor) -> list[Tensor]:
        leaf = x.clone().requires_grad_()
        found, value = [], f(leaf).square().sum()
        for _ in range(3):
            (value,) = torch.autograd.grad(value.sum(), leaf, create_graph=True)
            found.append(value.detach())
        return found

    cell.compare(situation, rtol=1e-5, atol=1e-5)


# ------------------------------------------------------------------------------------ gradients that come in


LAYOUTS: dict[str, Callable[[Tensor], Tensor]] = {
    "contiguous": lambda x: x,
    "channels last": lambda x: (
        x[..., :4].unflatten(-1, (-1, 2)).contiguous(memory_format=torch.channels_last)
        if x.shape[-1] < 6
        else x.unflatten(-1, (-1, 2)).contiguous(memory_format=torch.channels_last)
    ),
    "transposed": lambda x: x.transpose(0, 2).contiguous().transpose(0, 2),
}
GRADIENTS: dict[str, Callable[[Tensor], Tensor]] = {
    "expanded": lambda g: g[:1].expand_as(g),
    "scalar expanded": lambda g: g.flatten()[0].expand_as(g),
    "transposed": lambda g: g.transpose(0, 1).contiguous().transpose(0, 1),
    "strided": lambda g: torch.stack((g, g), -1)[..., 1],
    "negative": lambda g: torch.complex(g, -g).conj().imag,
    "zero": lambda g: torch._efficientzerotensor(g.shape),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_gradients_of_any_strides(cell: Cell, layout: str) -> None:
    def situation(f: Any, x: Tensor) -> list[Tensor]:
        found = []
        for change in GRADIENTS.values():
            leaf = LAYOUTS[layout](x).clone().requires_grad_()
            output = f(leaf)
            found.append(torch.autograd.grad(output, leaf, change(weights(output)))[0] + 0)
        return found

    cell.compare(situation)


def test_batched_gradients(cell: Cell) -> None:
    """Backward under vmap of a graph made outside: what vectorised Jacobians do."""

    def situation(f: Any, x: Tensor) -> Tensor:
        leaf = x.clone().requires_grad_()
        output = f(leaf)
        batch = torch.stack((weights(output), weights(output).square(), torch.zeros_like(output)))
        return torch.autograd.grad(output, leaf, batch, is_grads_batched=True)[0]

    cell.compare(situation)


class Stop(torch.autograd.Function):
    """Hands on no gradient."""

    @staticmethod
    def forward(ctx: Any, input: Tensor) -> Tensor:
        return input.clone()

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> None:
        return None


def test_backward_again_and_through_what_hands_on_nothing(cell: Cell) -> None:
    def situation(f: Any, x: Tensor) -> list[Tensor]:
        leaf = x.clone().requires_grad_()
        output = f(leaf)
        output.backward(weights(output), retain_graph=True)
        output.backward(weights(output))
        with pytest.raises(RuntimeError, match="second time"):
            output.backward(weights(output))
        twice, leaf.grad = leaf.grad, None
        Stop.apply(f(leaf)).sum().backward()
        return [twice, torch.zeros_like(x) if leaf.grad is None else leaf.grad]

    cell.compare(situation)


def test_hooks_on_tensors_and_nodes(cell: Cell) -> None:
    def situation(f: Any, x: Tensor) -> list[Tensor]:
        found: list[Tensor] = []
        leaf = x.clone().requires_grad_()
        leaf.register_post_accumulate_grad_hook(lambda t: found.append(t.grad.clone()))
        hidden = leaf * 1.0
        hidden.register_hook(lambda g: g * 2)
        output = f(hidden)
        output.retain_grad()
        output.register_hook(lambda g: g + 1)
        output.grad_fn.register_prehook(lambda g: (g[0] * 3, *g[1:]))
        output.backward(weights(output), inputs=[leaf])
        return found

    cell.compare(situation)


def test_a_graph_is_freed_at_once(cell: Cell) -> None:
    """Without the collector: no cycle holds what is saved, before a backward and after it."""
    module, x = cell.ours(), cell.x.requires_grad_()
    gc.disable()
    try:
        for backward in (False, True):
            before = x * 1
            output = module(before)
            if backward:
                output.sum().backward()
            output.grad_fn.metadata["mark"] = mark = {0}
            freed = weakref.ref(before), weakref.ref(mark)
            del before, output, mark
            assert [reference() for reference in freed] == [None, None]
    finally:
        gc.enable()


@pytest.mark.parametrize("channels", [1, 4])
@pytest.mark.parametrize("size", ["small", "large"])
def test_a_gradient_for_the_weight_alone_or_the_input_alone(
    size: str, channels: int, kernels_from_a_few_elements: None
) -> None:
    weight = torch.linspace(-0.5, 0.5, channels)
    for learned in ("weight", "input"):
        found = []
        for prelu in (rectifiers.functional.prelu, torch.nn.functional.prelu):
            x, w = data(size), weight.clone()
            leaf = (w if learned == "weight" else x).requires_grad_()
            output = prelu(x, w)
            found.append(torch.autograd.grad(output, leaf, weights(output))[0])
        same(*found, learned, rtol=1e-4, atol=1e-4)


# ------------------------------------------------------------------------------------ particular numbers


@pytest.mark.cells(in_place=(False,), random=False)
def test_at_a_kink(cell: Cell) -> None:
    """Values, gradients and tangents."""

    kinks = getattr(registry[cell.activation], "kinks_at", tuple)()

    def situation(f: Any, x: Tensor) -> list[Any]:
        found = []
        for kink in sorted({0.0, *kinks}):
            at = torch.full_like(x, kink)
            found += [*step(f, at), torch.func.jvp(f, (at,), (weights(at),))]
        return found

    cell.compare(situation)


NUMBERS = [
    math.inf,
    -math.inf,
    0.0,
    -0.0,
    1e-40,
    -1e-40,
    1e-20,
    -1e-20,
    3e38,
    -3e38,
    88.0,
    -88.0,
    -104.0,
    -17.0,
]


@pytest.mark.cells(in_place=(False,), random=False)
def test_extreme_numbers(cell: Cell) -> None:
    def situation(f: Any, x: Tensor) -> list[Tensor]:
        numbers = torch.tensor(NUMBERS).repeat(x.numel() // len(NUMBERS) + 1)[: x.numel()]
        return step(f, numbers.view(x.shape))[:2]

    cell.compare(situation)


@pytest.mark.cells(in_place=(False,))
def test_nan(cell: Cell) -> None:
    def situation(f: Any, x: Tensor) -> list[Tensor]:
        leaf = torch.where(x.abs() < 0.5, torch.nan, x).requires_grad_()
        output = f(leaf)
        g = weights(output).requires_grad_()
        (gx,) = torch.autograd.grad(output, leaf, g, create_graph=True)
        (slope,) = torch.autograd.grad(gx, g, torch.ones_like(gx))
        return [output.detach(), gx.detach(), slope, *step(f, leaf.detach())[1:2]]

    cell.compare(situation)
