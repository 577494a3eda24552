"""Transforms, saved tensors, views, modes, threads and processes treat activations as torch's own.

What traces, transforms or intercepts runs outside `ways`: there the activations are torch's operations.
"""

from __future__ import annotations

import concurrent.futures
import copy
import gc
import io
import operator
import pickle
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest
import torch
import torch.autograd.forward_ad as fwAD
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.func import grad, hessian, jacfwd, jacrev, jvp, vmap
from torch.fx.experimental.proxy_tensor import make_fx
from torch.testing._internal.two_tensor import TwoTensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.checkpoint import checkpoint

import rectifiers
from rectifiers import functional, nn
from rectifiers.activations import registry

# torch's own forward mode compiles its decompositions with what it deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")

Function = Callable[..., Tensor]
Of = Callable[[str], Function]
Way = Callable[[], AbstractContextManager[Any]]

LAYOUTS: dict[str, Callable[[Tensor], Tensor]] = {
    "contiguous": lambda t: t,
    "channels_last": lambda t: t.contiguous(memory_format=torch.channels_last),
    "transposed": lambda t: t.transpose(0, 3).contiguous().transpose(0, 3),
    "strided": lambda t: torch.stack((t, t), dim=-1)[..., 0],
    "expanded": lambda t: t[:1].expand_as(t),
    "scalar_expanded": lambda t: t.flatten()[0].expand_as(t),
}


GRADIENTS = LAYOUTS | {"negative": lambda t: torch.complex(t, -t).conj().imag}  # a view that negates


def gradient(f: Function, x: Tensor, cotangent: Tensor | None = None) -> Tensor:
    leaf = x.detach().clone().requires_grad_()
    output = f(leaf)
    output.backward(weights(output) if cotangent is None else cotangent)
    assert leaf.grad is not None
    return leaf.grad


def weights(output: Tensor) -> Tensor:
    """A gradient that comes in, another number for each element."""
    return torch.linspace(-1, 2, output.numel(), dtype=output.dtype).view(output.shape)


def image(dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(3, 4, 5, 2, dtype=dtype, generator=torch.Generator().manual_seed(3)) * 3


def module_of(name: str) -> torch.nn.Module:
    arguments = {"softmax": {"dim": 1}, "prelu": {"num_parameters": 6}, "rrelu": {"lower": 0.2}}
    module: torch.nn.Module = getattr(nn, registry[name].title)(**arguments.get(name, {}))
    if isinstance(module, nn.PReLU):
        torch.nn.init.uniform_(module.weight, -0.5, 0.9, generator=torch.Generator().manual_seed(5))
    return module


# ---------------------------------------------------------------------------------- transforms


@pytest.mark.parametrize("randomness", ["error", "same", "different"])
def test_vmapped_gradients_are_a_loop_in_each_randomness_mode(
    name: str, randomness: str, ours_of: Of, theirs_of: Of, x: Tensor
) -> None:
    ours, theirs = ours_of(name), theirs_of(name)
    one = grad(lambda row: (ours(row, dim=-1) * weights(ours(row, dim=-1))).sum())
    found = vmap(one, randomness=randomness)(x)
    expected = [gradient(lambda row: theirs(row, dim=-1), row) for row in x]
    torch.testing.assert_close(found, torch.stack(expected))


def test_vmapped_gradients_of_random_slopes() -> None:
    x = -torch.ones(3, 50)
    one = grad(lambda row: functional.rrelu(row, training=True).sum())
    same, different = (vmap(one, randomness=mode)(x) for mode in ("same", "different"))
    assert (len(same.unique(dim=0)), len(different.unique(dim=0))) == (1, 3)
    assert ((different >= 1 / 8) & (different <= 1 / 3)).all()
    with pytest.raises(RuntimeError, match="randomness"):
        vmap(one, randomness="error")(x)


@pytest.mark.filterwarnings(
    "ignore:There is a performance drop.*glu_(backward_)?jvp"
)  # torch's, in torch's own function
def test_jacobians_in_each_mode(name: str, ours_of: Of, theirs_of: Of, x: Tensor) -> None:
    ours, theirs, x = ours_of(name), theirs_of(name), x[..., 0]
    expected = torch.autograd.functional.jacobian(theirs, x)
    torch.testing.assert_close(jacrev(ours)(x), expected)
    torch.testing.assert_close(jacfwd(ours)(x), expected)
    torch.testing.assert_close(vmap(jacrev(ours))(x[None])[0], expected)
    tangent = weights(x)
    along = (expected * tangent).sum((-1, -2))
    torch.testing.assert_close(jvp(ours, (x,), (tangent,)), (theirs(x), along))
    with fwAD.dual_level():
        dual = fwAD.unpack_dual(ours(fwAD.make_dual(x, tangent)))
    torch.testing.assert_close((dual.primal, dual.tangent), (theirs(x), along))


@pytest.mark.filterwarnings("ignore:There is a performance drop.*glu_(backward_)?jvp")
def test_hessians(name: str, ours_of: Of, theirs_of: Of, x: Tensor) -> None:
    ours, theirs = (lambda t, f=f: f(t).square().sum() for f in (ours_of(name), theirs_of(name)))
    x = x[:2, :, 0]
    torch.testing.assert_close(hessian(ours)(x), torch.autograd.functional.hessian(theirs, x))


def test_one_graph_of_all_under_vmap(ours_of: Of, theirs_of: Of, x: Tensor) -> None:
    torch._dynamo.reset()
    results = []
    for of, wrap in ((ours_of, torch.compile), (theirs_of, lambda f, **options: f)):
        functions = [of(name) for name in registry]

        def all_of(x: Tensor, functions: list[Function] = functions) -> list[Tensor]:
            return [vmap(lambda row, f=f: f(row, dim=-1))(x) for f in functions]

        leaf = x.clone().requires_grad_()
        outputs = wrap(all_of, backend="aot_eager", fullgraph=True)(leaf)
        by_input = torch.autograd.grad(sum((y * weights(y)).sum() for y in outputs), leaf)
        results.append((outputs, by_input))
    torch.testing.assert_close(results[0], results[1])


# ---------------------------------------------------------------------------------- backward


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
def test_double_backward(ours: Function, theirs: Function, x: Tensor, dtype: torch.dtype, ways: None) -> None:
    results = []
    for function in (ours, theirs):
        leaf = x.to(dtype).requires_grad_()
        output = function(leaf)
        cotangent = weights(output).requires_grad_()
        (first,) = torch.autograd.grad(output, leaf, cotangent, create_graph=True)
        inputs = (leaf, cotangent)
        second = torch.autograd.grad(first, inputs, weights(first), materialize_grads=True)
        results.append((output, first, *second))
    tolerance = 32 * torch.finfo(dtype).eps
    torch.testing.assert_close(results[0], results[1], rtol=tolerance, atol=tolerance)


def test_backward_twice_through_one_graph(ours: Function, x: Tensor, ways: None) -> None:
    x.requires_grad_()
    output = ours(x)
    output.backward(weights(output), retain_graph=True)
    once = x.grad.clone()
    output.backward(weights(output))
    assert torch.equal(x.grad, 2 * once)
    with pytest.raises(RuntimeError, match="second time"):
        output.backward(weights(output))


@pytest.mark.parametrize("layout", GRADIENTS)
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last], ids=str)
def test_gradients_of_any_layout(
    ours: Function, theirs: Function, layout: str, memory_format: torch.memory_format, ways: None
) -> None:
    x = image().contiguous(memory_format=memory_format)
    cotangent = GRADIENTS[layout](weights(ours(x)))
    torch.testing.assert_close(gradient(ours, x, cotangent), gradient(theirs, x, cotangent))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_inputs_of_any_layout(ours: Function, theirs: Function, layout: str, ways: None) -> None:
    x = LAYOUTS[layout](image())
    torch.testing.assert_close(ours(x), theirs(x))
    leaf = x.detach().requires_grad_()  # keeps the strides
    output = ours(leaf)
    found = torch.autograd.grad(output, leaf, weights(output))[0]
    torch.testing.assert_close(found, gradient(theirs, x))


def test_batched_gradients(ours: Function, theirs: Function, x: Tensor, ways: None) -> None:
    """Backward under vmap of a graph made outside: what vectorised Jacobians do."""
    results = []
    for function in (ours, theirs):
        leaf = x.clone().requires_grad_()
        output = function(leaf)
        batch = torch.stack((weights(output), weights(output).square(), torch.zeros_like(output)))
        results.append(torch.autograd.grad(output, leaf, batch, is_grads_batched=True)[0])
    torch.testing.assert_close(results[0], results[1])


def test_forward_mode_over_a_backward(ours: Function, theirs: Function, x: Tensor, ways: None) -> None:
    """A gradient that carries a tangent, into a graph made before."""
    x.requires_grad_()
    output = ours(x)
    tangent = weights(output)
    with fwAD.dual_level():
        carrying = fwAD.make_dual(torch.ones_like(output), tangent)
        (found,) = torch.autograd.grad(output, x, carrying, create_graph=True)  # else torch's SiLU has none
        primal, along = fwAD.unpack_dual(found)
    torch.testing.assert_close(primal, gradient(theirs, x, torch.ones_like(output)))
    torch.testing.assert_close(along, gradient(theirs, x, tangent))


def test_a_graph_is_freed_at_once(ours: Function, x: Tensor, ways: None) -> None:
    """Without the collector: no cycle holds what is kept, before a backward and after it."""
    x.requires_grad_()
    gc.collect()
    gc.disable()
    try:
        for backward in (False, True):
            before = x * 1
            output = ours(before)
            if backward:
                output.sum().backward()
            output.grad_fn.metadata["mark"] = mark = {0}
            freed = weakref.ref(before), weakref.ref(mark)
            del before, output, mark
            assert [reference() for reference in freed] == [None, None]
    finally:
        gc.enable()


def test_a_gradient_that_is_not_there(ours: Function, x: Tensor, ways: None) -> None:
    class Stop(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, input: Tensor) -> Tensor:
            return input.clone()

        @staticmethod
        def backward(ctx: Any, grad: Tensor) -> None:
            return None

    x.requires_grad_()
    Stop.apply(ours(x)).sum().backward()
    assert x.grad is None or not x.grad.any()


def test_without_a_graph(ours: Function, theirs: Function, x: Tensor, ways: None) -> None:
    x.requires_grad_()
    for mode in (torch.no_grad, torch.inference_mode):
        with mode():
            output = ours(x)
            torch.testing.assert_close(output, theirs(x))
        assert output.grad_fn is None
        assert not output.requires_grad
        assert output.is_inference() == (mode is torch.inference_mode)
    with torch.inference_mode():
        inference = x.detach() * 1
    torch.testing.assert_close(ours(inference), theirs(inference))


@pytest.mark.parametrize("shape", [(1,), (6,)])
def test_a_gradient_for_the_weight_alone_or_the_input_alone(shape: tuple[int, ...], ways: None) -> None:
    x = torch.randn(4, 6, 8, generator=torch.Generator().manual_seed(1))
    weight = torch.linspace(-0.5, 0.5, shape[0]).requires_grad_()
    output = functional.prelu(x, weight)
    (by_weight,) = torch.autograd.grad(output, weight, weights(output))
    summed = (weights(output) * x.clamp(max=0)).sum((0, 2)).sum_to_size(shape)
    torch.testing.assert_close(by_weight, summed)
    x.requires_grad_()
    output = functional.prelu(x, weight.detach())
    (by_input,) = torch.autograd.grad(output, x, weights(output))
    slope = torch.where(x > 0, 1.0, weight.detach()[:, None])
    torch.testing.assert_close(by_input, weights(output) * slope)


@pytest.mark.filterwarnings("ignore:Anomaly Detection has been enabled:UserWarning")
def test_anomaly_mode(ours: Function, x: Tensor, ways: None) -> None:
    expected = gradient(ours, x)
    with torch.autograd.detect_anomaly():
        assert torch.equal(gradient(ours, x), expected)
        x.requires_grad_()
        with pytest.raises(RuntimeError, match="returned nan values"):
            (ours(x) * torch.nan).sum().backward()


def test_autocast(case: str, ours: Function, x: Tensor, ways: None) -> None:
    """The type that comes in is computed in, but for PReLU, as torch's own under autocast."""
    layer = torch.nn.Linear(8, 8)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        hidden = layer(x.float())
        output = ours(hidden)
        assert hidden.dtype == torch.bfloat16
        own = torch.bfloat16 if case == "prelu" else torch.float32  # torch's list of lower precision has it
        assert ours(x.float()).dtype == own
    assert torch.equal(output, ours(hidden))
    output.sum().backward()
    assert layer.weight.grad.dtype == torch.float32
    assert torch.isfinite(layer.weight.grad).all()


@pytest.fixture
def deterministic() -> Iterator[None]:
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)


def test_deterministic_algorithms(ours: Function, theirs: Function, ways: None, deterministic: None) -> None:
    x = image(torch.float32).repeat(8, 8, 8, 8)
    first = gradient(ours, x)
    assert all(torch.equal(gradient(ours, x), first) for _ in range(3))
    torch.testing.assert_close(first, gradient(theirs, x))


def test_the_gradient_of_a_weight_is_the_same_each_time(ways: None, deterministic: None) -> None:
    x = image(torch.float32).repeat(8, 8, 8, 8)
    weight = torch.linspace(-1, 1, x.shape[1]).requires_grad_()
    found = [torch.autograd.grad(functional.prelu(x, weight).sum(), weight)[0] for _ in range(4)]
    assert all(torch.equal(again, found[0]) for again in found)
    torch.testing.assert_close(found[0], x.clamp(max=0).sum((0, 2, 3)))


# ---------------------------------------------------------------------------------- what is kept


@pytest.mark.parametrize("reentrant", [True, False])
def test_checkpoints(case: str, ours: Function, x: Tensor, reentrant: bool, ways: None) -> None:
    expected = gradient(lambda t: ours(t * 2) * 3, x)
    found = gradient(lambda t: checkpoint(lambda t: ours(t * 2) * 3, t, use_reentrant=reentrant), x)
    assert torch.equal(found, expected)


@pytest.mark.parametrize("reentrant", [True, False])
def test_a_checkpoint_draws_the_same_slopes_again(reentrant: bool, ways: None) -> None:
    x = torch.full((1000,), -1.0, requires_grad=True)
    torch.manual_seed(0)
    y = checkpoint(lambda t: functional.rrelu(t * 1, training=True), x, use_reentrant=reentrant)
    torch.rand(5)
    y.sum().backward()
    assert len(x.grad.unique()) > 500
    torch.testing.assert_close(x.grad, -y.detach())


@pytest.mark.parametrize("reentrant", [True, False])
def test_in_place_under_a_checkpoint(elementwise: str, reentrant: bool, x: Tensor, ways: None) -> None:
    module = module_of(elementwise).double().eval()
    in_place = copy.deepcopy(module)
    in_place.inplace = True
    expected = gradient(lambda t: module(t * 2), x)
    found = gradient(lambda t: checkpoint(lambda t: in_place(t * 2), t, use_reentrant=reentrant), x)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("layout", ["contiguous", "channels_last"])
def test_saved_tensors_may_be_copied_moved_and_written_to_disk(
    ours: Function, layout: str, ways: None
) -> None:
    x = LAYOUTS[layout](image())
    expected = gradient(ours, x)

    def to_bytes(t: Tensor) -> bytes:
        buffer = io.BytesIO()
        torch.save(t, buffer)
        return buffer.getvalue()

    hooks = torch.autograd.graph.saved_tensors_hooks
    for moved in (
        hooks(lambda t: t.clone(memory_format=torch.contiguous_format), lambda t: t),
        hooks(lambda t: t.numpy(force=True).copy(), torch.from_numpy),
        hooks(to_bytes, lambda b: torch.load(io.BytesIO(b))),
        torch.autograd.graph.save_on_cpu(pin_memory=False),
    ):
        leaf = x.detach().clone().requires_grad_()
        with moved:
            output = ours(leaf)
        (found,) = torch.autograd.grad(output, leaf, weights(output))
        torch.testing.assert_close(found, expected, rtol=1e-14, atol=1e-15)  # other strides, another loop


@pytest.mark.parametrize("changed", ["output", "input"])
def test_a_change_after_forward_is_noticed_or_does_not_matter(
    ours: Function, changed: str, x: Tensor, ways: None
) -> None:
    expected = gradient(ours, x)
    x.requires_grad_()
    before = x * 1
    output = ours(before)
    with torch.no_grad():
        (output if changed == "output" else before).fill_(0.5)
    try:
        (found,) = torch.autograd.grad(output, x, weights(output))
    except RuntimeError as error:
        if "modified by an inplace operation" not in str(error):
            raise
    else:
        torch.testing.assert_close(found, expected)


# ---------------------------------------------------------------------------------- in place


def test_in_place_on_a_view(elementwise: str, ours_of: Of, x: Tensor, ways: None) -> None:
    ours = ours_of(elementwise)
    results = []
    for whole in (True, False):
        leaf = x.clone().requires_grad_()
        base = leaf * 1
        if whole:
            base = torch.cat((base[:1], ours(base[1:3]), base[3:]))
        else:
            view = base[1:3]
            assert ours(view, inplace=True) is view
        results.append((base, torch.autograd.grad(base, leaf, weights(base))))
    torch.testing.assert_close(results[0], results[1])


def test_in_place_on_strided_memory(elementwise: str, ours_of: Of, x: Tensor, ways: None) -> None:
    ours, plain = ours_of(elementwise), x.clone()
    view = plain[..., ::2]
    expected = ours(view)
    ours(view, inplace=True)
    torch.testing.assert_close(plain[..., ::2], expected)
    assert torch.equal(plain[..., 1::2], x[..., 1::2])


def test_a_leaf_and_a_view_of_it_are_refused_in_place(elementwise: str, ours_of: Of, ways: None) -> None:
    for made in (lambda leaf: leaf, lambda leaf: leaf[1:]):
        leaf = torch.full((4, 6), -1.0, requires_grad=True)
        with pytest.raises(RuntimeError, match="leaf Variable"):
            ours_of(elementwise)(made(leaf), inplace=True)
        assert (leaf == -1).all()


def test_data_is_another_name_for_the_memory(
    elementwise: str, ours_of: Of, theirs_of: Of, x: Tensor, ways: None
) -> None:
    leaf = x.clone().requires_grad_()
    output = ours_of(elementwise)(leaf.data, inplace=True)
    assert output.data_ptr() == leaf.data_ptr()
    assert leaf.is_leaf
    assert leaf.grad_fn is None
    assert leaf.requires_grad
    torch.testing.assert_close(leaf.detach(), theirs_of(elementwise)(x))


def test_a_change_in_place_is_counted(elementwise: str, ours_of: Of, x: Tensor, ways: None) -> None:
    """What an operation before kept of it may no longer be used."""
    ours = ours_of(elementwise)
    x.requires_grad_()
    before = x.exp()
    version = before._version
    ours(before)
    assert before._version == version
    ours(before, inplace=True)
    assert before._version > version
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        before.sum().backward()


def test_the_output_is_memory_of_its_own(ours: Function, x: Tensor, ways: None) -> None:
    kept, output = x.clone(), ours(x)
    output.fill_(7)
    assert torch.equal(x, kept)
    one = functional.maxout(x, 1)
    one.fill_(7)
    assert torch.equal(x, kept)


# ---------------------------------------------------------------------------------- modules


def test_a_used_module_is_copied_and_pickled(name: str, x: Tensor, ways: None) -> None:
    module = module_of(name).eval().double()
    expected = gradient(module, x)
    buffer = io.BytesIO()
    torch.save(module, buffer)
    buffer.seek(0)
    for again in (
        copy.deepcopy(module),
        pickle.loads(pickle.dumps(module)),
        torch.load(buffer, weights_only=False),
    ):
        assert torch.equal(gradient(again, x), expected)
    function = getattr(functional, name)
    assert pickle.loads(pickle.dumps(function)) is function is copy.deepcopy(function)


def test_state_dicts_go_both_ways_by_file(x: Tensor) -> None:
    """A network of torch's modules, trained, becomes one of ours, and back."""
    titles = [registry[name].title for name in registry if hasattr(torch.nn, registry[name].title)]

    def network(room: Any) -> torch.nn.Module:
        arguments: dict[str, Any] = {"Softmax": {"dim": 1}, "PReLU": {"num_parameters": 6}}
        layers = [getattr(room, title)(**arguments.get(title, {})) for title in titles]
        return torch.nn.Sequential(*layers, torch.nn.Linear(8, 2)).eval()

    theirs, ours, back = network(torch.nn), network(nn), network(torch.nn)
    for parameter in theirs.parameters():
        torch.nn.init.uniform_(parameter, -0.9, 0.9, generator=torch.Generator().manual_seed(2))
    for source, target in ((theirs, ours), (ours, back)):
        buffer = io.BytesIO()
        torch.save(source.state_dict(), buffer)
        buffer.seek(0)
        target.load_state_dict(torch.load(buffer))
    torch.testing.assert_close(ours(x.float()), theirs(x.float()))
    assert torch.equal(back(x.float()), theirs(x.float()))


# ---------------------------------------------------------------------------------- tracers and subclasses


@pytest.mark.parametrize("layout", LAYOUTS)
def test_fake_and_meta_tensors_have_what_the_real_ones_have(
    name: str, layout: str, ours_of: Of, way: Way
) -> None:
    ours, real = ours_of(name), LAYOUTS[layout](image())
    with way():
        output = ours(real)
    rectifiers.set_backend("auto")  # the fixture sets it back
    meta = ours(real.to("meta"))
    with FakeTensorMode() as mode:
        input = mode.from_tensor(real)
        leaf = input.detach().requires_grad_()
        fake = ours(leaf)
        (by_input,) = torch.autograd.grad(fake, leaf, torch.ones_like(fake))
    for found in (fake, meta):
        assert (found.shape, found.dtype) == (output.shape, output.dtype)
    assert fake.stride() == output.stride()
    assert meta.device.type == "meta"
    assert (by_input.shape, by_input.dtype) == (real.shape, real.dtype)


def test_modules_are_traced_by_fx_and_to_aten(name: str, x: Tensor) -> None:
    module, x = module_of(name).eval(), x.float()
    symbolic = torch.fx.symbolic_trace(torch.nn.Sequential(module))
    called = [n.target for n in symbolic.graph.nodes if n.op == "call_function"]
    assert called == [getattr(functional, name)]
    assert torch.equal(symbolic(x), module(x))
    graph = make_fx(module)(x)
    called = {n.target for n in graph.graph.nodes if n.op == "call_function"} - {operator.getitem}
    assert called
    assert all(isinstance(target, torch._ops.OpOverload) and target.namespace == "aten" for target in called)
    torch.testing.assert_close(graph(-x), module(-x))


@pytest.mark.filterwarnings("ignore:`torch.jit")
@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")  # checks of shapes are of the example's
def test_modules_are_traced_by_the_old_tracer(name: str, x: Tensor) -> None:
    module, x = module_of(name).eval(), x.float()
    traced = torch.jit.trace(module, (x,))
    assert torch.equal(traced(-x), module(-x))


def test_a_dispatch_mode_sees_every_operation(ours: Function, theirs: Function, x: Tensor) -> None:
    """Forward and backward: what counts operations or memory has to."""
    seen: list[Any] = []

    class Seeing(TorchDispatchMode):
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            seen.append(func)
            return func(*args, **(kwargs or {}))

    leaf = x.requires_grad_()
    with Seeing():
        output = ours(leaf)
        forward = len(seen)
        (found,) = torch.autograd.grad(output, leaf, weights(output))
    assert 0 < forward < len(seen)
    torch.testing.assert_close(found, gradient(theirs, x))


def test_subclasses_stay_what_they_are(name: str, ours_of: Of, x: Tensor) -> None:
    class Named(torch.Tensor):
        pass

    ours = ours_of(name)
    named = ours(x.as_subclass(Named))
    assert type(named) is Named
    assert torch.equal(named.as_subclass(torch.Tensor), ours(x))
    parameter = ours(torch.nn.Parameter(x))
    assert type(parameter) is torch.Tensor
    two = TwoTensor(x.clone(), -x).requires_grad_()
    output = ours(two)
    (by_two,) = torch.autograd.grad(output, two, torch.ones_like(output))
    assert isinstance(output, TwoTensor)
    for part, expected in ((output.a, ours(x)), (output.b, ours(-x))):
        torch.testing.assert_close(part, expected)
    torch.testing.assert_close(by_two.b, gradient(ours, -x, torch.ones_like(ours(x))))


# ---------------------------------------------------------------------------------- threads and processes


def test_eight_threads_at_once(way: Way) -> None:
    """Forward and backward of all activations, on tensors large enough for kernels to be used by default."""
    names = [name for name in registry if name not in ("softmax", "gelu")]
    inputs = [torch.randn(64, 6, 320, generator=torch.Generator().manual_seed(seed)) for seed in range(8)]
    barrier = threading.Barrier(8)

    def work(x: Tensor, waits: bool = True) -> list[Tensor]:
        with way():
            if waits:
                barrier.wait(30)
            modules = [module.eval() for module in map(module_of, names)]
            return [t for m in modules for t in (m(x).detach(), gradient(m, x))]

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        found = list(pool.map(work, inputs))
    for together, x in zip(found, inputs, strict=True):
        for ours, alone in zip(together, work(x, waits=False), strict=True):
            assert torch.equal(ours, alone)


def test_backward_in_another_thread(ours: Function, x: Tensor, way: Way) -> None:
    expected = gradient(ours, x)
    x.requires_grad_()
    with way():
        output = ours(x)

    def backward() -> None:
        with way():
            output.backward(weights(output))

    thread = threading.Thread(target=backward)
    thread.start()
    thread.join(30)
    torch.testing.assert_close(x.grad, expected)


PROCESSES = """
import contextlib, os, signal, sys
import torch
import rectifiers
from rectifiers import functional, nn

names = ["elu", "mish", "squared_relu", "maxout", "crelu", "prelu"]
x = torch.randn(64, 48, 40, generator=torch.Generator().manual_seed(0))


def results(x):
    leaf = x.clone().requires_grad_()
    weight = (torch.full((48,), 0.1),)
    outputs = [getattr(functional, n)(leaf, *weight * (n == "prelu")) for n in names]
    return [o.detach() for o in outputs] + list(torch.autograd.grad(sum(o.sum() for o in outputs), leaf))


class Data(torch.utils.data.Dataset):
    def __len__(self):
        return 6

    def __getitem__(self, index):
        with way():
            return torch.cat([t.flatten() for t in results(x + index)])


def way():
    from rectifiers.backends import using
    return using(sys.argv[2])


def forked():
    pid = os.fork()
    if pid == 0:
        status = 3
        signal.alarm(30)
        try:
            with way():
                alone = functional.elu(x) if sys.argv[2] == "numba" else x  # kernels' threads do survive
                torch.set_num_threads(1)  # as DataLoader does: torch's own do not
                assert sys.argv[2] != "numba" or torch.equal(alone, expected[0])
                same = [torch.equal(a, b) for a, b in zip(results(x), expected)]
            status = 0 if all(same) else 4
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


if __name__ == "__main__":
    with way():
        expected = results(x)
    if sys.argv[1] == "fork":
        assert forked() == 0
        with way():
            assert all(torch.equal(a, b) for a, b in zip(results(x), expected)), "the parent goes on"
    else:
        loader = torch.utils.data.DataLoader(Data(), num_workers=2, multiprocessing_context="fork")
        for index, batch in enumerate(loader):
            torch.testing.assert_close(batch[0], Data()[index], rtol=1e-6, atol=1e-6)
        assert index == 5
    print("done")
"""


@pytest.mark.parametrize("kind", ["fork", "loader"])
def test_a_process_forked_after_use_computes_the_same(
    kind: str, request: pytest.FixtureRequest, way: Way
) -> None:
    run = subprocess.run(
        [sys.executable, "-c", PROCESSES, kind, request.node.callspec.params["way"]],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert run.stdout.endswith("done\n"), run.stderr
