"""Under a compiler activations are torch's operations: one graph, the values and gradients of eager mode."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator

import pytest
import torch
from matrix import KERNELS, ours_of, theirs_of
from torch import Tensor
from torch.func import vmap
from torch.utils.checkpoint import checkpoint

from rectifiers import functional, nn
from rectifiers.activations import AlongAxis, registry

# Compilers of torch use what torch deprecates.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:torch")


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


def image(rows: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(rows, 4, 8, dtype=dtype, generator=torch.Generator().manual_seed(rows)) * 3


def all_of(names: Iterable[str] = registry) -> Callable[[Tensor], list[Tensor]]:
    modules = torch.nn.ModuleList(map(ours_of, names))
    return lambda x: [f(x) for f in modules]


def values_and_gradients(f: Callable[[Tensor], list[Tensor]], x: Tensor) -> tuple[list[Tensor], Tensor]:
    leaf = x.clone().requires_grad_()
    outputs = f(leaf)
    total = sum((y * torch.linspace(-1, 2, y.numel()).view(y.shape)).sum() for y in outputs)
    return [y.detach() for y in outputs], torch.autograd.grad(total, leaf)[0]


def test_inductor_forward_and_backward_of_all_in_one_graph_of_any_size() -> None:
    """Maxout among many neighbours loses its gradient in some versions of torch, if written with an index.

    Of those that are more than one operation of torch's: the others are its compiler's own affair.
    """
    f = all_of([*KERNELS, "hardsigmoid", "logsigmoid", "swiglu", "softmax"])
    f(image(2))  # once in eager mode: the next test is for what comes first
    compiled = torch.compile(f, fullgraph=True, dynamic=True)
    with torch._dynamo.config.patch(error_on_recompile=True):
        for rows in (3, 7):
            x = image(rows)
            x[0, 0] = torch.tensor([0.0, -0.0, 6.0, -50.0, 50.0, -1e3, 1e3, 1e-40])
            torch.testing.assert_close(values_and_gradients(compiled, x), values_and_gradients(f, x))


def test_behind_code_that_changes_a_dictionary() -> None:
    """As the models of transformers do; a compiler then cannot read the registry."""
    ours = ours_of("leaky_relu")

    def f(x: Tensor, seen: dict[str, Tensor]) -> Tensor:
        seen["x"] = x
        return ours(x)

    x = image(2)
    torch.testing.assert_close(torch.compile(f, fullgraph=True, backend="eager")(x, {}), f(x, {}))


FIRST = """
import torch
from rectifiers import functional

torch._dynamo.config.error_on_recompile = True
compiled = torch.compile(lambda x: functional.rrelu(functional.elu(x)), backend="eager", fullgraph=True)
x = torch.ones(3, 4)
print(compiled(x).equal(compiled(x)))
"""


def test_what_is_compiled_before_any_other_call_is_compiled_once() -> None:
    run = subprocess.run([sys.executable, "-c", FIRST], capture_output=True, text=True, timeout=60)
    assert run.stdout == "True\n", run.stderr


@pytest.mark.parametrize("backend", ["inductor", "aot_eager"])
def test_random_slopes_are_those_of_the_seed(backend: str) -> None:
    """And backward uses those of forward. Inductor draws numbers of its own (pytorch #147255)."""
    compiled = torch.compile(drawn, backend=backend, fullgraph=True, dynamic=False)
    x = torch.full((7, 6, 8), -1.0, requires_grad=True)
    found = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        y = compiled(x)
        (slopes,) = torch.autograd.grad(y.sum(), x)
        torch.testing.assert_close(slopes, -y.detach())
        found.append(slopes)
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])
    assert ((found[0] >= 1 / 8) & (found[0] <= 1 / 3)).all()
    assert len(found[0].unique()) > 200


def drawn(x: Tensor) -> Tensor:
    return functional.rrelu(x, training=True)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16], ids=str)
def test_other_types(dtype: torch.dtype) -> None:
    f = all_of()
    compiled = torch.compile(f, backend="aot_eager", fullgraph=True)
    x = image(3, dtype)
    torch.testing.assert_close(values_and_gradients(compiled, x), values_and_gradients(f, x))


def test_every_module_with_every_option_is_one_graph() -> None:
    torch.manual_seed(0)
    layers: list[torch.nn.Module] = []
    for name, record in registry.items():
        options = {"prelu": {"num_parameters": 6}}.get(
            name, {"dim": 1} if isinstance(record, AlongAxis) else {}
        )
        layers += [torch.nn.LazyConv1d(6, 1), getattr(nn, record.title)(**options).eval()]
    layers += [torch.nn.LazyConv1d(12, 1), nn.Maxout(3, 1, "strided"), nn.PReLU(8, dim=-1)]
    layers += [
        nn.LeakyReLU(-0.3, inplace=True),
        nn.GELU("tanh"),
        nn.Softplus(2.0, 3.0),
        nn.ELU(0.5, inplace=True),
    ]
    layers += [nn.MaxoutLinear(8, 2, 3)]
    model = torch.nn.Sequential(*layers)
    x = image(4)
    model(x)
    compiled = torch.compile(model, backend="aot_eager", fullgraph=True)
    results = []
    for run in (model, compiled):
        model.zero_grad()
        run(x).square().sum().backward()
        results.append([p.grad for p in model.parameters()])
    torch.testing.assert_close(results[1], results[0])
    assert all(grad is not None for grad in results[0])


def test_a_change_of_options_is_compiled_anew() -> None:
    module = nn.LeakyReLU(0.1)
    compiled = torch.compile(module, backend="eager", fullgraph=True)
    x = torch.tensor([-1.0, 2.0])
    assert compiled(x).tolist() == pytest.approx([-0.1, 2.0])
    module.negative_slope = 0.5
    assert compiled(x).tolist() == pytest.approx([-0.5, 2.0])


def test_one_graph_of_all_under_vmap() -> None:
    x, results = image(3), []
    names = [name for name in KERNELS if name != "rrelu"]  # torch's own fails under vmap
    for of, wrap in ((ours_of, torch.compile), (theirs_of, lambda f, **options: f)):
        modules = torch.nn.ModuleList(map(of, names))

        def of_each(x: Tensor, modules: torch.nn.ModuleList = modules) -> list[Tensor]:
            return [vmap(lambda row, f=f: f(row[None])[0])(x) for f in modules]

        results.append(values_and_gradients(wrap(of_each, backend="aot_eager", fullgraph=True), x))
    torch.testing.assert_close(results[0], results[1])


def test_what_is_compiled_writes_in_place() -> None:
    modules = [nn.ReLU(True), nn.GELU(), nn.ELU(0.5, True), nn.SquaredReLU(True), nn.PReLU()]
    for module in modules:
        module.inplace = True
    xs = [image(seed) for seed in range(1, 1 + len(modules))]
    expected = [module(x.clone()) for module, x in zip(modules, xs, strict=True)]

    def all_in_place(xs: list[Tensor]) -> list[Tensor]:
        return [module(x) for module, x in zip(modules, xs, strict=True)]

    with torch.no_grad():
        found = torch.compile(all_in_place, backend="aot_eager", fullgraph=True)(xs)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(xs, expected)


def test_a_checkpoint_within_a_compiled_graph() -> None:
    modules = torch.nn.ModuleList(map(ours_of, KERNELS))

    def checkpointed(x: Tensor) -> list[Tensor]:
        return [checkpoint(lambda t, f=f: f(t * 1), x, use_reentrant=False) for f in modules]

    compiled = torch.compile(checkpointed, backend="aot_eager", fullgraph=True)
    x = image(3)
    torch.testing.assert_close(values_and_gradients(compiled, x), values_and_gradients(checkpointed, x))
