"""The cells of the matrix, and the ways a call can be computed.

A test that takes `cell` is a situation: it runs for every cell of `matrix.py`, or for those its mark `cells`
leaves. One that takes `shared` runs for every activation that torch has as a function; one that takes `ways`
runs within each way of computing.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from rectifiers.activations import registry
from rectifiers.backends import _thresholds, using


def _matrix() -> Any:
    """matrix.py beside this file, which no package makes importable; tests then import it by its name."""
    spec = importlib.util.spec_from_file_location("matrix", Path(__file__).with_name("matrix.py"))
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["matrix"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


matrix = _matrix()
SHARED = [name for name in registry if hasattr(F, name)]
WAYS = ["auto", "llvm"]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "cell" in metafunc.fixturenames:
        mark = metafunc.definition.get_closest_marker("cells")
        cells = matrix.keys(**(mark.kwargs if mark else {}))
        metafunc.parametrize("cell", cells, indirect=True, ids=str)
    if "shared" in metafunc.fixturenames:
        if "way" in metafunc.fixturenames:  # activations without kernels are torch's own either way
            pairs = [(s, w) for s in SHARED for w in WAYS if w == "auto" or s in matrix.KERNELS]
            metafunc.parametrize("shared, way", pairs, indirect=["way"])
        else:
            metafunc.parametrize("shared", SHARED)
    elif "way" in metafunc.fixturenames:
        metafunc.parametrize("way", WAYS, indirect=True)


@pytest.fixture
def cell(request: pytest.FixtureRequest, kernels_from_a_few_elements: None) -> Any:
    """One activation, small or large, in place or not, in the situation that is the test."""
    return matrix.Cell(request.param, request.node.originalname.removeprefix("test_"))


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Tests run beside each other: more threads than cores would wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def kernels_from_a_few_elements(monkeypatch: pytest.MonkeyPatch) -> None:
    """Large tensors are for kernels: thresholds are a matter of speed alone."""
    for name in matrix.KERNELS:
        monkeypatch.setitem(_thresholds._LEAST, name, (1 << 15, _thresholds.NEVER))


@pytest.fixture
def way(request: pytest.FixtureRequest) -> Iterator[str]:
    """One backend, for the whole process while the test runs."""
    with using(request.param):
        yield request.param


@pytest.fixture
def ways(way: str) -> None:
    """The same, for tests that need not know which."""
