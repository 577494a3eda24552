"""The ways a call can be computed, and every activation called with the arguments it needs.

A test that takes `case`, `name`, `shared` or `elementwise` runs over the registry: with RReLU in training,
all, what torch has too, what acts on each element. One that takes `ways` runs within each way; `way` is the
same, for tests that enter it themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from rectifiers import functional
from rectifiers.activations import AlongAxis, Elementwise, Gated, registry
from rectifiers.backends import using

RRELU_IN_TRAINING = "rrelu in training"
SUBJECTS = {
    "case": [*registry, RRELU_IN_TRAINING],
    "name": list(registry),
    "shared": [name for name in registry if hasattr(F, name)],
    "elementwise": [name for name, record in registry.items() if isinstance(record, Elementwise)],
}
NO_KERNELS = {"softmax"}  # normalises along an axis: torch's own
WAYS = ["auto", "numba"]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    subjects = [argument for argument in SUBJECTS if argument in metafunc.fixturenames]
    for subject in subjects[:1]:
        if "way" in metafunc.fixturenames:
            pairs = [(s, w) for s in SUBJECTS[subject] for w in WAYS if w == "auto" or s not in NO_KERNELS]
            metafunc.parametrize(f"{subject}, way", pairs, indirect=["way"])
        else:
            metafunc.parametrize(subject, SUBJECTS[subject])
    if not subjects and "way" in metafunc.fixturenames:
        metafunc.parametrize("way", WAYS, indirect=True)


@pytest.fixture
def way(request: pytest.FixtureRequest) -> Iterator[Callable[[], AbstractContextManager[Any]]]:
    """One backend, for the whole process while the test runs; what is returned enters nothing more."""
    with using(request.param):
        yield nullcontext


@pytest.fixture
def ways(way: Callable[[], AbstractContextManager[Any]]) -> None:
    """The same, for tests that enter nothing."""


def slopes(x: Tensor, dim: int) -> Tensor:
    """A weight per feature for PReLU, one of them negative."""
    return torch.linspace(-0.5, 0.8, x.shape[dim], dtype=x.dtype, device=x.device)


def drawn(x: Tensor, **options: Any) -> Tensor:
    """RReLU in training as a function: the same slopes at every call."""
    return functional.rrelu(x, training=True, generator=torch.Generator().manual_seed(8), **options)


@pytest.fixture(scope="session")
def ours_of() -> Callable[[str], Callable[..., Tensor]]:
    """The activation as a function of ``(x, dim=1, **options)``, by the name of a case."""

    def find(case: str) -> Callable[..., Tensor]:
        if case == RRELU_IN_TRAINING:
            return lambda x, dim=1, **options: drawn(x, **options)
        function = getattr(functional, case)
        if case == "prelu":
            return lambda x, dim=1, **options: function(x, slopes(x, dim), dim, **options)
        if isinstance(registry[case], AlongAxis):
            return lambda x, dim=1: function(x, dim=dim)
        return lambda x, dim=1, **options: function(x, **options)

    return find


@pytest.fixture(scope="session")
def theirs_of() -> Callable[[str], Callable[..., Tensor]]:
    """The same in torch's own operations, right away from kinks and for ordinary numbers."""

    def with_slopes(x: Tensor, slope: Tensor) -> Tensor:
        return torch.where(x > 0, x, slope * x)

    def first_wins(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return x[..., ::2] >= x[..., 1::2], x[..., ::2], x[..., 1::2]

    written: dict[str, Callable[..., Tensor]] = {
        RRELU_IN_TRAINING: lambda x, dim=1: with_slopes(x, -drawn(-torch.ones_like(x))),
        "rrelu": lambda x, dim=1: with_slopes(x, torch.tensor(11 / 48, dtype=x.dtype)),
        "prelu": lambda x, dim=1: with_slopes(x.movedim(dim, -1), slopes(x, dim)).movedim(-1, dim),
        "maxout": lambda x, dim=1: torch.where(*first_wins(x.movedim(dim, -1))).movedim(-1, dim),
        "crelu": lambda x, dim=1: torch.cat((x.relu(), (-x).relu()), dim),
        "softmax": lambda x, dim=1: x.softmax(dim),
        "hardsigmoid": lambda x, dim=1: F.relu6(x + 3) / 6,  # torch's own has no second derivative
        "squared_relu": lambda x, dim=1: x.relu().square(),
    }
    gates = {name: record.gate.name for name, record in registry.items() if isinstance(record, Gated)}

    def gated(case: str) -> Callable[..., Tensor]:
        gate = torch.sigmoid if case == "glu" else getattr(F, gates[case])

        def of(x: Tensor, dim: int = 1) -> Tensor:
            first, second = x.chunk(2, dim)
            return first * gate(second)

        return of

    def find(case: str) -> Callable[..., Tensor]:
        return gated(case) if case in gates else written.get(case) or (lambda x, dim=1: getattr(F, case)(x))

    return find


@pytest.fixture
def ours(case: str, ours_of: Callable[[str], Callable[..., Tensor]]) -> Callable[..., Tensor]:
    return ours_of(case)


@pytest.fixture
def theirs(case: str, theirs_of: Callable[[str], Callable[..., Tensor]]) -> Callable[..., Tensor]:
    return theirs_of(case)


@pytest.fixture
def x() -> Tensor:
    """Numbers on both sides of every kink there is, at a distance."""
    x = torch.randn(4, 6, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 4
    for kink in (-3.0, -1.0, 0.0, 1.0, 3.0, 6.0):
        x = torch.where((x - kink).abs() < 0.05, x + 0.1, x)
    return x
