"""Situations x activations x sizes: what torch's modules are right in, these are right in, small and large.

A cell compares with torch's own module, or for an activation that torch does not have with the composition of
its operations: values, gradients, and errors by type. Large is from the size on at which kernels run.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest
import torch
import torch.autograd.forward_ad as fwAD
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.autograd.graph import save_on_cpu, saved_tensors_hooks
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.checkpoint import checkpoint
from torch.utils.flop_counter import FlopCounterMode

import rectifiers
from rectifiers import nn
from rectifiers.activations import AlongAxis, registry
from rectifiers.backends import _thresholds
from rectifiers.vocabulary import where

# torch's own forward mode compiles its decompositions with what it deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")

Function = Callable[[Tensor], Tensor]
SMALL = (3, 4, 5)
LARGE = (4, 4, 1 << 13)  # 2^17 elements
SHAPES = {"small": SMALL, "large": LARGE}
KERNELS = ("relu", "leaky_relu", "prelu", "rrelu", "elu", "selu", "celu", "squared_relu", "maxout", "crelu")


@pytest.fixture(autouse=True)
def kernels_run_from_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thresholds are a matter of speed alone."""
    for name in _thresholds._ELEMENTS_ON_CPU:
        monkeypatch.setitem(_thresholds._ELEMENTS_ON_CPU, name, 1 << 15)


TOLERANCE = {"rtol": 2e-6, "atol": 2e-6}


def modules(activation: str) -> tuple[torch.nn.Module, torch.nn.Module]:
    """Ours, and torch's own or the composition of its operations."""
    title = registry[activation].title
    axis: tuple[Any, ...] = (1,) if isinstance(registry[activation], AlongAxis) else ()
    arguments: tuple[Any, ...] = {"prelu": (4,), "maxout": (2,)}.get(activation, axis)
    ours = getattr(nn, title)(*arguments)
    if activation == "prelu":
        torch.nn.init.uniform_(ours.weight, -0.5, 0.9, generator=torch.Generator().manual_seed(5))
    compositions: dict[str, Function] = {
        "squared_relu": lambda x: torch.relu(x).square(),
        "crelu": lambda x: torch.cat((torch.relu(x), torch.relu(-x)), 1),
        "maxout": lambda x: x.unflatten(1, (-1, 2)).max(2).values,
        "reglu": lambda x: x[:, :2] * torch.relu(x[:, 2:]),
        "geglu": lambda x: x[:, :2] * torch.nn.functional.gelu(x[:, 2:]),
        "swiglu": lambda x: x[:, :2] * torch.nn.functional.silu(x[:, 2:]),
    }
    if activation in compositions:
        return ours, Composed(compositions[activation])
    theirs = getattr(torch.nn, title)(*arguments)
    theirs.load_state_dict(ours.state_dict())
    return ours.eval(), theirs.eval()


class Composed(torch.nn.Module):
    def __init__(self, function: Function) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


def data(size: str) -> Tensor:
    """Numbers on both sides of each kink, none at one: some corners have tests of their own at 0."""
    x = torch.randn(SHAPES[size], generator=torch.Generator().manual_seed(1)) * 2
    return torch.where(x.abs() < 1e-3, x + 0.5, x)


def weights(output: Tensor) -> Tensor:
    return torch.linspace(-1, 2, output.numel()).view(output.shape)


@pytest.fixture(params=[(n, s) for n in registry for s in SHAPES], ids="-".join)
def cell(request: pytest.FixtureRequest) -> tuple[Function, Function, Tensor]:
    """Ours, theirs and an input."""
    name, size = request.param
    return *modules(name), data(size)


def gradients(function: Any, x: Tensor, around_backward: Any = contextlib.nullcontext) -> tuple[Tensor, ...]:
    """The output, and the gradients by the input and by what is learned."""
    leaf = x.clone().requires_grad_()
    output = function(leaf)
    parameters = [] if not isinstance(function, torch.nn.Module) else list(function.parameters())
    with around_backward():
        found = torch.autograd.grad(output, (leaf, *parameters), weights(output))
    return output.detach(), *found


def same(found: Any, expected: Any) -> None:
    torch.testing.assert_close(found, expected, **TOLERANCE)


# ------------------------------------------------------------------------------------ checkpointing


class Logging(TorchDispatchMode):
    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return func(*args, **(kwargs or {}))


SURROUNDINGS: dict[str, Callable[[], AbstractContextManager[Any]]] = {
    "nothing": contextlib.nullcontext,
    "flop counter": lambda: FlopCounterMode(display=False),
    "dispatch mode": Logging,
    "forward mode": fwAD.dual_level,
    "save on cpu": save_on_cpu,
}


@pytest.mark.parametrize("around_forward", SURROUNDINGS)
@pytest.mark.parametrize("around_backward", SURROUNDINGS)
@pytest.mark.parametrize("size", SHAPES)
@pytest.mark.parametrize("activation", registry)
def test_checkpointing_in_any_surroundings(
    activation: str, size: str, around_forward: str, around_backward: str
) -> None:
    if size == "large" and (activation not in KERNELS or "nothing" not in (around_forward, around_backward)):
        pytest.skip("large cells are those of kernels, with one of the surroundings")
    ours, theirs = modules(activation)
    x = data(size)
    expected = gradients(lambda z: theirs(z * 1.0), x)

    def checkpointed(z: Tensor) -> Tensor:
        with SURROUNDINGS[around_forward]():
            return checkpoint(lambda z: ours(z * 1.0), z, use_reentrant=False)

    same(gradients(checkpointed, x, SURROUNDINGS[around_backward]), expected)


@pytest.mark.parametrize("size", SHAPES)
def test_checkpointing_draws_the_same_slopes_again(size: str) -> None:
    module = nn.RReLU()
    x = data(size)
    for around_forward in SURROUNDINGS.values():
        torch.manual_seed(3)
        expected = gradients(lambda z: module(z * 1.0), x)
        torch.manual_seed(3)

        def checkpointed(z: Tensor, around: Any = around_forward) -> Tensor:
            with around():
                return checkpoint(lambda z: module(z * 1.0), z, use_reentrant=False)

        same(gradients(checkpointed, x), expected)


@pytest.mark.parametrize("size", SHAPES)
@pytest.mark.parametrize("activation", KERNELS)
def test_another_backend_for_the_recomputation_is_never_silent(activation: str, size: str) -> None:
    """The gradient is right, or torch's checkpointing says that something else was saved."""
    ours, theirs = modules(activation)
    x = data(size)
    expected = gradients(lambda z: theirs(z * 1.0), x)
    for forward, backward in (("numba", "torch"), ("torch", "numba"), ("numba", "auto"), ("auto", "torch")):
        leaf = x.clone().requires_grad_()
        before = rectifiers.set_backend(forward)
        try:
            output = checkpoint(lambda z: ours(z * 1.0), leaf, use_reentrant=False)
            rectifiers.set_backend(backward)
            try:
                (found,) = torch.autograd.grad(output, leaf, weights(output))
            except torch.utils.checkpoint.CheckpointError:
                continue
        finally:
            rectifiers.set_backend(before)
        same(found, expected[1])


# ------------------------------------------------------------------------------------ in place


IN_PLACE = [n for n in registry if not isinstance(registry[n], AlongAxis)]


@pytest.fixture(params=[(n, s) for n in IN_PLACE for s in SHAPES], ids="-".join)
def in_place(request: pytest.FixtureRequest) -> tuple[torch.nn.Module, Tensor]:
    name, size = request.param
    ours, _ = modules(name)
    ours.inplace = True
    return ours, data(size)


def test_writing_into_what_is_saved_is_noticed(in_place: tuple[torch.nn.Module, Tensor]) -> None:
    function, x = in_place
    for written_to in (lambda h: h, lambda h: h.detach()):
        w = (x - 3).requires_grad_()
        h = w * 1.0
        loss = h.square().sum()
        with torch.no_grad():
            function(written_to(h))
        assert h._version > 0
        with pytest.raises(RuntimeError, match="inplace operation"):
            torch.autograd.grad(loss, w)


def test_an_inference_tensor_is_not_written_to_outside(in_place: tuple[torch.nn.Module, Tensor]) -> None:
    function, x = in_place
    with torch.inference_mode():
        inference = x * 1.0
    with pytest.raises(RuntimeError, match="inference tensor"):
        function(inference)


def test_a_leaf_is_refused(in_place: tuple[torch.nn.Module, Tensor]) -> None:
    function, x = in_place
    with pytest.raises(RuntimeError, match="leaf"):
        function(x.requires_grad_())


# ------------------------------------------------------------------------------------ saved tensors


HOOKS: dict[str, tuple[Callable[[Tensor], Any], Callable[[Any], Tensor]]] = {
    "strided": (lambda t: t, lambda t: torch.stack((t, torch.zeros_like(t)), -1)[..., 0]),
    "transposed": (lambda t: t, lambda t: t.transpose(0, -1).clone().transpose(0, -1) if t.dim() else t),
    "cloned": (lambda t: t.clone(), lambda t: t.clone()),
    "reversed twice": (lambda t: t.flip(0) if t.dim() else t, lambda t: t.flip(0) if t.dim() else t),
}


@pytest.mark.parametrize("hook", HOOKS)
def test_hooks_that_bring_back_other_memory(cell: tuple[Function, Function, Tensor], hook: str) -> None:
    ours, theirs, x = cell
    for around_backward in (contextlib.nullcontext, torch.no_grad):
        with saved_tensors_hooks(*HOOKS[hook]):
            found = gradients(ours, x, around_backward)
        same(found, gradients(theirs, x))


@pytest.mark.parametrize("hook", HOOKS)
@pytest.mark.parametrize("size", SHAPES)
def test_hooks_on_random_slopes(size: str, hook: str) -> None:
    module, x = nn.RReLU(), data(size)
    torch.manual_seed(3)
    expected = gradients(module, x)
    torch.manual_seed(3)
    with saved_tensors_hooks(*HOOKS[hook]):
        same(gradients(module, x), expected)


@pytest.mark.parametrize("activation", KERNELS)
def test_a_hook_that_brings_back_another_type_is_an_error_or_harmless(activation: str) -> None:
    ours, _ = modules(activation)
    x = data("large")
    for change in (lambda t: t.double(), lambda t: t.to(torch.int32), lambda t: t[..., :1] if t.dim() else t):
        with saved_tensors_hooks(lambda t: t, change):
            leaf = x.clone().requires_grad_()
            output = ours(leaf)
        with pytest.raises(RuntimeError):
            torch.autograd.grad(output, leaf, weights(output))


# ------------------------------------------------------------------------------------ second derivatives


def second(function: Any, x: Tensor) -> list[Tensor]:
    if type(function) is torch.nn.Hardsigmoid:  # torch's own has no second derivative
        function = Composed(lambda x: torch.nn.functional.relu6(x + 3) / 6)
    leaf = x.clone().requires_grad_()
    (first,) = torch.autograd.grad(function(leaf).sum(), leaf, create_graph=True)
    (found,) = torch.autograd.grad((first * weights(first)).sum(), leaf)
    return [first.detach(), found]


def test_second_derivatives(cell: tuple[Function, Function, Tensor]) -> None:
    ours, theirs, x = cell
    if isinstance(theirs, Composed):
        leaf = x.clone().requires_grad_()
        (first,) = torch.autograd.grad(theirs(leaf).sum(), leaf, create_graph=True)
        if not first.requires_grad:  # the composition has none; ours are 0
            same(second(ours, x), [first, torch.zeros_like(x)])
            return
    same(second(ours, x), second(theirs, x))


@pytest.mark.parametrize("size", SHAPES)
@pytest.mark.parametrize("activation", [n for n in IN_PLACE if n != "prelu"])
def test_second_derivatives_at_a_kink(activation: str, size: str) -> None:
    ours, theirs = modules(activation)
    for kink in {*registry[activation].kinks_at(), 0.0}:
        x = torch.full(SHAPES[size], kink)
        same(second(ours, x), second(theirs, x))


@pytest.mark.parametrize("size", SHAPES)
def test_second_derivatives_of_random_slopes_are_zero(size: str) -> None:
    torch.manual_seed(3)
    _, found = second(nn.RReLU(), data(size))
    assert not found.any()


@pytest.mark.parametrize("size", SHAPES)
@pytest.mark.parametrize("activation", KERNELS)
def test_a_gradient_penalty_reaches_a_bias(activation: str, size: str) -> None:
    """A gradient that does not depend on what it is differentiated by: 0, not None and no error."""
    ours, theirs = modules(activation)
    results = []
    for function in (ours, theirs):
        x = data(size).requires_grad_()
        bias = torch.zeros(SHAPES[size][1], 1, requires_grad=True)
        scale = torch.ones((), requires_grad=True)
        (first,) = torch.autograd.grad(function(x * scale + bias).sum(), x, create_graph=True)
        results.append(torch.autograd.grad(first.square().sum(), (scale, bias), allow_unused=True))
    assert all(g is not None for g in results[0])
    if all(g is not None for g in results[1]):
        torch.testing.assert_close(results[0], results[1], rtol=1e-4, atol=1e-4)


# ---------------------------------------------------------------------------------- modes of differentiation


def test_forward_mode(cell: tuple[Function, Function, Tensor]) -> None:
    ours, theirs, x = cell
    found = []
    for function in (ours, theirs):
        with fwAD.dual_level():
            dual = fwAD.unpack_dual(function(fwAD.make_dual(x, weights(x))))
            found.append((dual.primal, dual.tangent))
    same(found[0], found[1])


def test_transforms(cell: tuple[Function, Function, Tensor]) -> None:
    ours, theirs, x = cell
    for f, g in ((ours, theirs),):
        same(torch.func.grad(lambda t: (f(t) * weights(f(t))).sum())(x), gradients(g, x)[1])  # noqa: B023
        same(torch.func.jvp(f, (x,), (weights(x),)), torch.func.jvp(g, (x,), (weights(x),)))
        same(torch.func.functionalize(f)(x), g(x))


def test_batched_gradients(cell: tuple[Function, Function, Tensor]) -> None:
    ours, theirs, x = cell
    found = []
    for function in (ours, theirs):
        leaf = x.clone().requires_grad_()
        output = function(leaf)
        batch = torch.stack((weights(output), weights(output).square()))
        found.append(torch.autograd.grad(output, leaf, batch, is_grads_batched=True)[0])
    same(found[0], found[1])


def test_a_gradient_with_any_strides(cell: tuple[Function, Function, Tensor]) -> None:
    ours, theirs, x = cell
    for change in (
        lambda g: g[:1].expand_as(g),
        lambda g: g.transpose(0, 1).contiguous().transpose(0, 1),
        lambda g: torch.complex(g, -g).conj().imag,
        lambda g: torch._efficientzerotensor(g.shape),
    ):
        found = []
        for function in (ours, theirs):
            leaf = x.clone().requires_grad_()
            output = function(leaf)
            found.append(torch.autograd.grad(output, leaf, change(weights(output)))[0] + 0)
        same(found[0], found[1])


def test_without_a_graph(cell: tuple[Function, Function, Tensor]) -> None:
    ours, theirs, x = cell
    for mode in (torch.no_grad, torch.inference_mode):
        with mode():
            same(ours(x), theirs(x))


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
@pytest.mark.parametrize("size", SHAPES)
@pytest.mark.parametrize("activation", ["relu", "gelu", "silu", "tanh"])
def test_strided_nested_tensors(activation: str, size: str) -> None:
    ours, theirs = modules(activation)
    rows = [data(size).flatten(1), data("small").flatten(1)]
    nested = torch.nested.nested_tensor(rows)
    for found, expected in zip(ours(nested).unbind(), theirs(nested).unbind(), strict=True):
        same(found, expected)


@pytest.fixture
def fresh_compiler() -> Iterator[None]:
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


def f(x: Any) -> Any:
    return where(x > 0, x * x, 0.0)


def df(x: Any) -> Any:
    return where(x > 0, 2.0 * x, 0.0)


OWN = rectifiers.elementwise("own_square", f, df, keeps="input")


@pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")
@pytest.mark.parametrize("requires_grad", [False, True])
def test_an_own_activation_compiles_whole(fresh_compiler: None, requires_grad: bool) -> None:
    function = OWN.functional
    x = torch.linspace(-2, 2, 12, requires_grad=requires_grad)
    compiled = torch.compile(function, fullgraph=True, backend="aot_eager")
    same(compiled(x), function(x))
    torch.export.export(OWN.module(), (x.detach(),), strict=True)


def test_many_modules_compiled_one_by_one(fresh_compiler: None) -> None:
    x = data("small")
    for name in registry:
        ours, _ = modules(name)
        same(torch.compile(ours, fullgraph=True, backend="eager")(x), ours(x))


@pytest.mark.parametrize("activation", registry)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_torch_jit(activation: str) -> None:
    ours, theirs = modules(activation)
    x = data("small")
    same(torch.jit.script(ours)(x), theirs(x))
    same(torch.jit.trace(ours, (x,))(x), theirs(x))  # a warning of the tracer's is an error


@pytest.mark.parametrize("activation", [n for n in registry if hasattr(torch.nn, registry[n].title)])
def test_a_module_of_torchs_becomes_ours_by_its_class(activation: str) -> None:
    _, theirs = modules(activation)
    x = data("small")
    expected = theirs(x)
    theirs.__class__ = getattr(nn, registry[activation].title)
    same(theirs(x), expected)
    assert repr(theirs)


def test_ours_in_the_place_of_torchs_functions(monkeypatch: pytest.MonkeyPatch) -> None:
    x = data("small")
    for name in ("relu6", "gelu", "silu", "mish", "leaky_relu", "prelu"):
        arguments = (torch.tensor([0.2]),) if name == "prelu" else ()
        expected = getattr(torch.nn.functional, name)(x, *arguments)
        function = getattr(rectifiers.functional, name)
        monkeypatch.setattr(torch.nn.functional, name, function)
        same(function(x.clone(), *arguments, inplace=True), expected)


def test_a_fake_mode_over_a_real_tensor_is_an_error(cell: tuple[Function, Function, Tensor]) -> None:
    ours, theirs, x = cell
    for function in (theirs, ours):
        with FakeTensorMode(), pytest.raises(Exception, match=r"(?i)fake|dispatch mode"):
            function(x)


def test_a_default_device(cell: tuple[Function, Function, Tensor]) -> None:
    ours, theirs, x = cell
    expected = gradients(theirs, x)
    leaf = x.clone().requires_grad_()
    with torch.device("meta"):
        output = ours(leaf)
    same(torch.autograd.grad(output, leaf, weights(output))[0], expected[1])
