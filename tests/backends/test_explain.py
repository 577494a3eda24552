"""`rectifiers.explain`: which code runs a call, why, and what it keeps."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import rectifiers
from rectifiers import functional, nn
from rectifiers.activations import registry
from rectifiers.backends import using
from rectifiers.errors import ArgumentTypeError, BackendError

LARGE = torch.randn(128, 128, 16, 16, generator=torch.Generator().manual_seed(0))
SMALL = LARGE[:1, :2, :2, :2].contiguous()

SAVED = {
    "relu": ((), "1 bit per element", LARGE.numel() // 8),
    "leaky_relu": ((), "1 bit per element", LARGE.numel() // 8),
    "elu": ((), "the output", 0),
    "prelu": ((torch.full((128,), 0.25),), "the input", 0),
    "maxout": ((4,), "0.5 bits per element", LARGE.numel() // 16),
    "crelu": ((), "2 bits per element", LARGE.numel() // 4),
}


@pytest.mark.parametrize("name", SAVED)
def test_it_says_what_the_kernel_saves(name: str) -> None:
    args, saves, size = SAVED[name]
    found = rectifiers.explain(getattr(functional, name), LARGE, *args)
    assert (found.activation, found.backend, found.saves, found.saved_bytes) == (name, "llvm", saves, size)
    assert str(found).startswith(
        f"{name}: the llvm kernel (the tensor has 4194304 elements, and the kernel is for "
    )
    assert str(found).endswith(f"; saves {saves} for backward")


def test_a_call_for_which_a_kernel_is_left_out() -> None:
    for module in (nn.ReLU(inplace=True), nn.Maxout(128)):
        assert rectifiers.explain(module, LARGE).backend == "torch"
    with torch.autocast("cpu"):
        assert rectifiers.explain(nn.PReLU(), LARGE).backend == "torch"
    assert rectifiers.explain(nn.RReLU(inplace=True), LARGE).backend == "llvm"


def test_a_small_tensor_takes_torchs_operation() -> None:
    found = rectifiers.explain(nn.ELU(), SMALL)
    assert (found.backend, found.reason) == (
        "torch",
        "the tensor has 8 elements, and the kernel is for 262144 or more",
    )
    assert found.saves == "the input"


@pytest.mark.parametrize(
    ("name", "reason"), [("llvm", "llvm was requested"), ("torch", "torch was requested")]
)
def test_what_is_asked_for_is_the_reason(name: str, reason: str) -> None:
    with using(name):
        found = rectifiers.explain(nn.ReLU(), SMALL)
    assert (found.backend, found.reason) == (name, reason)


def test_what_cannot_run_raises() -> None:
    with using("triton"), pytest.raises(BackendError, match="triton is for CUDA"):
        rectifiers.explain(nn.ReLU(), SMALL)


@pytest.mark.parametrize("module", [nn.ReLU(inplace=True), nn.RReLU(inplace=True)], ids=repr)
def test_the_input_is_left_alone(module: torch.nn.Module) -> None:
    x = LARGE.clone()
    rectifiers.explain(module, x)
    assert torch.equal(x, LARGE)


def test_random_generators_are_left_alone() -> None:
    own = torch.Generator().manual_seed(1)
    before = torch.get_rng_state(), own.get_state()
    kept = [rectifiers.explain(nn.RReLU(generator=g), LARGE).saves for g in (None, own)]
    assert kept == ["1 bit per element"] * 2
    assert torch.equal(torch.get_rng_state(), before[0])
    assert torch.equal(own.get_state(), before[1])


def test_every_module_and_function_can_be_explained() -> None:
    for name, record in registry.items():
        module: Any = getattr(nn, record.title)
        made = module(dim=1) if name == "softmax" else module()
        assert rectifiers.explain(made, SMALL).activation == name


def test_anything_else_is_refused() -> None:
    with pytest.raises(ArgumentTypeError, match="`activation` must be a module of"):
        rectifiers.explain(torch.nn.ReLU(), SMALL)
