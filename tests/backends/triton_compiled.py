"""Every Triton kernel compiled to PTX and machine code for GPUs that are not there.

`test_triton.py` runs this file in a process of its own. The kernels' launches are caught, and compiled for
the arguments they carry as Triton itself would specialise them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from rectifiers.activations import Elementwise, Learned, Real, elementwise, registry
from rectifiers.backends._eligible import has_kernel
from rectifiers.backends._kernels import Draw
from rectifiers.backends.gpu import kernel_set, kernels
from rectifiers.vocabulary import exp, maximum, sqrt, where

assert not triton.knobs.runtime.interpret, "run with TRITON_INTERPRET=0"

N = 1 << 14
TYPES = {
    torch.float32: "*fp32",
    torch.float16: "*fp16",
    torch.bfloat16: "*bf16",
    torch.uint8: "*u8",
    torch.int64: "*i64",
}
ELEMENTWISE = [r for r in registry.values() if isinstance(r, Elementwise) and has_kernel(r, on_gpu=True)]
KERNELS = [name for name in vars(kernel_set) if name.endswith("_kernel")]
Compiled = dict[str, Any]


def compile_for(capability: int, kernel: Any, args: tuple[Any, ...], constants: dict[str, Any]) -> Any:
    """Compile a launch: tensors by type and alignment, whole numbers by width and divisibility."""
    signature: dict[str, str] = dict.fromkeys(kernel.arg_names, "constexpr")
    constants, attributes = dict(constants), {}
    for place, (name, value) in enumerate(zip(kernel.arg_names, args, strict=False)):
        aligned = False
        if isinstance(value, torch.Tensor):
            signature[name], aligned = TYPES[value.dtype], value.data_ptr() % 16 == 0
        elif isinstance(value, float):
            signature[name] = "fp32"
        elif value == 1:
            constants[name] = 1
        else:
            signature[name], aligned = "i32" if value < 2**31 else "i64", value % 16 == 0
        if aligned:
            attributes[place,] = [["tt.divisibility", 16]]
    source = ASTSource(kernel, signature, constants, attributes)
    return triton.compile(source, target=GPUTarget("cuda", capability, 32), options=kernel_set._OPTIONS)


@pytest.fixture(params=[90], ids=["sm_90"])
def compiled(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Compiled]:
    """What the launches of a test were compiled to, by the name of the kernel."""
    found: Compiled = {}

    def run(kernel: Any, programs: int, *args: Any, **constants: Any) -> None:
        assert set(kernel.arg_names[len(args) :]) == set(constants)
        found[kernel.__name__] = compile_for(request.param, kernel, args, constants)

    monkeypatch.setattr(kernel_set, "launch", run)
    yield found
    assert all(kernel.asm["cubin"] for kernel in found.values())


def accesses(kernel: Any) -> dict[str, int]:
    """How often PTX loads or stores how much of the global memory."""
    found = re.findall(r"\b((?:ld|st)\.global)\S*?((?:\.v\d)?\.[bfus]\d+)", kernel.asm["ptx"])
    return {f"{what}{width}": found.count((what, width)) for what, width in found}


def assert_wide(kernel: Any, loads: int = 1, stores: int = 1, others: int = 0) -> None:
    """All accesses are of 16 bytes, but `others`: the packed bits, or a parameter."""
    counts = accesses(kernel)
    assert counts.pop("ld.global.v4.b32", 0) >= loads, counts
    assert counts.pop("st.global.v4.b32", 0) >= stores, counts
    assert sum(counts.values()) <= others, counts


def run_both(record: Elementwise, values: tuple[Any, ...], dtype: torch.dtype) -> None:
    x = torch.empty(N, dtype=dtype)
    bits = kernels.value(record, values, (1, 1, N), x, torch.empty_like(x), record.keeps == "sign")
    kernels.slope(
        record, values, (1, 1, N), record.keeps, x if bits is None else bits, torch.empty_like(x), x
    )


@pytest.mark.parametrize("record", ELEMENTWISE, ids=lambda record: record.name)
def test_every_record_is_read_and_written_in_16_bytes(record: Any, compiled: Compiled) -> None:
    run_both(record, record.defaults, torch.float32)
    assert_wide(compiled["value_kernel"], others=1)
    assert_wide(compiled["slope_kernel"], 2 - (record.keeps == "sign"), others=1)


@pytest.mark.parametrize(("name", "dtype"), [("leaky_relu", torch.bfloat16), ("leaky_relu", torch.float16)])
def test_every_type(name: str, dtype: torch.dtype, compiled: Compiled) -> None:
    record: Any = registry[name]
    run_both(record, record.defaults, dtype)
    assert_wide(compiled["value_kernel"], others=1)
    assert_wide(compiled["slope_kernel"], 2 - (record.keeps == "sign"), others=1)
    arithmetic = re.findall(r"\b(?:mul|add|sub|fma|div)\.\S*f(32|64)\b", compiled["value_kernel"].asm["ptx"])
    assert set(arithmetic) == {"32"}


def test_sizes_that_are_no_multiple_of_16_stay_wide_but_in_the_tail(compiled: Compiled) -> None:
    x = torch.empty(N - 1)
    kernels.value(registry["relu"], (), (1, 1, N - 1), x, x, False)
    counts = accesses(compiled["value_kernel"])
    assert counts["ld.global.v4.b32"] == counts["st.global.v4.b32"] == 8
    kernels.slope(registry["squared_relu"], (), (1, 1, N - 1), "input", x, x, x)
    counts = accesses(compiled["slope_kernel"])
    assert counts["ld.global.v4.b32"] == 2 * counts["st.global.v4.b32"] == 16


def test_sizes_of_one(compiled: Compiled) -> None:
    x = torch.empty(1)
    kernels.value(registry["leaky_relu"], (1.0,), (1, 1, 1), x, x, True)
    kernels.slope(registry["squared_relu"], (), (1, 1, 1), "input", x, x, x)
    kernels.maxout_slope((1, 1, 1), torch.empty(0, dtype=torch.uint8), x, x)
    kernels.maxout_value((1, 1, 1), x, x, True)
    kernels.crelu_value((1, 1), x, torch.empty(2), False)


@pytest.mark.parametrize(("dtype", "reciprocal"), [(torch.float32, True), (torch.bfloat16, False)])
def test_drawn_numbers_are_shared_and_not_fused(
    dtype: torch.dtype, reciprocal: bool, compiled: Compiled
) -> None:
    run_both(registry["rrelu"], (Draw(0.125, 1 / 3, torch.tensor(0), reciprocal),), dtype)
    for kernel in compiled.values():
        assert_wide(kernel, others=3)
        assert reciprocal or "fma" not in kernel.asm["ptx"]
        words = 9 * max(
            1, 16 // dtype.itemsize // 4
        )  # one per 4 elements of a row, in eight rows and the tail
        assert kernel.asm["ptx"].count("mul.lo.s64") <= words * 3 + 4


@pytest.mark.parametrize(
    ("pieces", "inner", "dtype"),
    [(2, 1, torch.float32), (2, 1, torch.bfloat16), (3, 64, torch.bfloat16), (200, 16, torch.float32)],
)
def test_maxout(pieces: int, inner: int, dtype: torch.dtype, compiled: Compiled) -> None:
    x, y = torch.empty(1024, pieces, inner, dtype=dtype), torch.empty(1024, inner, dtype=dtype)
    winners = kernels.maxout_value((1024, pieces, inner), x, y, True)
    assert winners is not None
    kernels.maxout_slope((1024, pieces, inner), winners, y, x)
    for kernel in compiled.values():
        counts = accesses(kernel)
        assert counts["st.global.v4.b32"] > 0
        assert inner == 1 or counts["ld.global.v4.b32"] > 0


@pytest.mark.parametrize("compiled", [80], ids=["sm_80"], indirect=True)
def test_every_kernel_for_ampere(compiled: Compiled) -> None:
    run_both(registry["relu"], (), torch.bfloat16)
    x, y = torch.empty(N), torch.empty(2 * N)
    winners = kernels.maxout_value((N // 32, 2, 16), x, y[: N // 2], True)
    signs = kernels.crelu_value((N // 64, 64), x, y, True)
    assert winners is not None
    assert signs is not None
    kernels.maxout_slope((N // 32, 2, 16), winners, y[: N // 2], x)
    kernels.crelu_slope((N // 64, 64), signs, y, x)
    for name in KERNELS:
        counts = accesses(compiled[name])
        assert counts["ld.global.v4.b32"]
        assert counts["st.global.v4.b32"]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_crelu(dtype: torch.dtype, compiled: Compiled) -> None:
    x, y = torch.empty(N, dtype=dtype), torch.empty(2 * N, dtype=dtype)
    signs = kernels.crelu_value((N // 64, 64), x, y, True)
    assert signs is not None
    kernels.crelu_slope((N // 64, 64), signs, y, x)
    assert_wide(compiled["crelu_value_kernel"], 1, 2, others=4)
    assert_wide(compiled["crelu_slope_kernel"], 2, 1, others=2)


# -- formulas of one's own

THIRD = 1 / 3


def literal(x: Any) -> Any:
    """Literals on both sides, a number from outside, an operation of literals alone."""
    return where(x > 0, 0.1 * x, THIRD * x) * maximum(0.7, sqrt(0.3))


def literal_slope(x: Any) -> Any:
    """Literals alone."""
    return where(x > 0, 0.1, THIRD) * maximum(0.7, sqrt(0.3))


def line(x: Any) -> Any:
    """A straight line."""
    return 0.1 * x


def line_slope(x: Any) -> Any:
    """A constant."""
    return 0.1


@pytest.mark.parametrize(("f", "df"), [(literal, literal_slope), (line, line_slope)])
def test_literals_are_of_the_type_of_computation(f: Any, df: Any, compiled: Compiled) -> None:
    run_both(elementwise(f.__name__, f, df, keeps="input", kinks=[0.0]), (), torch.float32)
    constant = r"arith.constant (?:dense<)?([-+.\dEe]+)>? : (?:tensor<\w+x)?f(32|64)"
    for kernel in compiled.values():
        found = re.findall(constant, kernel.asm["ttir"])
        assert {bits for number, bits in found if float(number)} == {"32"}


# -- what is refused


def without_source() -> tuple[Callable[..., Any], Callable[..., Any]]:
    names: dict[str, Any] = {"where": where}
    exec("def f(x):\n    return where(x > 0, x, 0.0)\ndef df(x):\n    return where(x > 0, 1.0, 0.0)", names)
    return names["f"], names["df"]


def power(x: Any) -> Any:
    """An operator Triton lacks."""
    return x**2


def power_slope(x: Any) -> Any:
    """Its derivative."""
    return 2.0 * x


def branch(x: Any, a: Any) -> Any:
    """A branch on a number."""
    return a * x if a > 1 else x


def branch_slope(x: Any, a: Any) -> Any:
    """Its derivative."""
    return a if a > 1 else 1.0


def smooth(x: Any) -> Any:
    """An exponential."""
    return exp(x)


def divided(x: Any) -> Any:
    """A division."""
    return x / (1.0 + x * x)


def divided_slope(x: Any) -> Any:
    """Its derivative."""
    return (1.0 - x * x) / ((1.0 + x * x) * (1.0 + x * x))


def learned_slope(x: Any, a: Any) -> Any:
    """Its derivative."""
    return a


def by_a(x: Any, a: Any) -> Any:
    """Its derivative by the parameter."""
    return x


def learned(x: Any, a: Any) -> Any:
    """A parameter that is learned."""
    return a * x


def test_what_cannot_run_is_refused_with_a_reason() -> None:
    def made(f: Any, df: Any, **parameters: Any) -> Any:
        return elementwise("made", f, df, keeps="input", parameters=parameters, kinks=[0.0])

    def reason(record: Any, dtype: torch.dtype = torch.float32) -> str:
        return kernels.refuses(record, dtype)

    assert "source" in reason(made(*without_source()))
    assert "lambda" in reason(made(lambda x: where(x > 0, x, 0.0), lambda x: where(x > 0, 1.0, 0.0)))
    assert "pow" in reason(made(power, power_slope))
    assert "where" in reason(made(branch, branch_slope, a=Real(0.5)))
    assert "exp" in reason(made(smooth, smooth))
    assert "div" in reason(made(divided, divided_slope))
    assert "numbers" in reason(made(learned, learned_slope, a=Learned(0.5, by_a)))
    assert "output" in reason(registry["elu"])
    assert "softmax" in reason(registry["softmax"])
    assert "float8" in reason(registry["relu"], torch.float8_e4m3fn)
    for record in registry.values():
        if has_kernel(record, on_gpu=True):
            assert reason(record) == ""
