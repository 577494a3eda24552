"""Machine code on disk: made once, read whole or not at all, by any number of processes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from types import FunctionType
from typing import Any

import pytest
import torch

from rectifiers import elementwise
from rectifiers.backends import using
from rectifiers.backends.cpu.build import cache_directory
from rectifiers.vocabulary import maximum, minimum, where

# Three kernels; tells whether Numba was needed.
CALLS = """
import sys
import torch
from rectifiers import functional
from rectifiers.backends import using
x = torch.tensor([-2.0, 0.0, 3.0])
with using("numba"):
    assert functional.relu(x).tolist() == [0, 0, 3]
    assert functional.leaky_relu(x, 0.5).tolist() == [-1, 0, 3]
    assert functional.squared_relu(x).tolist() == [0, 0, 9]
assert "llvmlite" in sys.modules
print("numba" in sys.modules)
"""
KERNELS = 3


def start(code: str, cache: Path, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "RECTIFIERS_CACHE": str(cache), **environment},
    )


def answer(process: subprocess.Popen[str]) -> str:
    """What a process printed, if it went well."""
    out, err = process.communicate(timeout=180)
    assert process.returncode == 0, err[-2000:]
    return out.strip()


def files(cache: Path) -> list[Path]:
    """Compiled kernels; nothing else is left behind."""
    found = sorted(cache.iterdir())
    assert all(re.fullmatch("[0-9a-f]{64}", path.name) for path in found), found
    return found


@pytest.fixture(scope="module")
def made_at_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory that three processes found empty, and filled."""
    cache = tmp_path_factory.mktemp("cache") / "not" / "there"
    together = [start(CALLS, cache) for _ in range(3)]
    assert [answer(process) for process in together] == ["True"] * 3
    return cache


def test_processes_that_start_together_leave_one_file_per_kernel(made_at_once: Path) -> None:
    assert len(files(made_at_once)) == KERNELS


def test_what_is_kept_is_loaded_without_numba(made_at_once: Path) -> None:
    assert answer(start(CALLS, made_at_once)) == "False"
    assert len(files(made_at_once)) == KERNELS


def test_damaged_files_are_compiled_again(made_at_once: Path, tmp_path: Path) -> None:
    changes: list[Callable[[bytes], bytes]] = [
        lambda content: content[:-1] + bytes([content[-1] ^ 1]),
        lambda content: content[: len(content) // 2],
        lambda content: b"",
    ]
    damaged = {}
    for path, change in zip(files(made_at_once), changes, strict=True):
        damaged[path.name] = change(path.read_bytes())
        (tmp_path / path.name).write_bytes(damaged[path.name])
    answer(start(CALLS, tmp_path))
    found = {path.name: path.read_bytes() for path in files(tmp_path)}
    assert set(found) == set(damaged)
    assert all(len(found[name]) > 1000 and found[name] != content for name, content in damaged.items())
    before = [path.stat().st_mtime_ns for path in files(tmp_path)]
    answer(start(CALLS, tmp_path))
    assert [path.stat().st_mtime_ns for path in files(tmp_path)] == before


def test_a_directory_that_cannot_be_made_is_done_without(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a directory")
    assert answer(start(CALLS, tmp_path / "file" / "below")) == "True"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_directory_in_the_place_of_a_kernel_is_done_without(made_at_once: Path, tmp_path: Path) -> None:
    """No file can be moved onto it: what could not be kept is thrown away."""
    names = [path.name for path in files(made_at_once)]
    for name in names:
        (tmp_path / name / "inside").mkdir(parents=True)
    assert answer(start(CALLS, tmp_path)) == "True"
    assert sorted(path.name for path in tmp_path.iterdir()) == names


def test_the_cache_is_the_users_unless_another_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECTIFIERS_CACHE", str(tmp_path))
    assert cache_directory() == tmp_path
    monkeypatch.setenv("RECTIFIERS_CACHE", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    theirs = cache_directory()
    assert theirs.is_relative_to(tmp_path) or not sys.platform.startswith("linux")
    assert "rectifiers" in str(theirs)


def test_torchs_way_brings_no_compiler_along(tmp_path: Path) -> None:
    """Neither imports, nor small tensors, nor torch's operations."""
    ways = [
        "import rectifiers.backends, rectifiers.functional, rectifiers.nn",
        "import rectifiers as r, torch; r.functional.elu(torch.randn(9)); r.nn.PReLU()(torch.ones(2, 3))",
        "import rectifiers as r, torch; r.set_backend('torch'); r.functional.elu(torch.randn(1 << 20))",
    ]
    report = "import sys; print(sorted({'numba', 'llvmlite', 'triton'} & set(sys.modules)))"
    code = "\n".join(line for way in ways for line in (way, report))
    assert answer(start(code, tmp_path)).splitlines() == ["[]"] * len(ways)
    assert not list(tmp_path.iterdir())


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
        with using("numba"):
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
        with using("numba"):
            y = record.functional(x)
            (gx,) = torch.autograd.grad(y, x, torch.ones_like(y))
        assert (y.tolist(), gx.tolist()) == (value, slope)
