"""Situations of autograd: modes, checkpoints, saved tensors."""

from __future__ import annotations

import contextlib
import io
import itertools
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

import pytest
import torch
import torch.autograd.forward_ad as fwAD
import torch.nn.functional as F
from matrix import KERNELS, Cell, data, ours_of, same, step, theirs_of, weights
from torch import Tensor
from torch.autograd.graph import save_on_cpu, saved_tensors_hooks
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.checkpoint import CheckpointPolicy, checkpoint, create_selective_checkpoint_contexts
from torch.utils.flop_counter import FlopCounterMode

import rectifiers
from rectifiers import nn
from rectifiers.activations import Real
from rectifiers.vocabulary import tanh

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
    for forward, backward in (("llvm", "torch"), ("torch", "llvm"), ("llvm", "auto"), ("auto", "torch")):
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


@pytest.mark.parametrize("change", [Tensor.double, Tensor.bfloat16, lambda t: t.view(2, 2)])
def test_a_hook_that_brings_back_another_weight_is_an_error(
    change: Any, kernels_from_a_few_elements: None
) -> None:
    for module in (ours_of("prelu"), theirs_of("prelu")):
        leaf = data("large").requires_grad_()
        with saved_tensors_hooks(lambda t: t, lambda t: change(t) if t.numel() == 4 else t):
            output = module(leaf)
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


@pytest.mark.cells(in_place=(False,))
def test_the_output_is_written_to_before_backward(cell: Cell) -> None:
    def situation(f: Any, x: Tensor) -> Tensor:
        leaf = x.clone().requires_grad_()
        output = f(leaf * 1.0)
        output.mul_(2)
        return torch.autograd.grad(output, leaf, weights(output))[0]

    cell.compare(situation, errors=True)


# ------------------------------------------------------------------------------------ tensors as numbers


scaled = rectifiers.elementwise(
    "scaled",
    lambda x, alpha: alpha * tanh(x),
    lambda x, alpha: alpha * (1.0 - tanh(x) * tanh(x)),
    parameters={"alpha": Real(1.0)},
)


@pytest.mark.parametrize("size", ["small", "large"])
@pytest.mark.parametrize("activation", ["leaky_relu", "elu", "celu"])
def test_a_number_that_is_a_tensor_may_change_after_forward(
    activation: str, size: str, kernels_from_a_few_elements: None
) -> None:
    found = []
    for function in (getattr(rectifiers.functional, activation), getattr(F, activation)):
        number, leaf = torch.tensor(0.5), data(size).requires_grad_()
        output = function(leaf, number)
        number.fill_(3.0)
        found.append(torch.autograd.grad(output, leaf, weights(output)))
    same(*found)


@pytest.mark.parametrize("size", ["small", "large"])
def test_a_number_that_expects_a_gradient_is_refused(size: str, kernels_from_a_few_elements: None) -> None:
    """None would reach it."""
    number, x = torch.tensor(0.5, requires_grad=True), data(size)
    for function in (rectifiers.functional.elu, F.elu, scaled.functional):
        with pytest.raises(TypeError, match=r"must be a? ?[nN]umber"):
            function(x, number)
    for module in (nn.ELU(), torch.nn.ELU(), scaled.module()):
        module.alpha = number
        with pytest.raises(TypeError, match=r"must be a? ?[nN]umber"):
            module(x)
