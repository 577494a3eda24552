"""Situations of torch.func: gradients, tangents, batches, and each within another."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from matrix import Cell, data, same, weights
from torch import Tensor
from torch.func import (
    functional_call,
    functionalize,
    grad,
    hessian,
    jacfwd,
    jacrev,
    jvp,
    linearize,
    stack_module_state,
    vjp,
    vmap,
)

from rectifiers import functional

# torch's own forward mode compiles its decompositions with what it deprecates.
pytestmark = [
    pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated"),
    pytest.mark.filterwarnings("ignore:Attempted to insert a get_attr Node"),  # linearize
    pytest.mark.filterwarnings("ignore:There is a performance drop"),  # a batching rule that torch has not
]


def loss(f: Any) -> Any:
    """A number whose gradient differs for each element."""

    def of(x: Tensor) -> Tensor:
        output = f(x)
        return (output * weights(output)).sum()

    return of


def test_grad(cell: Cell) -> None:
    cell.compare(lambda f, x: grad(loss(f))(x))


def test_vjp_and_jvp(cell: Cell) -> None:
    def situation(f: Any, x: Tensor) -> list[Any]:
        output, back = vjp(f, x)
        return [output, back(weights(output)), jvp(f, (x,), (weights(x),))]

    cell.compare(situation, errors=True)


@pytest.mark.cells(sizes=("large",), in_place=(False,))
def test_linearize(cell: Cell) -> None:
    def situation(f: Any, x: Tensor) -> list[Tensor]:
        output, along = linearize(f, x)
        return [output, along(weights(x)), along(torch.ones_like(x))]

    cell.compare(situation, errors=True)


def test_functionalize(cell: Cell) -> None:
    cell.compare(lambda f, x: [functionalize(f)(x), functionalize(grad(loss(f)))(x)], errors=True)


def test_grad_of_grad(cell: Cell) -> None:
    """Reverse over reverse, forward over reverse and reverse over forward."""

    def situation(f: Any, x: Tensor) -> list[Any]:
        first = grad(lambda t: loss(f)(t) + f(t).square().mean())
        along = (weights(x),)
        return [
            grad(lambda t: (first(t) * weights(t)).sum())(x),
            jvp(first, (x,), along),
            grad(lambda t: jvp(f, (t,), along)[1].square().mean())(x),
        ]

    cell.compare(situation, errors=True, rtol=1e-5, atol=1e-5)


@pytest.mark.cells(sizes=("small",))
def test_jacobians_and_hessians(cell: Cell) -> None:
    def situation(f: Any, x: Tensor) -> list[Tensor]:
        x = x[:2]
        whole = [jacrev(f)(x), jacfwd(f)(x), jacrev(f, chunk_size=3)(x), hessian(loss(f))(x)]
        return [*whole, vmap(jacrev(lambda row: f(row[None])))(x), vmap(jacfwd(lambda row: f(row[None])))(x)]

    cell.compare(situation, errors=True, rtol=1e-5, atol=1e-5)


@pytest.mark.cells(random=False)
def test_vmap(cell: Cell) -> None:
    """Of values and of gradients, along one axis and another, all at once and in chunks."""

    def situation(f: Any, x: Tensor) -> list[Tensor]:
        def of_row(row: Tensor) -> Tensor:
            return f(row[None])[0]

        def of_column(column: Tensor) -> Tensor:
            return f(column.unsqueeze(-1)).squeeze(-1)

        return [
            vmap(of_row)(x),
            vmap(of_column, in_dims=-1, out_dims=-1)(x[..., :6]),
            vmap(grad(loss(of_row)), chunk_size=2)(x),
        ]

    cell.compare(situation, errors=True)


@pytest.mark.cells(random=False)
def test_vmap_within_vmap(cell: Cell) -> None:
    def situation(f: Any, x: Tensor) -> list[Tensor]:
        def twice(g: Any) -> Tensor:
            return vmap(vmap(g, in_dims=-1, out_dims=-1))(x[..., :6])

        return [twice(lambda t: f(t[None])[0]), twice(grad(loss(lambda t: f(t[None])[0])))]

    cell.compare(situation, errors=True)


@pytest.mark.cells(random=False)
def test_an_ensemble_of_stacked_modules(cell: Cell) -> None:
    """Parameters and inputs under vmap, through functional_call."""

    def situation(f: Any, x: Tensor) -> list[Tensor]:
        models = [torch.nn.Sequential(torch.nn.Identity(), f) for _ in range(2)]
        parameters, buffers = stack_module_state(models)  # type: ignore[arg-type]
        parameters = {k: p.detach() * torch.linspace(1, 2, 2)[:, None] for k, p in parameters.items()}

        def call(own: Any, input: Tensor) -> Tensor:
            return functional_call(models[0], (own, buffers), (input,))

        def total(own: Any, input: Tensor) -> Tensor:
            return loss(lambda t: call(own, t))(input)

        both = torch.stack((x, -x))
        gradients = vmap(grad(total, argnums=(0, 1)))(parameters, both)
        return [vmap(call)(parameters, both), gradients[1], *gradients[0].values()]

    cell.compare(situation, errors=True, rtol=1e-5, atol=1e-5)


@pytest.mark.cells(random=False)
def test_a_transform_over_the_backward_of_a_graph_made_before(cell: Cell) -> None:
    def situation(f: Any, x: Tensor) -> list[Tensor]:
        leaf = x.clone().requires_grad_()
        output = f(leaf)
        cotangents = torch.stack((weights(output), weights(output).square()))

        def back(g: Tensor) -> Tensor:
            return torch.autograd.grad(output, leaf, g, retain_graph=True, create_graph=True)[0]

        batched = vmap(back)(cotangents)
        scaled = grad(lambda scale: back(cotangents[0] * scale).square().mean())(torch.tensor(2.0))
        return [batched, scaled]

    cell.compare(situation, errors=True, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("randomness", ["error", "same", "different"])
def test_rrelu_outside_training_in_each_randomness_mode(randomness: str) -> None:
    x = data("small")
    for f in (functional.rrelu, grad(lambda row: functional.rrelu(row).sum())):
        same(vmap(f, randomness=randomness)(x), torch.stack([f(row) for row in x]))


@pytest.mark.parametrize("size", [60, 1 << 17])
def test_random_slopes_in_each_randomness_mode(size: int, kernels_from_a_few_elements: None) -> None:
    """torch's own fails under vmap in every mode."""
    x = -torch.ones(3, size)

    def draw(row: Tensor) -> Tensor:
        return functional.rrelu(row, training=True)

    for function in (lambda row: -draw(row), grad(lambda row: draw(row).sum())):
        alike, different = (vmap(function, randomness=mode)(x) for mode in ("same", "different"))
        assert (len(alike.unique(dim=0)), len(different.unique(dim=0))) == (1, 3)
        assert ((different >= 1 / 8) & (different <= 1 / 3)).all()
        with pytest.raises(RuntimeError, match="randomness"):
            vmap(function, randomness="error")(x)


def test_random_slopes_of_a_tangent_are_those_of_the_value(kernels_from_a_few_elements: None) -> None:
    x = -torch.ones(1 << 17)
    value, tangent = jvp(lambda t: functional.rrelu(t, training=True), (x,), (torch.ones_like(x),))
    same(tangent, -value)
    assert len(value.unique()) > 1000
