"""Situations by the kind of tensor: layouts, types, views, subclasses, tensors without numbers."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from matrix import KERNELS, Cell, data, keys, ours_of, own, step, theirs_of, weights
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.testing._internal.two_tensor import TwoTensor

import rectifiers

# ------------------------------------------------------------------------------------ layouts


def image(x: Tensor) -> Tensor:
    return x.unflatten(-1, (-1, 2)) if x.shape[-1] % 2 == 0 else x[..., :4].unflatten(-1, (-1, 2))


LAYOUTS: dict[str, Callable[[Tensor], Tensor]] = {
    "channels last": lambda x: image(x).contiguous(memory_format=torch.channels_last),
    "transposed": lambda x: x.transpose(0, 2).contiguous().transpose(0, 2),
    "strided": lambda x: torch.stack((x, x), dim=-1)[..., 0],
    "expanded": lambda x: x[:1].expand_as(x),
    "a scalar, expanded": lambda x: x.flatten()[0].expand_as(x),
    "overlapping": lambda x: x.as_strided((3, 4, x.shape[-1]), (2, 1, 1)),
    "negative": lambda x: torch.complex(x, -x).conj().imag,
    "the real part of a conjugate": lambda x: torch.complex(x, -x).conj().real,
    "at an odd offset": lambda x: torch.cat((x.flatten()[:1], x.flatten()))[1:].view(x.shape),
    "no elements": lambda x: x[:0],
    "no features": lambda x: x[:, :, :0],
    "zeros without memory": lambda x: torch._efficientzerotensor(x.shape),
    "one of each": lambda x: x[:1, :, :1],
}


@pytest.mark.cells(random=False)
def test_layout(cell: Cell) -> None:
    """Values and gradients."""
    for label, laid_out in LAYOUTS.items():

        def situation(f: Any, x: Tensor, laid_out: Any = laid_out) -> list[Tensor]:
            leaf = laid_out(x).detach().requires_grad_()  # has the strides
            output = f(leaf)
            by = torch.autograd.grad(output, leaf, weights(output))[0]
            return [f(laid_out(x)) + 0, output.detach() + 0, by + 0]

        cell.compare(situation, label, errors=label == "zeros without memory")  # not to be written to


def test_strides_of_crelu_of_one_channel(kernels_from_a_few_elements: None) -> None:
    """Contiguous in more than one order of axes."""
    for shape in ((4, 1, 128, 64), (1 << 15, 1, 1, 1)):
        x = torch.ones(shape).to(memory_format=torch.channels_last)
        expected = torch.cat((torch.relu(x), torch.relu(-x)), 1)
        assert rectifiers.functional.crelu(x).stride() == expected.stride()


@pytest.mark.cells(random=False, in_place=(False,))
def test_strides_of_the_output(cell: Cell) -> None:
    def situation(f: Any, x: Tensor) -> list[Tensor]:
        if not own(cell.activation):
            return []
        return [torch.tensor(f(laid_out(x) * 1).stride()) for laid_out in LAYOUTS.values()]

    cell.compare(situation)


@pytest.mark.cells(sizes=("small",))
def test_a_tensor_without_axes(cell: Cell) -> None:
    cell.compare(lambda f, x: step(f, x[0, 0, 0]), errors=True)


# ------------------------------------------------------------------------------------ types


def test_float64(cell: Cell) -> None:
    cell.compare(lambda f, x: step(f.double(), x.double()), rtol=1e-13, atol=1e-13)


def test_half_types(cell: Cell) -> None:
    for dtype in (torch.float16, torch.bfloat16):
        near = 4 * torch.finfo(dtype).eps
        cell.compare(lambda f, x, d=dtype: step(f.to(d), x.to(d)), dtype, rtol=near, atol=near)


OTHERS = [torch.int64, torch.uint8, torch.bool, torch.complex64, torch.float8_e4m3fn]


@pytest.mark.cells(random=False)
def test_other_type(cell: Cell) -> None:
    for dtype in OTHERS:

        def situation(f: Any, x: Tensor, dtype: torch.dtype = dtype) -> Tensor:
            found = f(x.to(dtype))
            return found if found.is_complex() else found.double()

        cell.compare(situation, dtype, errors=True)


@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "prelu", "elu", "selu", "celu", "hardsigmoid"])
def test_what_is_no_tensor(activation: str) -> None:
    for module in (ours_of(activation), theirs_of(activation)):
        for given in (None, [1.0], 1.0):
            with pytest.raises(TypeError):
                module(given)


# ------------------------------------------------------------------------------------ not dense and strided


def nested(f: Any, x: Tensor, layout: torch.layout) -> list[Tensor]:
    rows = [x.flatten(1), x.flatten(1)[:2]]
    given = torch.nested.nested_tensor(rows, layout=layout, requires_grad=True)
    parts = f(given).unbind()
    found = torch.autograd.grad([part.sum() for part in parts], given)[0]
    return [part.detach() for part in (*parts, *found.unbind())]


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
@pytest.mark.cells(random=False)
def test_a_strided_nested_tensor(cell: Cell) -> None:
    cell.compare(partial(nested, layout=torch.strided), errors=True)


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
@pytest.mark.cells(random=False)
def test_a_jagged_nested_tensor(cell: Cell) -> None:
    cell.compare(partial(nested, layout=torch.jagged), errors=True)


@pytest.mark.cells(random=False)
def test_mkldnn(cell: Cell) -> None:
    cell.compare(lambda f, x: f(x.to_mkldnn()).to_dense(), errors=True)


@pytest.mark.filterwarnings("ignore:Sparse:UserWarning")
@pytest.mark.cells(random=False)
@pytest.mark.parametrize("layout", [torch.sparse_coo, torch.sparse_csr], ids=str)
def test_sparse(cell: Cell, layout: torch.layout) -> None:
    cell.compare(lambda f, x: f(x[..., 0].relu().to_sparse(layout=layout)).to_dense(), errors=True)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.cells(random=False)
def test_quantized(cell: Cell) -> None:
    def situation(f: Any, x: Tensor) -> Tensor:
        return f(torch.quantize_per_tensor(x, 0.05, 128, torch.quint8)).dequantize()

    cell.compare(situation, errors=True)


# ------------------------------------------------------------------------------------ without numbers


@pytest.mark.cells(random=False)
def test_meta(cell: Cell) -> None:
    def situation(f: Any, x: Tensor) -> Tensor:
        leaf = x.to("meta").requires_grad_()
        output = f.to("meta")(leaf)
        (by,) = torch.autograd.grad(output, leaf, torch.empty_like(output))
        assert output.is_meta
        assert by.is_meta
        return torch.tensor([*output.shape, *output.stride(), *by.shape, *by.stride()])

    cell.compare(situation)


@pytest.mark.cells(random=False)
def test_fake(cell: Cell) -> None:
    def situation(f: Any, x: Tensor) -> Tensor:
        with FakeTensorMode(allow_non_fake_inputs=True) as mode:
            leaf = mode.from_tensor(x).requires_grad_()
            output = f(leaf)
            (by,) = torch.autograd.grad(output, leaf, torch.ones_like(output))
        return torch.tensor([*output.shape, *output.stride(), *by.shape, *by.stride()])

    cell.compare(situation)


def test_a_fake_mode_over_a_real_tensor(cell: Cell) -> None:
    def situation(f: Any, x: Tensor) -> Tensor:
        with FakeTensorMode():
            return f(x)

    for function in (cell.theirs(), cell.ours()):
        with pytest.raises(Exception, match=r"(?i)fake|dispatch mode"):
            situation(function, cell.x)


def test_a_default_device(cell: Cell) -> None:
    def situation(f: Any, x: Tensor) -> list[Tensor]:
        leaf = x.clone().requires_grad_()
        with torch.device("meta"):
            output = f(leaf)
        return [output.detach(), torch.autograd.grad(output, leaf, weights(output))[0]]

    cell.agrees(situation, step(cell.theirs(), cell.x)[:2])


# ------------------------------------------------------------------------------------ subclasses


class Named(torch.Tensor):
    """A subclass that adds nothing."""


@pytest.mark.cells(random=False)
def test_subclass(cell: Cell) -> None:
    """What comes out is of the same class; of a Parameter it is a plain tensor."""

    def situation(f: Any, x: Tensor) -> list[Tensor]:
        leaf = x.as_subclass(Named).requires_grad_()
        output = f(leaf)
        (by,) = torch.autograd.grad(output, leaf, torch.ones_like(output))
        assert type(output) is Named
        assert type(f(torch.nn.Parameter(x))) is torch.Tensor
        assert type(f(torch.nn.Buffer(x))) is torch.Tensor
        return [t.detach().as_subclass(torch.Tensor) for t in (output, by)]

    cell.compare(situation)


@pytest.mark.cells(random=False)
def test_subclass_that_wraps(cell: Cell) -> None:
    def situation(f: Any, x: Tensor) -> list[Tensor]:
        two = TwoTensor(x.clone(), -x).requires_grad_()
        output = f(two)
        (by,) = torch.autograd.grad(output, two, torch.ones_like(output))
        assert isinstance(output, TwoTensor)
        return [output.a.detach(), output.b.detach(), by.a, by.b]

    cell.compare(situation)


def test_large_cells_run_kernels(kernels_from_a_few_elements: None) -> None:
    for name in KERNELS:
        assert rectifiers.explain(ours_of(name), data("large")).backend == "llvm"
        assert rectifiers.explain(ours_of(name), data("small")).backend == "torch"
    assert len({*map(str, keys())}) == len(keys())
