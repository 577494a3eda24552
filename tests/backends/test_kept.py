"""What the kernels of the processor keep for backward, to the byte; and in place, for slopes of any sign."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

from rectifiers import functional
from rectifiers.backends import using

DTYPES = (torch.float32, torch.float16, torch.bfloat16)
HALF = (torch.float16, torch.bfloat16)
ROWS, COLUMNS = 33, 240  # columns divide by 2, 3, 4, 5, 16
SIZE = ROWS * COLUMNS
Case = tuple[str, tuple[Any, ...], dict[str, Any]]

SIGNS: list[Case] = [
    ("relu", (), {}),
    ("leaky_relu", (0.1,), {}),
    ("leaky_relu", (-0.1,), {}),
    ("rrelu", (), {}),
    ("rrelu", (), {"training": True}),
    ("rrelu", (-0.5, 0.5), {"training": True}),
]
OUTPUTS: list[Case] = [
    ("elu", (1.0,), {}),
    ("elu", (0.0,), {}),
    ("selu", (), {}),
    ("celu", (1.3,), {}),
]
INPUTS: list[Case] = [("elu", (-1.3,), {}), ("squared_relu", (), {})]


def called(case: Case) -> Callable[..., Tensor]:
    name, values, options = case
    function = getattr(functional, name)
    return lambda x, **more: function(x, *values, **options, **more)


def label(value: Any) -> str:
    return " ".join(map(str, (value[0], *value[1], *value[2]))) if isinstance(value, tuple) else str(value)


def sample(dtype: torch.dtype, *shape: int) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return (torch.randn(shape or (ROWS, COLUMNS), generator=generator, dtype=torch.float64) * 4).to(dtype)


def kept(function: Callable[[Tensor], Tensor], x: Tensor) -> tuple[Tensor, list[Tensor]]:
    """The result of a call, and all that autograd keeps of it."""
    found: list[Tensor] = []

    def note(tensor: Tensor) -> Tensor:
        found.append(tensor)
        return tensor

    with using("llvm"), saved_tensors_hooks(note, lambda tensor: tensor):
        y = function(x)
    return y, found


def size_in_memory(tensors: list[Tensor]) -> int:
    tensors = [t for t in tensors if t.dtype != torch.int64]  # but a seed
    return sum(storage.nbytes() for storage in {t.data_ptr(): t.untyped_storage() for t in tensors}.values())


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("case", SIGNS, ids=label)
def test_a_bit_per_element(case: Case, dtype: torch.dtype) -> None:
    for size in (1, 8, 9, SIZE):
        _, found = kept(called(case), sample(dtype, size).requires_grad_())
        assert size_in_memory(found) == (size + 7) // 8


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("case", OUTPUTS, ids=label)
def test_the_result_itself_or_for_half_types_the_input(case: Case, dtype: torch.dtype) -> None:
    x = sample(dtype).requires_grad_()
    y, found = kept(called(case), x)
    (tensor,) = (t for t in found if t.numel())  # beside a marker
    exact_output = dtype not in HALF
    assert tensor.data_ptr() == (y if exact_output else x).data_ptr()
    assert tensor.untyped_storage().nbytes() == SIZE * dtype.itemsize


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("case", INPUTS, ids=label)
def test_the_input_where_the_output_does_not_do(case: Case, dtype: torch.dtype) -> None:
    x = sample(dtype).requires_grad_()
    _, found = kept(called(case), x)
    assert [tensor.data_ptr() for tensor in found] == [x.data_ptr()]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("channels", [1, COLUMNS])
def test_prelu_keeps_its_input_and_its_slopes(channels: int, dtype: torch.dtype) -> None:
    x, weight = sample(dtype).requires_grad_(), sample(dtype, channels).requires_grad_()
    _, found = kept(lambda t: functional.prelu(t, weight), x)
    assert [tensor.data_ptr() for tensor in found] == [x.data_ptr(), weight.data_ptr()]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_crelu_keeps_two_bits_per_element(dtype: torch.dtype) -> None:
    for shape, dim in (((ROWS, COLUMNS), 1), ((SIZE,), 0), ((2, 8, 5, 8), 1)):
        x = sample(dtype, *shape).requires_grad_()
        _, found = kept(lambda t, d=dim: functional.crelu(t, d), x)
        assert size_in_memory(found) == 2 * x.numel() // 8


@pytest.mark.parametrize("grouping", ["consecutive", "strided"])
@pytest.mark.parametrize("pieces, planes", [(1, 0), (2, 1), (3, 2), (4, 2), (5, 3), (16, 4)])
def test_maxout_keeps_the_number_of_the_winner(pieces: int, planes: int, grouping: str) -> None:
    """Rounded up to whole bytes once per row, where groups lie apart."""
    for shape in ((32, COLUMNS), (2, COLUMNS, 8, 8)):
        x = sample(torch.float32, *shape).requires_grad_()
        y, found = kept(lambda t: functional.maxout(t, pieces, 1, grouping), x)
        rows = 32 if len(shape) == 2 and grouping == "strided" else 1
        allowed = planes * (y.numel() // 8 + rows)
        assert planes * y.numel() // 8 <= size_in_memory(found) <= allowed


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_maxout_keeps_as_many_bits_for_any_type(dtype: torch.dtype) -> None:
    y, found = kept(lambda t: functional.maxout(t, 3), sample(dtype, 32, COLUMNS).requires_grad_())
    assert size_in_memory(found) == 2 * y.numel() // 8


EVERYTHING: list[Case] = [*SIGNS, *OUTPUTS, *INPUTS, ("maxout", (3,), {}), ("crelu", (), {})]


@pytest.mark.parametrize("case", EVERYTHING, ids=label)
def test_nothing_is_kept_where_nothing_is_learned(case: Case) -> None:
    x = sample(torch.float32)
    y, found = kept(called(case), x)
    assert not found
    assert y.grad_fn is None
    with torch.no_grad():
        y, found = kept(called(case), x.requires_grad_())
    assert not found
    assert not y.requires_grad
    with torch.inference_mode():
        _, found = kept(called(case), sample(torch.float32))
    assert not found


IN_PLACE: list[Case] = [
    *SIGNS,
    *OUTPUTS,
    *INPUTS,
    ("leaky_relu", (0.0,), {}),
    ("leaky_relu", (-2.0,), {}),
    ("rrelu", (-0.5, -0.2), {}),
    ("rrelu", (-0.5, -0.2), {"training": True}),
    ("celu", (-1.5,), {}),
]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("case", [case for case in IN_PLACE if case[0] != "squared_relu"], ids=label)
def test_in_place_gives_what_a_new_result_gives(case: Case, dtype: torch.dtype) -> None:
    g = sample(dtype).flip(0)
    seeds = "generator" if case[2] else None
    results = []
    for inplace in (False, True):
        x = sample(dtype).requires_grad_()
        before = x * 1
        more: dict[str, Any] = {} if seeds is None else {seeds: torch.Generator().manual_seed(1)}
        with using("llvm"):
            y = called(case)(before, inplace=inplace, **more)
            (gx,) = torch.autograd.grad(y, x, g)
        assert (y is before) == inplace
        results.append((y.detach(), gx))
    for one, other in zip(*results, strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("case", SIGNS, ids=label)
def test_in_place_keeps_a_bit_per_element_too(case: Case) -> None:
    x = sample(torch.float32).requires_grad_()
    held = x * 1
    _, found = kept(lambda t: called(case)(t, inplace=True), held)
    assert size_in_memory(found) == (SIZE + 7) // 8


@pytest.mark.parametrize("layout", ["transposed", "every second column", "a part"])
@pytest.mark.parametrize(
    "case", [case for case in IN_PLACE if case[0] in ("relu", "elu", "rrelu")], ids=label
)
def test_in_place_writes_through_views(case: Case, layout: str) -> None:
    views: dict[str, Callable[[Tensor], Tensor]] = {
        "transposed": lambda t: t.t(),
        "every second column": lambda t: t[:, ::2],
        "a part": lambda t: t[3:20, 7:100],
    }
    for learning in (False, True):
        base = sample(torch.float32)
        expected = base.clone()
        more: list[dict[str, Any]] = [{}, {}]
        if case[2]:
            more = [{"generator": torch.Generator().manual_seed(2)} for _ in range(2)]
        with using("llvm"):
            views[layout](expected).copy_(called(case)(views[layout](base).clone(), **more[0]))
            leaf = base.requires_grad_(learning)
            whole = leaf * 1
            view = views[layout](whole)
            found = called(case)(view, inplace=True, **more[1])
        assert found is view
        assert torch.equal(whole.detach(), expected)
        if learning:
            (gx,) = torch.autograd.grad(whole.sum(), leaf)
            outside = torch.ones_like(base, dtype=torch.bool)
            views[layout](outside).fill_(False)
            assert (gx[outside] == 1).all()
            assert not torch.equal(gx, torch.ones_like(gx))
