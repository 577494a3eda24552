"""Backward, forward mode, double backward, torch.func and compiled code agree, at the kinks too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.func import grad, hessian, jacrev, jvp, vmap

from rectifiers import functional
from rectifiers.activations import Elementwise, registry

# torch's own forward mode compiles its decompositions with what it deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")

ELEMENTWISE = {name: record for name, record in registry.items() if isinstance(record, Elementwise)}
FREE = {name: record for name, record in ELEMENTWISE.items() if name != "prelu"}


def function(name: str, weight: float = 0.25) -> Callable[..., Tensor]:
    if name == "prelu":
        return lambda x: functional.prelu(x, torch.tensor([weight], dtype=x.dtype))
    if name == "softmax":
        return lambda x: functional.softmax(x, dim=-1)
    return getattr(functional, name)


def away_from_kinks(*shape: int) -> Tensor:
    """Both sides of every kink there is, at a distance differences do not cross."""
    x = torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 4
    for kink in (-3.0, -1.0, 0.0, 1.0, 3.0, 6.0):
        x = torch.where((x - kink).abs() < 0.05, x + 0.1, x)
    return x.requires_grad_()


@pytest.mark.parametrize("name", registry)
def test_gradients_to_second_order(name: str) -> None:
    x = away_from_kinks(2, 4)
    assert torch.autograd.gradcheck(function(name), (x,), check_forward_ad=True, check_batched_grad=True)
    assert torch.autograd.gradgradcheck(function(name), (x,), atol=1e-4)


@pytest.mark.parametrize("shape", [(1,), (4,)])
def test_gradients_of_prelu_by_its_slope(shape: tuple[int, ...]) -> None:
    x = away_from_kinks(3, 4, 2)
    weight = torch.linspace(-0.5, 0.8, shape[0], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(functional.prelu, (x, weight), check_forward_ad=True)
    assert torch.autograd.gradgradcheck(functional.prelu, (x, weight))


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_kinks_have_one_gradient_in_every_mode(name: str) -> None:
    record, f = ELEMENTWISE[name], function(name)
    for kink in {*record.kinks_at(), 0.0}:
        x = torch.tensor([kink, -kink], dtype=torch.float64)[:1].expand(3).clone()
        expected = torch.full_like(x, float(record.df(kink)))
        one = torch.ones_like(x)
        input, cotangent = x.clone().requires_grad_(), one.clone().requires_grad_()
        (backward,) = torch.autograd.grad(f(input), input, cotangent, create_graph=True)
        (double,) = torch.autograd.grad(backward.sum(), cotangent)
        modes = {
            "backward": backward.detach(),
            "double backward": double,
            "forward": jvp(f, (x,), (one,))[1],
            "vmap": vmap(grad(lambda t: f(t)))(x),
        }
        if name == "prelu":  # torch's own takes the slope 1 at 0 there
            del modes["double backward"]
        for mode, found in modes.items():
            torch.testing.assert_close(found, expected, rtol=1e-15, atol=0, msg=f"{mode} at {kink}: {found}")


def test_the_learned_slope_has_no_gradient_from_the_kink_nor_from_infinity() -> None:
    weight = torch.tensor([0.25], requires_grad=True)
    x = torch.tensor([0.0, -0.0, float("inf"), 2.0, -3.0])
    (by_weight,) = torch.autograd.grad(functional.prelu(x, weight).sum(), weight)
    assert by_weight.item() == -3.0


@pytest.mark.parametrize("name", registry)
def test_vmap_is_a_loop(name: str) -> None:
    x = away_from_kinks(5, 2, 4).detach()
    f = function(name)
    torch.testing.assert_close(vmap(f)(x), torch.stack([f(row) for row in x]))
    torch.testing.assert_close(vmap(jacrev(f))(x), torch.stack([jacrev(f)(row) for row in x]))


@pytest.mark.parametrize("name", ["elu", "prelu", "mish", "squared_relu", "maxout", "softmax"])
def test_hessian(name: str) -> None:
    x = away_from_kinks(2, 4).detach()
    f = function(name)
    found = hessian(lambda t: f(t).square().sum())(x)
    rows = x.clone().requires_grad_()
    (first,) = torch.autograd.grad(f(rows).square().sum(), rows, create_graph=True)
    for index in range(x.numel()):
        (row,) = torch.autograd.grad(first.flatten()[index], rows, retain_graph=True)
        torch.testing.assert_close(found.reshape(x.numel(), *x.shape)[index], row)


def everything(x: Tensor, weight: Tensor) -> list[Tensor]:
    return [
        *(getattr(functional, name)(x) for name in FREE),
        functional.prelu(x, weight),
        functional.leaky_relu(x, -0.3),
        functional.softplus(x, beta=2.0, threshold=3.0),
        functional.gelu(x, approximate="tanh"),
        functional.maxout(x, 2),
        functional.maxout(x, 4, grouping="strided"),
        functional.crelu(x, dim=-1),
        functional.softmax(x, dim=-1),
    ]


def with_dynamic_shapes(x: Tensor, weight: Tensor) -> list[Tensor]:
    slopes = functional.leaky_relu(x, -0.3), functional.rrelu(x), functional.prelu(x, weight)
    return [*slopes, functional.mish(x), functional.maxout(x, 2, dim=-1), functional.crelu(x)]


@pytest.mark.parametrize("function", [everything, with_dynamic_shapes])
def test_one_graph_compiles_with_the_same_values_and_gradients(function: Callable[..., Any]) -> None:
    torch._dynamo.reset()
    dynamic = function is with_dynamic_shapes
    compiled = torch.compile(function, backend="aot_eager", fullgraph=True, dynamic=dynamic)
    for rows in (3, 5) if dynamic else (3,):
        x = away_from_kinks(rows, 4)
        with torch.no_grad():
            x[0] = torch.tensor([0.0, -0.0, 6.0, -100.0])
        weight = torch.tensor([0.1, -0.2, 0.3, 0.0], dtype=torch.float64, requires_grad=True)
        results: list[Any] = []
        for f in (function, compiled):
            outputs = f(x, weight)
            grads = torch.autograd.grad(sum(output.square().sum() for output in outputs), (x, weight))
            results.append((outputs, grads))
        torch.testing.assert_close(results[0], results[1])


def test_exported_program_computes_the_same() -> None:
    class Model(torch.nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.cat([t.flatten() for t in everything(x, torch.full((4,), 0.25))])

    x = torch.randn(3, 4)
    program = torch.export.export(Model(), (x,))
    torch.testing.assert_close(program.module()(x), Model()(x))


def test_symbolic_tracing_keeps_each_call_whole() -> None:
    def model(x: Tensor, weight: Tensor) -> Tensor:
        x = functional.leaky_relu(x, 0.3)
        x = functional.prelu(x, weight)
        return functional.maxout(functional.crelu(functional.rrelu(x)), 2)

    traced = torch.fx.symbolic_trace(model)
    called = [node.target for node in traced.graph.nodes if node.op == "call_function"]
    assert called == [getattr(functional, n) for n in ("leaky_relu", "prelu", "rrelu", "crelu", "maxout")]
    x, weight = torch.randn(2, 4), torch.tensor([0.1])
    assert torch.equal(traced(x, weight), model(x, weight))


def test_a_function_mode_sees_the_call() -> None:
    """What `rectifiers.watch` and other tools hook into."""
    seen = []

    class Watching(torch.overrides.TorchFunctionMode):
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            seen.append(func)
            return func(*args, **(kwargs or {}))

    with Watching():
        for name in ("relu", "elu", "rrelu", "maxout", "crelu"):
            getattr(functional, name)(torch.randn(2, 4))
        functional.softmax(torch.randn(2), dim=0)
    for name in ("relu", "elu", "rrelu", "maxout", "crelu", "softmax"):
        assert getattr(functional, name) in seen


def test_double_backward_of_maxout_gives_ties_to_the_first() -> None:
    x = torch.tensor([[1.0, 1.0, -0.0, 0.0]], requires_grad=True)
    (first,) = torch.autograd.grad(functional.maxout(x).sum(), x)
    assert first.tolist() == [[1, 0, 1, 0]]
    assert jvp(functional.maxout, (x.detach(),), (torch.tensor([[1.0, 5.0, 1.0, 5.0]]),))[1].tolist() == [
        [1, 1]
    ]
