"""Situations of writing in place: counted, refused where torch refuses, right through views."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from matrix import RANDOM, Cell, ours_of, same, theirs_of, weights
from torch import Tensor

from rectifiers import nn

pytestmark = pytest.mark.cells(in_place=(True,))


def bare(cell: Cell) -> list[torch.nn.Module]:
    """Ours and torch's, that write into what they are given."""
    return [of(cell.activation, True) for of in (ours_of, theirs_of)]


def test_writing_into_what_is_saved_is_noticed(cell: Cell) -> None:
    for function in bare(cell):
        for written_to in (lambda h: h, lambda h: h.detach(), lambda h: h[1:]):
            w = (cell.x - 3).requires_grad_()
            h = w * 1.0
            loss = h.square().sum()
            with torch.no_grad():
                function(written_to(h))
            assert h._version > 0
            with pytest.raises(RuntimeError, match="inplace operation"):
                torch.autograd.grad(loss, w)


def test_an_inference_tensor_is_not_written_to_outside(cell: Cell) -> None:
    for function in bare(cell):
        with torch.inference_mode():
            inference = cell.x * 1
        with pytest.raises(RuntimeError, match="inference tensor"):
            function(inference)


def test_a_leaf_and_a_view_of_it_are_refused(cell: Cell) -> None:
    for function in bare(cell):
        for made in (lambda leaf: leaf, lambda leaf: leaf[1:], lambda leaf: leaf.view_as(leaf)):
            leaf = cell.x.requires_grad_()
            with pytest.raises(RuntimeError, match="leaf Variable"):
                function(made(leaf))
            assert torch.equal(leaf, cell.x)


VIEWS: dict[str, Callable[[Tensor], Tensor]] = {
    "a part": lambda t: t[1:3],
    "every second": lambda t: t[..., ::2],
    "transposed": lambda t: t.transpose(1, 2),
    "channels last": lambda t: t.permute(0, 2, 1),
}

UNFIT = {"prelu": ("transposed", "channels last"), RANDOM: ("every second",)}  # channels; draws by density


def test_through_a_view(cell: Cell) -> None:
    """The base changes, and gradients go through it."""
    for label, view in VIEWS.items():
        found = []
        for function in bare(cell):
            if label in UNFIT.get(cell.activation, ()):
                continue
            leaf = cell.x.requires_grad_()
            base = leaf * 1
            part = view(base)
            assert function(part) is part
            found.append([base.detach(), torch.autograd.grad(base, leaf, weights(base))[0]])
        same(found[:1], found[1:], label)


def test_overlapping_memory_is_refused(cell: Cell) -> None:
    for function in bare(cell):
        x = cell.x
        with pytest.raises(RuntimeError, match="more than one element"):
            function(x[:1].expand(4, *x.shape[1:]))


def test_data_is_another_name_for_the_memory(cell: Cell) -> None:
    found = []
    for function in bare(cell):
        leaf = cell.x.requires_grad_()
        assert function(leaf.data).data_ptr() == leaf.data_ptr()
        assert leaf.is_leaf
        assert leaf.grad_fn is None
        found.append(leaf.detach())
    same(*found)


@pytest.mark.parametrize("reentrant", [True, False])
def test_within_a_checkpoint(cell: Cell, reentrant: bool) -> None:
    found = []
    for function in bare(cell):
        x = cell.x.requires_grad_()
        output = torch.utils.checkpoint.checkpoint(lambda z: function(z * 2), x, use_reentrant=reentrant)  # noqa: B023
        output.backward(weights(output))
        found.append([output.detach(), x.grad])
    same(*found)


def test_twice_and_then_another(cell: Cell) -> None:
    """In place on what was written in place: gradients are those of what was there each time."""
    found = []
    for function in bare(cell):
        leaf = cell.x.requires_grad_()
        output = function(function(leaf * 1) * 0.5) + 1
        found.append([output.detach(), torch.autograd.grad(output, leaf, weights(output))[0]])
    same(*found)


@pytest.mark.parametrize("slope", [-0.3, 0.0])
def test_a_slope_that_is_not_positive(slope: float, kernels_from_a_few_elements: None) -> None:
    """torch's own raises an error in backward."""
    for x in (torch.linspace(-2, 2, 60), torch.linspace(-2, 2, 1 << 17)):
        found = []
        for inplace in (False, True):
            leaf = x.clone().requires_grad_()
            output = nn.LeakyReLU(slope, inplace=inplace)(leaf * 1)
            found.append([output.detach(), torch.autograd.grad(output, leaf, weights(output))[0]])
        same(*found)


def test_the_output_is_memory_of_its_own_where_it_is_not_in_place(cell: Cell) -> None:
    function, x = copy.copy(bare(cell)[0]), cell.x
    function.inplace = False
    function(x).fill_(7)
    assert torch.equal(x, cell.x)
    one: Any = nn.Maxout(1)(x)
    one.fill_(7)
    assert torch.equal(x, cell.x)
