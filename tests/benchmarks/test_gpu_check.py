"""The check on a GPU: without one it says so; what it measures and writes is right. No timing is asserted."""

from __future__ import annotations

import importlib
import math
from pathlib import Path
from typing import Any

import pytest

_ROOT = Path(__file__).parents[2]


@pytest.fixture
def check(monkeypatch: pytest.MonkeyPatch) -> Any:
    if not (_ROOT / "benchmarks" / "activations").is_dir():
        pytest.skip("the benchmarks are not part of this distribution")
    monkeypatch.syspath_prepend(str(_ROOT))
    return importlib.import_module("benchmarks.gpu_check")


def test_without_a_gpu_it_ends_with_one_line(
    check: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = check.RESULTS.read_bytes()
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert check.main() == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert "no GPU" in err
    assert check.RESULTS.read_bytes() == before


def test_ratios_of_every_activation_that_has_a_kernel(check: Any) -> None:
    found = check.ratios("cpu", "llvm", (1 << 12, 1 << 13), math.inf)
    assert {"relu", "rrelu", "maxout", "crelu"} <= set(found)
    assert all(set(of) == {1 << 12, 1 << 13} and min(of.values()) > 0 for of in found.values())
    assert check.ratios("cpu", "llvm", (1 << 12,), 0.0)["relu"] == {}


@pytest.mark.parametrize(
    ("of", "expected"),
    [
        ({1: 2.0, 2: 1.0, 4: 0.5}, 2),
        ({1: 0.9, 2: 1.1, 4: 0.5}, 4),
        ({1: 0.9, 2: 0.8, 4: 1.5}, None),
        ({1: 0.9}, 1),
        ({}, None),
    ],
)
def test_worthwhile_from_there_on(check: Any, of: dict[int, float], expected: int | None) -> None:
    assert check.worthwhile_from(of) == expected


def test_the_page_has_every_step_and_every_size(check: Any) -> None:
    steps = [check.Check("tests", True, "57 passed", 12.3), check.Check("small", False, "the time was up", 4)]
    text = check.section(steps, {"relu": {1 << 20: 1.5, 1 << 21: 0.5}, "crelu": {1 << 20: 2.0}})
    assert "| tests | passed | 12 s | 57 passed |" in text
    assert "| small | **failed** | 4 s | the time was up |" in text
    assert "| activation | set | found | 2^20 | 2^21 |" in text
    assert "| relu | 2^28 | 2^21 | 1.50 | 0.50 |" in text
    assert "| crelu | 2^25 | never | 2.00 | – |" in text
    assert "- commit: " in text
