"""Situations of autograd: modes, checkpoints, saved tensors, second derivatives, gradients of any kind."""

from __future__ import annotations

import contextlib
import gc
import io
import itertools
import math
import weakref
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

import pytest
import torch
import torch.autograd.forward_ad as fwAD
from matrix import KERNELS, Cell, Composed, data, ours_of, same, step, theirs_of, weights
from torch import Tensor
from torch.autograd.graph import save_on_cpu, saved_tensors_hooks
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.checkpoint import CheckpointPolicy, checkpoint, create_selective_checkpoint_contexts
from torch.utils.flop_counter import FlopCounterMode

import rectifiers
from rectifiers import nn
from rectifiers.activations import Elementwise, registry

# torch's own forward mode compiles its decompositions with what it deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")

# ------------------------------------------------------------------------------------ modes


@pytest.mark.cells(every=True)
def test_eager(cell: Cell) -> None:
    cell.compare(step)


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_without_a_graph(cell: Cell, mode: Callable[[], AbstractContextManager[Any]]) -> None:
    def situation(f: Any, x: Tensor) -> list[Tensor]:
        with mode():
            inside = f(x.requires_grad_())
        assert not inside.requires_grad
        assert inside.is_inference() == (mode is torch.inference_mode)
        return [inside]

    def outside(f: Any, x: Tensor) -> Tensor:
        with mode():
            made = x * 1
        return f(made)

    cell.compare(situation)
    cell.compare(outside, errors=True)


def test_forward_mode(cell: Cell) -> None:
    def situation(f: Any, x: Tensor) -> list[Tensor]:
        with fwAD.dual_level():
            dual = fwAD.unpack_dual(f(fwAD.make_dual(x, weights(x))))
        return [dual.primal, dual.tangent]

    cell.compare(situation)


def test_forward_mode_over_a_backward(cell: Cell) -> None:
    """A gradient that carries a tangent, into a graph made before."""

    def situation(f: Any, x: Tensor) -> list[Tensor]:
        output = f(x.requires_grad_())
        with fwAD.dual_level():
            carrying = fwAD.make_dual(torch.ones_like(output), weights(output))
            (found,) = torch.autograd.grad(output, x, carrying, create_graph=True)
            return list(fwAD.unpack_dual(found))

    cell.compare(situation)


def test_autocast(cell: Cell) -> None:
    """Forward and backward under it, from float32 and from the lower precision."""

    def situation(f: Any, x: Tensor) -> list[Tensor]:
        found = []
        for dtype in (torch.float32, torch.bfloat16):
            leaf = x.to(dtype).requires_grad_()
            with torch.autocast("cpu", dtype=torch.bfloat16):
                output = f(leaf)
            found += [output.detach(), torch.autograd.grad(output, leaf, weights(output))[0]]
        return found

    cell.compare(situation, rtol=1.6e-2, atol=1e-2)


@pytest.mark.parametrize("reentrant", [True, False])
def test_autocast_around_a_checkpoint(cell: Cell, reentrant: bool) -> None:
    def situation(f: Any, x: Tensor) -> list[Tensor]:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            output = checkpoint(lambda z: f(z * 1.0), x.requires_grad_(), use_reentrant=reentrant)
        output.backward(weights(output))
        return [output.detach(), x.grad]

    cell.compare(situation, rtol=1.6e-2, atol=1e-2)


@pytest.mark.filterwarnings("ignore:Anomaly Detection has been enabled:UserWarning")
def test_anomaly_mode(cell: Cell) -> None:
    def situation(f: Any, x: Tensor) -> list[Tensor]:
        with torch.autograd.detect_anomaly():
            return step(f, x)

    cell.compare(situation)


@pytest.fixture
def deterministic() -> Iterator[None]:
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)


def test_deterministic_algorithms(cell: Cell, deterministic: None) -> None:
    cell.compare(step)


class Logging(TorchDispatchMode):
    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return func(*args, **(kwargs or {}))


SURROUNDINGS: dict[str, Callable[[], AbstractContextManager[Any]]] = {
    "nothing": nullcontext,
    "flop counter": lambda: FlopCounterMode(display=False),
    "dispatch mode": Logging,
    "forward mode": fwAD.dual_level,
    "save on cpu": save_on_cpu,
}
PAIRS = list(itertools.product(SURROUNDINGS, SURROUNDINGS))


def within(
    f: Any, x: Tensor, through: Callable[[Any, Tensor], Tensor], pair: tuple[str, str]
) -> list[Tensor]:
    """A step, its forward pass and its backward pass each in surroundings of their own."""
    leaf = x.clone().requires_grad_()
    with SURROUNDINGS[pair[0]]():
        output = through(lambda z: f(z * 1.0), leaf)
    with SURROUNDINGS[pair[1]]():
        found = torch.autograd.grad(output, (leaf, *f.parameters()), weights(output))
    return [output.detach(), *found]


def plainly(function: Any, leaf: Tensor) -> Tensor:
    return function(leaf)


def test_in_any_surroundings(cell: Cell) -> None:
    expected = step(cell.theirs(), cell.x)
    for name in SURROUNDINGS:
        cell.agrees(partial(within, through=plainly, pair=(name, name)), expected, name)


# ------------------------------------------------------------------------------------ checkpointing


def test_checkpoint_in_any_surroundings(cell: Cell) -> None:
    expected = step(cell.theirs(), cell.x)
    through = partial(checkpoint, use_reentrant=False)
    for pair in PAIRS:
        cell.agrees(partial(within, through=through, pair=pair), expected, pair)


def test_reentrant_checkpoint(cell: Cell) -> None:
    def situation(f: Any, x: Tensor) -> list[Tensor]:
        leaf = x.requires_grad_()
        output = checkpoint(lambda z: f(z * 1.0), leaf, use_reentrant=True)
        output.backward(weights(output))
        return [output.detach(), leaf.grad, *(p.grad for p in f.parameters())]

    cell.agrees(situation, step(cell.theirs(), cell.x))


def test_a_checkpoint_that_caches_what_it_computes(cell: Cell) -> None:
    """Selective checkpointing; in place it is refused."""
    policies = (CheckpointPolicy.MUST_SAVE, CheckpointPolicy.PREFER_RECOMPUTE)

    def situation(f: Any, x: Tensor) -> list[list[Tensor]]:
        found = []
        for policy in policies:
            contexts = partial(create_selective_checkpoint_contexts, lambda *_, p=policy, **__: p)
            through = partial(checkpoint, use_reentrant=False, context_fn=contexts)
            found.append(step(lambda z, t=through: t(lambda y: f(torch.sin(y)), z), x))
        return found

    cell.compare(situation, errors=True)


def test_a_checkpoint_that_ends_early_and_one_within_another(cell: Cell) -> None:
    through = partial(checkpoint, use_reentrant=False)

    def situation(f: Any, x: Tensor) -> list[Tensor]:
        return step(lambda z: through(lambda y: f(through(lambda w: f(w * 1.0), y).mean() * y), z), x)

    cell.compare(situation, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("size", ["small", "large"])
def test_checkpointing_draws_the_same_slopes_again(size: str, kernels_from_a_few_elements: None) -> None:
    module, x = nn.RReLU(), data(size)
    for around_forward in SURROUNDINGS.values():
        torch.manual_seed(3)
        expected = step(lambda z: module(z * 1.0), x)
        torch.manual_seed(3)

        def checkpointed(z: Tensor, around: Any = around_forward) -> Tensor:
            with around():
                return checkpoint(lambda z: module(z * 1.0), z, use_reentrant=False)

        same(step(checkpointed, x), expected)


@pytest.mark.parametrize("size", ["small", "large"])
@pytest.mark.parametrize("activation", KERNELS)
def test_another_backend_for_the_recomputation_is_never_silent(activation: str, size: str) -> None:
    """The gradient is right, or torch's checkpointing says that something else was saved."""
    ours, theirs = ours_of(activation), theirs_of(activation)
    x = data(size)
    expected = step(lambda z: theirs(z * 1.0), x)
    for forward, backward in (("numba", "torch"), ("torch", "numba"), ("numba", "auto"), ("auto", "torch")):
        leaf = x.clone().requires_grad_()
        before = rectifiers.set_backend(forward)
        try:
            output = checkpoint(lambda z: ours(z * 1.0), leaf, use_reentrant=False)
            rectifiers.set_backend(backward)
            with contextlib.suppress(torch.utils.checkpoint.CheckpointError):
                same(torch.autograd.grad(output, leaf, weights(output))[0], expected[1])
        finally:
            rectifiers.set_backend(before)


# ------------------------------------------------------------------------------------ saved tensors


def to_bytes(t: Tensor) -> bytes:
    buffer = io.BytesIO()
    torch.save(t, buffer)
    return buffer.getvalue()


HOOKS: dict[str, tuple[Callable[[Tensor], Any], Callable[[Any], Tensor]]] = {
    "strided": (lambda t: t, lambda t: torch.stack((t, torch.zeros_like(t)), -1)[..., 0]),
    "transposed": (lambda t: t, lambda t: t.transpose(0, -1).clone().transpose(0, -1) if t.dim() else t),
    "cloned": (lambda t: t.clone(), lambda t: t.clone(memory_format=torch.contiguous_format)),
    "reversed twice": (lambda t: t.flip(0) if t.dim() else t, lambda t: t.flip(0) if t.dim() else t),
    "as bytes": (to_bytes, lambda b: torch.load(io.BytesIO(b))),
    "numpy": (lambda t: t.numpy(force=True).copy(), torch.from_numpy),
}


def test_hooks_that_bring_back_other_memory(cell: Cell) -> None:
    expected = step(cell.theirs(), cell.x)
    for label, hooks in HOOKS.items():

        def situation(f: Any, x: Tensor, hooks: Any = hooks) -> list[Tensor]:
            with saved_tensors_hooks(*hooks):
                return step(f, x)

        cell.agrees(situation, expected, label)


@pytest.mark.parametrize("activation", KERNELS)
def test_a_hook_that_brings_back_another_type_is_an_error(
    activation: str, kernels_from_a_few_elements: None
) -> None:
    x = data("large")
    for change in (lambda t: t.double(), lambda t: t.to(torch.int32), lambda t: t[..., :1] if t.dim() else t):
        with saved_tensors_hooks(lambda t: t, change):
            leaf = x.clone().requires_grad_()
            output = ours_of(activation)(leaf)
        with pytest.raises(RuntimeError):
            torch.autograd.grad(output, leaf, weights(output))


@pytest.mark.parametrize("written_to", ["input", "output"])
def test_what_is_saved_may_be_written_to_where_torch_allows_it(cell: Cell, written_to: str) -> None:
    def situation(f: Any, x: Tensor) -> list[Tensor]:
        leaf = x.clone().requires_grad_()
        with torch.autograd.graph.allow_mutation_on_saved_tensors():
            hidden = leaf * 1.0
            output = f(hidden)
            kept = output.detach().clone()
            with torch.no_grad():
                (hidden if written_to == "input" else output).fill_(0.5)
            return [kept, torch.autograd.grad(output, leaf, weights(output))[0]]

    cell.compare(situation)


@pytest.mark.parametrize("written_to", ["input", "output"])
def test_a_change_after_forward_is_noticed_or_does_not_matter(cell: Cell, written_to: str) -> None:
    expected = step(cell.theirs(), cell.x)
    leaf = cell.x.requires_grad_()
    hidden = leaf * 1.0
    output = cell.ours()(hidden)
    with torch.no_grad():
        (hidden if written_to == "input" else output).fill_(0.5)
    try:
        (found,) = torch.autograd.grad(output, leaf, weights(output))
    except RuntimeError as error:
        if "modified by an inplace operation" not in str(error):
            raise
    else:
        same(found, expected[1])


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


@pytest.mark.cells(in_place=(False,), random=False)
def test_nan(cell: Cell) -> None:
    def situation(f: Any, x: Tensor) -> list[Tensor]:
        return step(f, torch.where(x.abs() < 0.5, torch.nan, x))[:2]

    cell.compare(situation)
