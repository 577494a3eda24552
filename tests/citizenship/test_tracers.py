"""Situations of what traces: torch.compile, torch.export, make_fx, fx, jit.trace, jit.script."""

from __future__ import annotations

import functools
import io
import operator
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from matrix import SHAPES, Cell, data, keys, ours_of, same, weights
from torch import Tensor
from torch.fx.experimental.proxy_tensor import make_fx

import rectifiers
from rectifiers import functional
from rectifiers.vocabulary import where

# Compilers and exporters of torch use what torch deprecates.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.isinstance.treespec:FutureWarning"),
    pytest.mark.cells(random=False),
]


@pytest.fixture
def fresh_compiler() -> Iterator[None]:
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


# ------------------------------------------------------------------------------------ all in one graph


class All(torch.nn.Module):
    """Every cell of one size: compiling all takes little longer than one."""

    def __init__(self) -> None:
        super().__init__()
        cells = keys(("small",), random=False)
        self.parts = torch.nn.ModuleDict({name(*cell): ours_of(cell[0], cell[2]) for cell in cells})

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return {name: part(x * 1) for name, part in self.parts.items()}


def name(activation: str, size: str, in_place: bool) -> str:
    """Of a part of `All`."""
    return activation + " in place" * in_place


def results(function: Any, x: Tensor) -> dict[str, list[Tensor]]:
    """Output and gradient of every activation."""
    leaf = x.clone().requires_grad_()
    outputs = function(leaf)
    return {
        name: [y.detach(), torch.autograd.grad(y, leaf, weights(y), retain_graph=True)[0]]
        for name, y in outputs.items()
    }


def example() -> Tensor:
    """Of another number of rows and columns than any cell has."""
    return torch.linspace(-3, 3, 7 * 4 * 11).view(7, 4, 11)


@functools.cache
def compiled(mode: str) -> dict[str, dict[str, list[Tensor]]]:
    """What a compiled graph of all gives, by size: made anew for each, or of any size from the first.

    What compilers make of the graph is the subject of test_compiled.py.
    """
    torch._dynamo.reset()
    whole = mode == "whole and dynamic"
    function = torch.compile(All(), backend="eager", fullgraph=whole, dynamic=True if whole else None)
    if whole:
        results(function, example())
    with torch._dynamo.config.patch(error_on_recompile=whole):
        return {size: results(function, data(size)) for size in SHAPES}


@functools.cache
def exported() -> dict[str, dict[str, Tensor]]:
    """What a program of all, exported strictly, gives by size: for others than it was exported for."""
    dynamic = ({0: torch.export.Dim("rows"), 2: torch.export.Dim("columns")},)
    program = torch.export.export(All(), (example(),), dynamic_shapes=dynamic, strict=True)
    buffer = io.BytesIO()
    torch.export.save(program, buffer)
    buffer.seek(0)
    module = torch.export.load(buffer).module()
    return {size: module(data(size)) for size in SHAPES}


def expected(cell: Cell, x: Tensor | None = None) -> list[Tensor]:
    return results(lambda x: {"": cell.theirs()(x)}, cell.x if x is None else x)[""]


@pytest.mark.parametrize("mode", ["default", "whole and dynamic"])
def test_compile(cell: Cell, mode: str) -> None:
    found = compiled(mode)[cell.size][name(*cell.key)]
    same(found, expected(cell, data(cell.size)))


@pytest.mark.filterwarnings("ignore:The given buffer is not writable:UserWarning")
def test_strict_export(cell: Cell) -> None:
    """test_export.py has the other kind."""
    found = exported()[cell.size][name(*cell.key)]
    same(found, expected(cell, data(cell.size))[0])


# ------------------------------------------------------------------------------------ one by one


@pytest.mark.cells(random=False, in_place=(False,))
def test_make_fx(cell: Cell) -> None:
    """To operations of torch's own, for forward and backward."""

    module = cell.ours()

    def backward(x: Tensor) -> Tensor:
        leaf = x.detach().requires_grad_()
        output = module(leaf)
        return torch.autograd.grad(output, leaf, weights(output))[0]

    mode = "symbolic" if cell.size == "large" else "real"
    graph = make_fx(backward, tracing_mode=mode, _allow_non_fake_inputs=True)(-cell.x)
    called = {n.target for n in graph.graph.nodes if n.op == "call_function"} - {operator.getitem}
    assert {t.namespace for t in called if isinstance(t, torch._ops.OpOverload)} == {"aten"}
    same(graph(cell.x), expected(cell)[1])


def test_fx(cell: Cell) -> None:
    """One call of this library's function per module."""
    graph = torch.fx.symbolic_trace(torch.nn.Sequential(cell.ours()))
    called = [n.target for n in graph.graph.nodes if n.op == "call_function"]
    assert getattr(functional, cell.activation) in called
    same(results(lambda x: {"": graph(x)}, cell.x)[""], expected(cell))


def test_jit_trace(cell: Cell) -> None:
    """A warning of the tracer's is an error."""
    traced = torch.jit.trace(cell.ours(), (-cell.x,))
    same(results(lambda x: {"": traced(x)}, cell.x)[""], expected(cell))


def test_jit_script(cell: Cell) -> None:
    scripted = torch.jit.script(torch.nn.Sequential(cell.ours()))
    for _ in range(3):  # profiled, then optimised
        found = results(lambda x: {"": scripted(x)}, cell.x)[""]
    same(found, expected(cell))
    buffer = io.BytesIO()
    torch.jit.save(scripted, buffer)
    buffer.seek(0)
    same(torch.jit.load(buffer)(cell.x), expected(cell)[0])


def test_many_modules_compiled_one_by_one(fresh_compiler: None) -> None:
    with torch._dynamo.config.patch(error_on_recompile=True):
        for key in keys(("small",), (False,), random=False):
            module = ours_of(key.activation)
            compiled_one = torch.compile(module, fullgraph=True, backend="eager")
            same(compiled_one(data("small")), module(data("small")), key)


def f(x: Any) -> Any:
    return where(x > 0, x * x, 0.0)


def df(x: Any) -> Any:
    return where(x > 0, 2.0 * x, 0.0)


OWN = rectifiers.elementwise("own_square", f, df, keeps="input")


@pytest.mark.parametrize("requires_grad", [False, True])
def test_an_own_activation_is_compiled_and_exported_whole(fresh_compiler: None, requires_grad: bool) -> None:
    x = torch.linspace(-2, 2, 12, requires_grad=requires_grad)
    compiled_one = torch.compile(OWN.functional, fullgraph=True, backend="aot_eager")
    same(compiled_one(x), OWN.functional(x))
    for strict in (True, False):
        program = torch.export.export(OWN.module(), (x.detach(),), strict=strict)
        same(program.module()(x.detach()), OWN.functional(x).detach())
