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

from rectifiers.activations import AlongAxis, Choice, Elementwise, Learned, Real, elementwise, registry
from rectifiers.backends._kernels import Draw
from rectifiers.backends.gpu import kernel_set, kernels
from rectifiers.backends.gpu.launch import Launcher
from rectifiers.vocabulary import exp, maximum, where

assert not triton.knobs.runtime.interpret, "run with TRITON_INTERPRET=0"

N = 1 << 14
TYPES = {
    torch.float64: "*fp64",
    torch.float32: "*fp32",
    torch.float16: "*fp16",
    torch.bfloat16: "*bf16",
    torch.uint8: "*u8",
    torch.int64: "*i64",
}
ELEMENTWISE = [record for record in registry.values() if isinstance(record, Elementwise)]
KERNELS = [name for name in vars(kernel_set) if name.endswith("_kernel")]
Compiled = dict[str, Any]


def compile_for(capability: int, launcher: Launcher, args: tuple[Any, ...]) -> Any:
    """Compile a launch: tensors by type and alignment, whole numbers by width and divisibility."""
    kernel = launcher.kernel
    signature: dict[str, str] = dict.fromkeys(kernel.arg_names, "constexpr")
    constants, attributes = dict(launcher.constants), {}
    for place, (name, value) in enumerate(zip(kernel.arg_names, args, strict=False)):
        aligned = False
        if isinstance(value, torch.Tensor):
            signature[name], aligned = TYPES[value.dtype], value.data_ptr() % 16 == 0
        elif isinstance(value, float):
            signature[name] = "fp64"
        elif value == 1:
            constants[name] = 1
        else:
            signature[name], aligned = "i32" if value < 2**31 else "i64", value % 16 == 0
        if aligned:
            attributes[place,] = [["tt.divisibility", 16]]
    source = ASTSource(kernel, signature, constants, attributes)
    return triton.compile(source, target=GPUTarget("cuda", capability, 32), options=launcher.options)


@pytest.fixture(params=[90], ids=["sm_90"])
def compiled(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Compiled]:
    """What the launches of a test were compiled to, by the name of the kernel."""
    found: Compiled = {}

    def run(launcher: Launcher, grid: Any, device: Any, *args: Any) -> None:
        kernel = launcher.kernel
        assert kernel.arg_names[len(args) :] == sorted(launcher.constants, key=kernel.arg_names.index)
        found[kernel.__name__] = compile_for(request.param, launcher, args)

    monkeypatch.setattr(Launcher, "__call__", run)
    yield found
    assert all(kernel.asm["cubin"] for kernel in found.values())


def accesses(kernel: Any) -> dict[str, int]:
    """How often PTX loads or stores how much of the global memory."""
    found = re.findall(r"\b((?:ld|st)\.global)\S*?((?:\.v\d)?\.[bfus]\d+)", kernel.asm["ptx"])
    return {f"{what}{width}": found.count((what, width)) for what, width in found}


def assert_wide(kernel: Any, dtype: torch.dtype, loads: int = 1, stores: int = 1, others: int = 0) -> None:
    """All accesses are of 16 bytes, but `others`: the packed bits, or a parameter."""
    full = ".v2.b64" if dtype == torch.float64 else ".v4.b32"
    counts = accesses(kernel)
    assert counts.pop(f"ld.global{full}", 0) >= loads, counts
    assert counts.pop(f"st.global{full}", 0) >= stores, counts
    assert sum(counts.values()) <= others, counts


def run_both(
    record: Elementwise, values: tuple[Any, ...], dtype: torch.dtype, layout: Any = (1, 1, N)
) -> None:
    x = torch.empty(N, dtype=dtype)
    learns = any(isinstance(parameter, Learned) for parameter in record.parameters.values())
    keeps = "input" if learns else record.keeps_at(*values) if record.keeps == "output" else record.keeps
    bits = kernels.value(record, values, layout, x, torch.empty_like(x), keeps == "sign")
    kernels.slope(record, values, layout, keeps, x if bits is None else bits, torch.empty_like(x), x)


@pytest.mark.parametrize("record", ELEMENTWISE, ids=lambda record: record.name)
def test_every_record_is_read_and_written_in_16_bytes(record: Any, compiled: Compiled) -> None:
    values = {"prelu": (torch.empty(1),), "gelu": ("tanh",)}.get(record.name, record.defaults)
    run_both(record, values, torch.float32)
    assert_wide(compiled.pop("value_kernel"), torch.float32, others=10)
    compiled.pop("total_kernel", None)
    (slope,) = compiled.values()
    assert_wide(slope, torch.float32, 2 - (record.keeps == "sign"), others=4)


@pytest.mark.parametrize(
    ("name", "dtype"),
    [
        ("leaky_relu", torch.float64),
        ("leaky_relu", torch.bfloat16),
        ("elu", torch.float64),
        ("elu", torch.float16),
    ],
)
def test_every_type(name: str, dtype: torch.dtype, compiled: Compiled) -> None:
    record: Any = registry[name]
    run_both(record, record.defaults, dtype)
    assert_wide(compiled["value_kernel"], dtype, others=1)
    assert_wide(compiled["slope_kernel"], dtype, 2 - (record.keeps == "sign"), others=1)
    arithmetic = re.findall(r"\b(?:mul|add|sub|fma|div)\.\S*f(32|64)\b", compiled["value_kernel"].asm["ptx"])
    assert set(arithmetic) == {"64" if dtype == torch.float64 else "32"}


def test_sizes_that_are_no_multiple_of_16_stay_wide_but_in_the_tail(compiled: Compiled) -> None:
    x = torch.empty(N - 1)
    kernels.value(registry["relu"], (), (1, 1, N - 1), x, x, False)
    counts = accesses(compiled["value_kernel"])
    assert counts["ld.global.v4.b32"] == counts["st.global.v4.b32"] == 8
    kernels.slope(registry["prelu"], (torch.empty(1),), (1, 1, N - 1), "input", x, x, x)
    counts = accesses(compiled["learned_kernel"])
    assert counts["ld.global.v4.b32"] == 2 * counts["st.global.v4.b32"] > 0


def test_sizes_of_one(compiled: Compiled) -> None:
    x = torch.empty(1)
    kernels.value(registry["elu"], (1.0,), (1, 1, 1), x, x, True)
    kernels.slope(registry["prelu"], (x,), (1, 1, 1), "input", x, x, x)
    kernels.maxout_slope((1, 1, 1), torch.empty(0, dtype=torch.uint8), x, x)
    kernels.maxout_value((1, 1, 1), x, x, True)
    kernels.crelu_value((1, 1), x, torch.empty(2), False)


def test_float32_with_transcendental_words_is_rounded_once(compiled: Compiled) -> None:
    run_both(registry["elu"], (0.3,), torch.float32)
    ptx = compiled["value_kernel"].asm["ptx"]
    assert "cvt.rn.f32.f64" in ptx
    assert not re.findall(r"\b(?:mul|add|sub|fma|ex2)\.\S*f32\b", ptx)


@pytest.mark.parametrize(("dtype", "reciprocal"), [(torch.float32, True), (torch.bfloat16, False)])
def test_drawn_numbers_are_shared_and_not_fused(
    dtype: torch.dtype, reciprocal: bool, compiled: Compiled
) -> None:
    run_both(registry["rrelu"], (Draw(0.125, 1 / 3, torch.tensor(0), reciprocal),), dtype)
    for kernel in compiled.values():
        assert_wide(kernel, dtype, others=3)
        assert reciprocal or "fma" not in kernel.asm["ptx"]
        calls = 2 * 16 // dtype.itemsize  # one per 8 elements, and the tail's
        assert kernel.asm["ptx"].count("mul.hi.u32") <= calls * 14


@pytest.mark.parametrize(
    ("layout", "dtype"),
    [
        ((64, 256, 1), torch.float32),
        ((16, 64, 16), torch.float32),
        ((4, 4, 1024), torch.float32),
        ((1, 1, N), torch.bfloat16),
    ],
)
def test_learned_slopes(layout: Any, dtype: torch.dtype, compiled: Compiled) -> None:
    run_both(registry["prelu"], (torch.empty(layout[1], dtype=dtype),), dtype, layout)
    counts = accesses(compiled["learned_kernel"])
    assert counts["ld.global.v4.b32"] == 2 * counts["st.global.v4.b32"] > 0
    assert "atom" not in compiled["learned_kernel"].asm["ptx"] + compiled["total_kernel"].asm["ptx"]


@pytest.mark.parametrize(
    ("pieces", "inner", "dtype"),
    [(2, 1, torch.float32), (4, 1, torch.bfloat16), (3, 64, torch.bfloat16), (300, 16, torch.float32)],
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
    run_both(registry["prelu"], (torch.empty(64),), torch.float32, (N // 64, 64, 1))
    x, y = torch.empty(N), torch.empty(2 * N)
    winners = kernels.maxout_value((N // 32, 2, 16), x, y[: N // 2], True)
    signs = kernels.crelu_value((N // 64, 64), x, y, True)
    assert winners is not None
    assert signs is not None
    kernels.maxout_slope((N // 32, 2, 16), winners, y[: N // 2], x)
    kernels.crelu_slope((N // 64, 64), signs, y, x)
    for name in KERNELS:
        counts = accesses(compiled[name])
        assert name == "total_kernel" or (counts["ld.global.v4.b32"] and counts["st.global.v4.b32"])


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16], ids=str)
def test_crelu(dtype: torch.dtype, compiled: Compiled) -> None:
    x, y = torch.empty(N, dtype=dtype), torch.empty(2 * N, dtype=dtype)
    signs = kernels.crelu_value((N // 64, 64), x, y, True)
    assert signs is not None
    kernels.crelu_slope((N // 64, 64), signs, y, x)
    assert_wide(compiled["crelu_value_kernel"], dtype, 1, 2, others=4)
    assert_wide(compiled["crelu_slope_kernel"], dtype, 2, 1, others=2)


# -- launches


class Spied:
    """A kernel, and what it was compiled to: both take note of their calls."""

    arg_names = ("x_ptr", "n", "scale", "SIZE", "KEEP")

    def __init__(self, calls: list[Any]) -> None:
        self.calls = calls

    def __getitem__(self, grid: Any) -> Callable[..., Any]:
        def compile_and_launch(*args: Any, **constants: Any) -> Any:
            self.calls.append("compiled")
            return type(
                "Compiled", (), {"__getitem__": lambda _, grid: lambda *args: self.calls.append(args)}
            )()

        return compile_and_launch


def test_what_was_compiled_is_found_again_by_the_kinds_of_arguments() -> None:
    calls: list[Any] = []
    launcher = Launcher(Spied(calls), KEEP=True, SIZE=64)
    x = torch.zeros(64)

    def launch(*args: Any, device: int = 0) -> Any:
        launcher._launch((1, 1, 1), torch.device("cuda", device), args)
        return calls.pop()

    assert launch(x, 32, 0.5) == "compiled"
    assert launch(x, 32, 0.5) == (x, 32, 0.5, 64, True)  # constants in the kernel's order
    assert launch(x, 48, 0.7)[1:] == (48, 0.7, 64, True)
    others = [(x[1:], 32), (x, 33), (x, 1), (x, 2**31), (x.double(), 32)]
    assert [launch(*other, 0.5) for other in others] == ["compiled"] * len(others)
    assert launch(x, 32, 0.5, device=1) == "compiled"
    assert [launch(*other, 0.5) == "compiled" for other in others] == [False] * len(others)


# -- formulas of one's own

THIRD = 1 / 3


def literal(x: Any) -> Any:
    """Literals on both sides, a number from outside, a word of literals alone."""
    return where(x > 0, 0.1 * x, THIRD * x) * maximum(0.7, exp(-0.3))


def literal_slope(x: Any) -> Any:
    """Literals alone."""
    return where(x > 0, 0.1, THIRD) * maximum(0.7, exp(-0.3))


def line(x: Any) -> Any:
    """A straight line."""
    return 0.1 * x


def line_slope(x: Any) -> Any:
    """A constant."""
    return 0.1


@pytest.mark.parametrize(("f", "df"), [(literal, literal_slope), (line, line_slope)])
def test_literals_keep_float64(f: Any, df: Any, compiled: Compiled) -> None:
    run_both(elementwise(f.__name__, f, df, keeps="input", kinks=[0.0]), (), torch.float64)
    for kernel in compiled.values():
        assert "f32" not in kernel.asm["ttir"]


def test_numbers_keep_float64(compiled: Compiled) -> None:
    run_both(registry["leaky_relu"], (0.1,), torch.float64)
    for kernel in compiled.values():
        assert "f32" not in kernel.asm["ttir"]


def test_negative_zero_is_kept(compiled: Compiled) -> None:
    run_both(registry["silu"], (), torch.float32)
    assert "dense<-0.000000e+00>" in compiled["value_kernel"].asm["ttir"]


def early(x: Any, side: Any) -> Any:
    """Branches of unlike types."""
    if side == "left":
        return 2.0 * x
    return where(x > 0, 3.0, 3.0) * x


def early_slope(x: Any, side: Any) -> Any:
    """A constant, or not."""
    if side in ("left",):
        return 2.0
    return where(x > 0, 3.0, 3.0)


def test_only_what_is_chosen_is_compiled(compiled: Compiled) -> None:
    parameters = {"side": Choice("left", ("left", "right"))}
    record = elementwise("early", early, early_slope, keeps="input", parameters=parameters)
    for side, number in (("left", 2), ("right", 3)):
        run_both(record, (side,), torch.float32)
        for kernel in compiled.values():
            constants = set(re.findall(r"dense<([23])\.0+e\+00>", kernel.asm["ttir"]))
            assert constants == {str(number)}


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


def test_what_cannot_run_is_refused_with_a_reason() -> None:
    def made(f: Any, df: Any, **parameters: Any) -> Any:
        return elementwise("made", f, df, keeps="input", parameters=parameters, kinks=[0.0])

    def reason(record: Any, dtype: torch.dtype = torch.float32) -> str:
        return kernels.refuses(record, dtype)

    assert "source" in reason(made(*without_source()))
    assert "lambda" in reason(made(lambda x: where(x > 0, x, 0.0), lambda x: where(x > 0, 1.0, 0.0)))
    assert "pow" in reason(made(power, power_slope))
    assert "where" in reason(made(branch, branch_slope, a=Real(0.5)))
    assert "float8" in reason(registry["relu"], torch.float8_e4m3fn)
    for name, record in registry.items():
        if isinstance(record, AlongAxis) and name not in ("maxout", "crelu"):
            assert name in reason(record)
        else:
            assert reason(record) == ""
