"""Kernels on any number of threads, from many threads at once, and in processes that forked."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch
from torch import Tensor

from rectifiers import functional
from rectifiers.backends import using

Result = tuple[Tensor, ...]


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture
def kernels() -> Iterator[None]:
    """Kernels for the whole process, set once: a `using` in each of several threads would not nest."""
    with using("llvm"):
        yield


def sample(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)) * 4


def gradients(function: Callable[..., Tensor], *tensors: Tensor) -> Result:
    """Value and gradients by the kernels."""
    leaves = [tensor.detach().requires_grad_() for tensor in tensors]
    y = function(*leaves)
    return (y.detach(), *torch.autograd.grad(y, leaves, sample(*y.shape, seed=1)))


def prelu(dim: int) -> Callable[..., Tensor]:
    return lambda x, weight: functional.prelu(x, weight, dim=dim)


def rrelu(x: Tensor) -> Tensor:
    return functional.rrelu(x, training=True, generator=torch.Generator().manual_seed(3))


CASES: dict[str, Callable[[], Result]] = {
    "relu": lambda: gradients(functional.relu, sample(500_009)),
    "elu": lambda: gradients(functional.elu, sample(500_009)),
    "rrelu": lambda: gradients(rrelu, sample(500_009)),
    "maxout": lambda: gradients(lambda x: functional.maxout(x, 3), sample(1001, 600)),
    "maxout of planes": lambda: gradients(lambda x: functional.maxout(x, 3), sample(20, 30, 31, 33)),
    "crelu": lambda: gradients(functional.crelu, sample(1001, 500)),
    "prelu": lambda: gradients(prelu(1), sample(500_009).view(1, -1), sample(1, seed=2)),
    "prelu of planes": lambda: gradients(prelu(1), sample(3, 5, 200, 203), sample(5, seed=2)),
    "prelu of small planes": lambda: gradients(prelu(1), sample(400, 100, 3, 7), sample(100, seed=2)),
    "prelu of features": lambda: gradients(prelu(-1), sample(9001, 67), sample(67, seed=2)),
    "prelu of few rows": lambda: gradients(prelu(1), sample(3, 200_003), sample(200_003, seed=2)),
}


def equal(one: Result, other: Result) -> bool:
    return len(one) == len(other) and all(map(torch.equal, one, other))


@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize("name", CASES)
def test_results_are_the_same_to_the_bit_on_any_number_of_threads(name: str) -> None:
    """The gradients by slopes of PReLU, sums in a fixed order, too."""
    results = []
    for count in (1, 2, 3, 4, 4):
        torch.set_num_threads(count)
        results.append(CASES[name]())
    assert all(equal(results[0], result) for result in results[1:])


@pytest.mark.usefixtures("kernels")
def test_many_threads_of_python_call_at_once() -> None:
    expected = [CASES[name]() for name in CASES]
    start = threading.Barrier(8)

    def call(number: int) -> list[bool]:
        start.wait(60)
        found = []
        for turn in range(3):
            for shift in range(len(CASES)):
                index = (number + shift + turn) % len(CASES)
                found.append(equal(CASES[list(CASES)[index]](), expected[index]))
        return found

    with ThreadPoolExecutor(8) as pool:
        assert all(all(found) for found in pool.map(call, range(8)))


def run_alone(code: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a script in an interpreter of its own; one that hangs fails."""
    return subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        **options,
    )


PREPARED = """
import os
import numpy as np
import torch
from rectifiers import functional
from rectifiers.backends import using

torch.set_num_threads(2)
x = torch.randn(1_000_003, generator=torch.Generator().manual_seed(0)).requires_grad_()
g = torch.randn(1_000_003, generator=torch.Generator().manual_seed(1))

def result():
    # Only what does not wait for torch's threads, which are not there in a child.
    with using("llvm"):
        y = functional.leaky_relu(x, 0.1)
        (gx,) = torch.autograd.grad(y, x, g)
    return y.detach().numpy(), gx.numpy()

def right(found):
    return all(np.array_equal(one, other) for one, other in zip(found, expected))

expected = result()
"""


def test_a_forked_child_computes_after_its_parent_did_in_parallel() -> None:
    code = """
def child(generations):
    process = os.fork()
    if not process:
        code = 3
        try:
            code = 0 if all(right(result()) for _ in range(5)) else 1
            if generations > 1:
                code |= child(generations - 1)
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])

assert child(2) == 0
assert child(1) == 0
assert right(result())
print("done")
"""
    done = run_alone(PREPARED + code)
    assert done.stdout == "done\n", done.stderr[-2000:]


def test_workers_of_a_data_loader_compute() -> None:
    code = """
from torch.utils.data import DataLoader, Dataset

class Items(Dataset):
    def __len__(self):
        return 6

    def __getitem__(self, index):
        return right(result())

for workers in (0, 2):
    batches = DataLoader(Items(), batch_size=2, num_workers=workers, timeout=60 if workers else 0)
    assert [bool(one) for batch in batches for one in batch] == [True] * 6
assert right(result())
print("done")
"""
    done = run_alone(PREPARED + code)
    assert done.stdout == "done\n", done.stderr[-2000:]
