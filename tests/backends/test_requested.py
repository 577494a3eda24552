"""The requested backend: for the whole process, run or refused with a reason."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest
import torch

import rectifiers
from rectifiers import functional, nn
from rectifiers.errors import ArgumentError, BackendError


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    before = rectifiers.set_backend("auto")
    yield
    rectifiers.set_backend(before)


def test_it_returns_what_was_set_before() -> None:
    assert rectifiers.set_backend("llvm") == "auto"
    assert rectifiers.set_backend("torch") == "llvm"


def test_an_unknown_name_is_refused_and_changes_nothing() -> None:
    with pytest.raises(ArgumentError, match="auto, llvm, triton, torch"):
        rectifiers.set_backend("cuda")
    assert rectifiers.set_backend("auto") == "auto"


def test_it_holds_in_every_thread_and_task() -> None:
    rectifiers.set_backend("llvm")
    found = []

    def note() -> None:
        found.append(rectifiers.explain(nn.ReLU(), torch.ones(3)).backend)

    async def task() -> None:
        note()

    thread = threading.Thread(target=note)
    thread.start()
    thread.join()
    asyncio.run(task())
    assert found == ["llvm", "llvm"]


REASONS = {
    "no kernel is for the device meta": torch.ones(3, device="meta"),
    "int64": torch.ones(3, dtype=torch.int64),
    "not a plain tensor": torch.nn.Buffer(torch.ones(3)).as_subclass(type("Mine", (torch.Tensor,), {})),
}


@pytest.mark.parametrize("reason", REASONS)
def test_what_cannot_run_says_why(reason: str) -> None:
    rectifiers.set_backend("llvm")
    with pytest.raises(BackendError, match=reason):
        functional.relu(REASONS[reason])


def test_triton_is_for_cuda() -> None:
    rectifiers.set_backend("triton")
    with pytest.raises(BackendError, match="triton is for CUDA"):
        functional.relu(torch.ones(3))


def test_an_activation_without_kernels_is_torchs_own_under_every_name() -> None:
    x = torch.linspace(-2, 2, 9)
    for name in ("auto", "llvm", "triton", "torch"):
        rectifiers.set_backend(name)
        assert torch.equal(functional.gelu(x), torch.nn.functional.gelu(x))


def test_empty_tensors_are_torchs() -> None:
    rectifiers.set_backend("llvm")
    assert functional.relu(torch.empty(0, 3)).shape == (0, 3)


@pytest.mark.parametrize(("value", "expected"), [("llvm", "llvm"), ("", "torch")])
def test_the_environment_sets_the_default(value: str, expected: str) -> None:
    code = (
        "import torch, rectifiers; from rectifiers import nn;"
        "print(rectifiers.explain(nn.ELU(), torch.ones(3)).backend)"
    )
    environment = {**os.environ, "RECTIFIERS_BACKEND": value}
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert run.stdout.strip() == expected, run.stderr


def test_a_small_tensor_runs_torchs_own() -> None:
    x = torch.linspace(-2, 2, 9, requires_grad=True)
    assert type(functional.relu(x).grad_fn).__name__ == "ReluBackward0"
    assert type(functional.prelu(x, torch.tensor([0.1])).grad_fn).__name__ != "SmoothBackward"
