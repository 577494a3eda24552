"""Machine code is made for the formulas it stands for, and not before a tensor needs it."""

from __future__ import annotations

import subprocess
import sys
from types import FunctionType
from typing import Any

import torch

from rectifiers import elementwise
from rectifiers.backends import using
from rectifiers.vocabulary import maximum, minimum, where


def test_torchs_way_brings_no_compiler_along() -> None:
    """Neither imports, nor small tensors, nor torch's operations."""
    ways = [
        "import rectifiers.backends, rectifiers.functional, rectifiers.nn",
        "import rectifiers as r, torch; r.functional.elu(torch.randn(9)); r.nn.PReLU()(torch.ones(2, 3))",
        "import rectifiers as r, torch; r.set_backend('torch'); r.functional.elu(torch.randn(1 << 20))",
    ]
    report = "import sys; print(sorted({'llvmlite', 'triton'} & set(sys.modules)))"
    code = "\n".join(line for way in ways for line in (way, report))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["[]"] * len(ways)


def double(x: Any) -> Any:
    return where(x > 0, 2.0 * x, 0.5 * x)


def double_slope(positive: Any) -> Any:
    return where(positive, 2.0, 0.5)


def triple(x: Any) -> Any:
    return where(x > 0, 3.0 * x, 0.5 * x)


def triple_slope(positive: Any) -> Any:
    return where(positive, 3.0, 0.5)


def test_activations_of_one_name_do_not_share_code() -> None:
    x = torch.tensor([1.0, -1.0], requires_grad=True)
    found = []
    for f, df in ((double, double_slope), (triple, triple_slope), (double, double_slope)):
        record = elementwise("mine", f, df, keeps="sign", kinks=[0.0])
        with using("llvm"):
            y = record.functional(x)
            (gx,) = torch.autograd.grad(y, x, torch.ones_like(y))
        found.append((y.tolist(), gx.tolist()))
    assert found == [([2, -0.5], [2, 0.5]), ([3, -0.5], [3, 0.5]), ([2, -0.5], [2, 0.5])]


def bent(x: Any) -> Any:
    return bend(x, 2.0 * x)  # type: ignore[name-defined]  # noqa: F821


def bent_slope(x: Any) -> Any:
    return where(bend(x, 2.0 * x) == x, 1.0, 2.0)  # type: ignore[name-defined]  # noqa: F821


def test_a_word_counts_by_what_it_means() -> None:
    """Two activations of the same text, in which one name stands for different words."""
    x = torch.tensor([1.0, -1.0], requires_grad=True)
    for word, value, slope in ((maximum, [2.0, -1.0], [2, 1]), (minimum, [1.0, -2.0], [1, 2])):
        names = {"bend": word, "where": where, "__builtins__": __builtins__}
        f, df = (FunctionType(formula.__code__, names) for formula in (bent, bent_slope))
        record = elementwise("bent", f, df, keeps="input", kinks=[0.0])
        with using("llvm"):
            y = record.functional(x)
            (gx,) = torch.autograd.grad(y, x, torch.ones_like(y))
        assert (y.tolist(), gx.tolist()) == (value, slope)
