"""A transform of torch.func over the backward of a graph that kernels made before it began."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.func import grad, vmap

from rectifiers import functional
from rectifiers.backends import using

CALLS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": functional.relu,
    "elu": functional.elu,
    "prelu": lambda x: functional.prelu(x, torch.tensor([0.3], dtype=x.dtype)),
    "rrelu": lambda x: functional.rrelu(x, training=True),
    "maxout": functional.maxout,
    "crelu": functional.crelu,
}


def graph(name: str) -> tuple[Tensor, Tensor, Tensor]:
    """An input, its output by kernels, and a batch of cotangents."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(3, 4, dtype=torch.float64, generator=generator).requires_grad_()
    with using("numba"):
        y = CALLS[name](x)
    return x, y, torch.randn(5, *y.shape, dtype=torch.float64, generator=generator)


@pytest.mark.parametrize("call", CALLS)
def test_vmap_is_a_loop(call: str) -> None:
    x, y, cotangents = graph(call)
    loop = [torch.autograd.grad(y, x, g, retain_graph=True)[0] for g in cotangents]
    found = vmap(lambda g: torch.autograd.grad(y, x, g, retain_graph=True)[0])(cotangents)
    torch.testing.assert_close(found, torch.stack(loop))


@pytest.mark.parametrize("call", CALLS)
def test_grad_goes_through_the_backward(call: str) -> None:
    x, y, (g, *_) = graph(call)
    (back,) = torch.autograd.grad(y, x, g, retain_graph=True)

    def scaled(scale: Tensor) -> Tensor:
        return torch.autograd.grad(y, x, g * scale, create_graph=True)[0].square().sum()

    found = grad(scaled)(torch.tensor(2.0, dtype=torch.float64))
    torch.testing.assert_close(found, 4 * back.square().sum())
