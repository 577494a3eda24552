"""On a GPU: the library as its users call it. The kernels themselves are tested in tests/backends."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

import rectifiers
from rectifiers import functional as F
from rectifiers import nn
from rectifiers.activations import Elementwise, registry
from rectifiers.backends import using
from rectifiers.backends._eligible import has_kernel
from rectifiers.tasks._samples import draws

if not torch.cuda.is_available():
    pytest.skip("needs a CUDA GPU", allow_module_level=True)

DTYPES = (torch.float32, torch.bfloat16, torch.float16)
ELEMENTWISE = [
    record
    for record in registry.values()
    if isinstance(record, Elementwise) and has_kernel(record, on_gpu=True) and record.name != "rrelu"
]
ULP = {torch.float32: 2.0**-23, torch.bfloat16: 2.0**-7, torch.float16: 2.0**-10}


@pytest.fixture(autouse=True)
def _kernels() -> Iterator[None]:
    with using("triton"):
        yield


def numbers(*shape: int, dtype: torch.dtype = torch.float32, seed: int = 0) -> Tensor:
    """Normal ones and, where there is room, the edges."""
    x = 3 * torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    if x.numel() > 100:
        edges = [math.nan, math.inf, -math.inf, 0.0, -0.0, 1e-30, -1e-30, 80.0, -80.0, -1e4]
        x.view(-1)[: len(edges)] = torch.tensor(edges, dtype=torch.float64)
    return x.to(dtype)


def on_gpu(function: Callable[..., Tensor], x: Tensor, *weights: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Value, its gradient and the input's, on the GPU by kernels."""
    inputs = [t.cuda().requires_grad_() for t in (x, *weights)]
    y = function(*inputs)
    g = torch.randn(y.shape, generator=torch.Generator().manual_seed(9)).to(x.dtype)
    y.backward(g.cuda())
    assert inputs[0].grad is not None
    return y.detach().cpu(), g.double(), inputs[0].grad.cpu()


def assert_near(got: Tensor, want: Tensor, ulps: float, scale: float = 0.0) -> None:
    """Within `ulps`, those of `scale` where it is larger; NaN and infinities as they are."""
    rounded = want.to(got.dtype).double()
    torch.testing.assert_close(got.isnan(), rounded.isnan())
    finite = rounded.isfinite()
    torch.testing.assert_close(got.double()[~finite], rounded[~finite], equal_nan=True)
    size = want.abs().clamp_min(max(scale, torch.finfo(got.dtype).smallest_normal))
    off = ((got.double() - want).abs() / size / ULP[got.dtype])[finite]
    assert off.numel() == 0 or off.max() <= ulps, off.max()


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("record", ELEMENTWISE, ids=lambda record: record.name)
def test_values_and_gradients_are_the_records(record: Any, dtype: torch.dtype) -> None:
    function = getattr(F, record.name)
    x = numbers(3, 5, 7, 11, dtype=dtype)
    y, g, gx = on_gpu(function, x)
    wide = x.double().numpy()
    with np.errstate(all="ignore"):
        want, slope = (torch.from_numpy(np.asarray(f(wide, *record.defaults))) for f in (record.f, record.df))
    assert_near(y, want, 0.7)  # a slope itself is rounded
    assert_near(gx, g * slope, 2.0, scale=2.0)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("dim", [1, -1])
def test_maxout_and_crelu(dim: int, dtype: torch.dtype) -> None:
    x = numbers(3, 6, 5, 8, dtype=dtype)
    for function in (F.crelu, F.maxout):
        y, g, gx = on_gpu(lambda x, f=function: f(x, dim=dim), x)
        here = x.detach().requires_grad_()
        with using("llvm"):
            want = function(here, dim=dim)
            want.backward(g.to(dtype))
        torch.testing.assert_close(y, want.detach(), rtol=0, atol=0, equal_nan=True)
        torch.testing.assert_close(gx, here.grad, rtol=0, atol=0, equal_nan=True)


SHAPES: dict[str, Callable[[], Tensor]] = {
    "0-d": lambda: torch.tensor(-1.5),
    "empty": lambda: torch.empty(0, 3),
    "misaligned": lambda: numbers(4097)[1:],
    "strided": lambda: numbers(64, 66)[::2, ::3],
    "transposed": lambda: numbers(33, 65).t(),
    "expanded": lambda: numbers(65, 1).expand(65, 33),
    "channels_last": lambda: numbers(3, 5, 9, 7).contiguous(memory_format=torch.channels_last),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", ["relu", "leaky_relu", "elu", "prelu"])
def test_any_strides(name: str, shape: str) -> None:
    x = SHAPES[shape]()
    function = getattr(F, name)
    there = x.cuda()
    assert there.stride() == x.stride() or shape in ("strided", "expanded")
    if shape == "misaligned":
        there = numbers(4097).cuda()[1:]
        assert there.data_ptr() % 16
    elif shape in ("strided", "expanded"):
        there = {
            "strided": lambda: numbers(64, 66).cuda()[::2, ::3],
            "expanded": lambda: numbers(65, 1).cuda().expand(65, 33),
        }[shape]()
    weights = (torch.tensor([0.25]).cuda(),) if name == "prelu" else ()
    leaf = there.detach().requires_grad_()
    y = function(leaf, *weights)
    y.sum().backward()
    with using("llvm"):
        here = x.detach().requires_grad_()
        want = function(here, *(weight.cpu() for weight in weights))
        want.sum().backward()
    torch.testing.assert_close(y.cpu(), want, equal_nan=True)
    torch.testing.assert_close(leaf.grad.cpu(), here.grad, equal_nan=True)
    if shape == "channels_last":
        assert y.is_contiguous(memory_format=torch.channels_last)


def test_in_place() -> None:
    x = numbers(3000).cuda()
    for function in (F.relu, lambda x, inplace=False: F.leaky_relu(x, -0.5, inplace=inplace), F.elu):
        leaf = x.clone().requires_grad_()
        want = function(leaf)
        want.sum().backward()
        other = x.clone().requires_grad_()
        base = other * 1.0
        got = function(base, inplace=True)
        assert got.data_ptr() == base.data_ptr()
        got.sum().backward()
        torch.testing.assert_close(got, want, rtol=0, atol=0, equal_nan=True)
        torch.testing.assert_close(other.grad, leaf.grad, rtol=0, atol=0, equal_nan=True)


# -- RReLU


def slopes(y: Tensor, x: Tensor) -> Tensor:
    return torch.where(x > 0, 1.0, y / x)


def test_rrelu_draws_the_same_from_the_same_seed() -> None:
    x = -torch.ones(3, 7, 33, device="cuda")
    found = []
    for backend, memory in (("triton", False), ("triton", True), ("torch", False), ("auto", False)):
        torch.cuda.manual_seed(7)
        given = x.transpose(0, 2).contiguous().transpose(0, 2) if memory else x
        with using(backend):
            leaf = given.detach().requires_grad_()
            y = F.rrelu(leaf, training=True)
            y.sum().backward()
        found.append((y.detach(), leaf.grad))
        drawn = -y.detach()
        assert torch.equal(drawn, leaf.grad)
        assert float(drawn.min()) >= 1 / 8
        assert float(drawn.max()) <= 1 / 3
        assert len(drawn.unique()) > 600
    for y, grad in found[1:]:
        assert torch.equal(y, found[0][0])
        assert torch.equal(grad, found[0][1])
    generator = torch.Generator("cuda").manual_seed(7)
    drawn = [F.rrelu(x, training=True, generator=generator) for _ in range(2)]
    assert not torch.equal(*drawn)
    assert torch.equal(F.rrelu(x, training=True, generator=generator.manual_seed(7)), drawn[0])


@pytest.mark.parametrize("reentrant", [True, False])
def test_rrelu_under_checkpointing(reentrant: bool) -> None:
    x = torch.randn(5000, device="cuda", requires_grad=True)
    y = checkpoint(lambda x: F.rrelu(x, training=True), x, use_reentrant=reentrant)
    y.sum().backward()
    torch.testing.assert_close(x.grad, slopes(y, x).detach())


def test_rrelu_in_a_cuda_graph_draws_anew_at_every_replay() -> None:
    x = (-torch.ones(5000, device="cuda")).requires_grad_()

    def step() -> tuple[Tensor, Tensor]:
        y = F.rrelu(x, training=True)
        return y.detach(), torch.autograd.grad(y.sum(), x)[0]

    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        step()  # compiles
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        y, gx = step()
    seen = []
    for _ in range(3):
        graph.replay()
        assert torch.equal(-y, gx)
        seen.append(y.clone())
    assert not torch.equal(seen[0], seen[1])
    assert not torch.equal(seen[1], seen[2])


# -- the company of others


@pytest.mark.parametrize(
    "module", [nn.PReLU, nn.ELU, nn.Maxout, nn.CReLU, nn.RReLU], ids=lambda m: m.__name__
)
def test_autocast(module: type[torch.nn.Module]) -> None:
    network = torch.nn.Sequential(torch.nn.Linear(32, 64), module(), torch.nn.LazyLinear(4)).cuda()
    x = torch.randn(16, 32, device="cuda")
    with torch.autocast("cuda", torch.bfloat16):
        hidden = network[1](network[0](x))
        loss = network(x).float().square().mean()
    assert hidden.dtype == torch.bfloat16
    loss.backward()
    for parameter in network.parameters():
        assert parameter.grad is not None
        assert parameter.grad.dtype == torch.float32
        assert parameter.grad.isfinite().all()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch's, of itself
@pytest.mark.parametrize("name", ["leaky_relu", "elu", "maxout", "crelu"])
def test_compiled(name: str) -> None:
    function = getattr(F, name)
    x = torch.randn(32, 64, device="cuda", requires_grad=True)
    with using("auto"):
        want = function(x)
        (gx,) = torch.autograd.grad(want.square().sum(), x)
        got = torch.compile(function, fullgraph=True)(x)
        (got_gx,) = torch.autograd.grad(got.square().sum(), x)
    torch.testing.assert_close(got, want)
    torch.testing.assert_close(got_gx, gx)


def test_second_derivatives() -> None:
    x = torch.randn(5, 10, device="cuda")
    for function in (F.elu, F.leaky_relu, F.crelu, lambda x: F.maxout(x), F.silu):
        found = []
        for name in ("triton", "torch"):
            given = x.clone().requires_grad_()
            with using(name):
                (gx,) = torch.autograd.grad(function(given).square().sum(), given, create_graph=True)
                found += torch.autograd.grad(gx.sum(), given)
        torch.testing.assert_close(*found)


def test_another_stream() -> None:
    x = torch.randn(1 << 22, device="cuda")
    want = torch.where(x > 0, x, 0.25 * x)
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        got = F.leaky_relu(x * 1.0, 0.25)
    torch.cuda.current_stream().wait_stream(side)
    assert torch.equal(got, want)


@pytest.mark.parametrize("name", ["relu", "prelu", "rrelu", "elu"])
def test_more_than_int32_counts(name: str) -> None:
    n = 2**31 + 4099
    if torch.cuda.mem_get_info()[0] < 12 * n:
        pytest.skip("needs 26 GB of free memory on the GPU")
    x = torch.ones(n, dtype=torch.bfloat16, device="cuda")
    x[-3000:] = -1.0
    x[1000:2000] = -1.0
    x.requires_grad_()
    arguments: dict[str, Any] = {
        "prelu": {"weight": torch.tensor([0.25], device="cuda", dtype=torch.bfloat16, requires_grad=True)},
        "rrelu": {"training": True},
    }.get(name, {})
    y = getattr(F, name)(x, **arguments)
    y.backward(torch.ones_like(y))
    below = {"relu": (0.0, 0.0), "prelu": (-0.25, 0.25), "elu": (-0.6328125, 0.3671875)}.get(name)
    for part in (slice(1000, 2000), slice(-3000, None)):
        if below is None:
            assert torch.equal(-y[part], x.grad[part])
            assert len(y[part].unique()) > 20
        else:
            assert (y[part] == below[0]).all()
            assert ((x.grad[part] - below[1]).abs() < 0.004).all()
    for part in (slice(0, 1000), slice(2000, 3000), slice(n - 10**6, n - 3000)):
        assert (y[part] == 1).all()
        assert (x.grad[part] == 1).all()
    if name == "prelu":
        assert float(arguments["weight"].grad) == pytest.approx(-4000.0, rel=1e-2)


@pytest.mark.parametrize("name", ["relu", "prelu", "rrelu", "elu", "gelu", "silu", "mish", "crelu", "maxout"])
@pytest.mark.parametrize("n", [64, 1 << 20])
def test_what_runs_unasked_is_the_same(name: str, n: int) -> None:
    x = torch.randn(n // 16, 16, device="cuda", requires_grad=True)
    arguments = {"prelu": {"weight": torch.full((16,), 0.25, device="cuda")}, "rrelu": {"training": True}}
    found = []
    for backend in ("auto", "triton"):
        torch.cuda.manual_seed(3)
        with using(backend):
            y = getattr(F, name)(x, **arguments.get(name, {}))
            (gx,) = torch.autograd.grad(y.sin().sum(), x)
        found.append((y.detach(), gx))
    torch.testing.assert_close(found[0], found[1])


def test_what_is_said() -> None:
    x = torch.randn(64, 64, device="cuda", requires_grad=True)
    assert rectifiers.explain(nn.ReLU(), x).backend == "triton"
    with pytest.raises(rectifiers.errors.BackendError, match="CPU"), using("llvm"):
        F.relu(x)


def test_what_draws_on_the_gpu_is_seeded() -> None:
    """As an `augment` does that adds ``torch.randn_like(x)``: data and model are on the GPU."""
    x = numbers(3).cuda()
    assert draws(lambda: (x + torch.randn_like(x),), "augment")
    assert not draws(lambda: (x + 1,), "augment")
