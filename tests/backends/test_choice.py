"""`rectifiers.backend`: who computes, for how long, in which thread, and what is refused and why."""

from __future__ import annotations

import _thread
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.func import grad, jvp, vmap

import rectifiers
from rectifiers import functional
from rectifiers.backends._choice import requested
from rectifiers.errors import ArgumentError, BackendError

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")


def alone(code: str, name: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "RECTIFIERS_BACKEND": name}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_an_unknown_name_is_refused() -> None:
    with (
        pytest.raises(ArgumentError, match="`backend` must be one of auto, numba, triton, torch, got 'cuda'"),
        rectifiers.backend("cuda"),
    ):
        pytest.fail("the block was entered")
    assert requested() == "auto"


def test_an_unknown_name_in_the_environment_is_told_at_the_first_call() -> None:
    code = "import rectifiers, torch; print('imported'); rectifiers.functional.relu(torch.ones(3))"
    done = alone(code, "fast")
    assert done.returncode == 1
    assert done.stdout == "imported\n"
    last = done.stderr.splitlines()[-1]
    assert last.endswith("`RECTIFIERS_BACKEND` must be one of auto, numba, triton, torch, got 'fast'")


def test_the_environment_sets_the_default() -> None:
    code = """
import sys, torch, rectifiers
from rectifiers.backends._choice import requested
print(requested())
rectifiers.functional.relu(torch.ones(3))
print("llvmlite" in sys.modules)
with rectifiers.backend("torch"):
    print(requested())
"""
    assert alone(code, "numba").stdout.split() == ["numba", "True", "torch"]
    assert alone(code, "torch").stdout.split() == ["torch", "False", "torch"]
    assert alone(code, "").stdout.split() == ["auto", "False", "torch"]


def test_blocks_nest_and_end_however_they_are_left() -> None:
    seen = [requested()]
    with rectifiers.backend("numba"):
        seen.append(requested())
        with pytest.raises(ZeroDivisionError), rectifiers.backend("torch"):
            seen.append(requested() + "!" * (1 // 0))
        with rectifiers.backend("torch"):
            seen.append(requested())
        seen.append(requested())
        with rectifiers.backend("auto"):
            seen.append(requested())
        with pytest.raises(ArgumentError), rectifiers.backend("nothing"):
            pass
        seen.append(requested())
    assert [*seen, requested()] == ["auto", "numba", "torch", "numba", "auto", "numba", "auto"]


def test_a_block_is_for_its_own_thread() -> None:
    inside, outside = threading.Event(), threading.Event()
    found: list[str] = []

    def other() -> None:
        inside.wait(60)
        found.append(requested())
        with rectifiers.backend("torch"):
            outside.set()
            inside.wait(60)
            found.append(requested())

    thread = threading.Thread(target=other)
    thread.start()
    with rectifiers.backend("numba"):
        inside.set()
        assert outside.wait(60)
        assert requested() == "numba"
        thread.join(60)
    assert found == ["auto", "torch"]


X = torch.tensor([-1.0, 2.0])


def compiled(x: Tensor) -> Tensor:
    torch._dynamo.reset()
    return torch.compile(functional.elu, backend="eager", fullgraph=True)(x)


def faked(x: Tensor) -> Tensor:
    with FakeTensorMode() as mode:
        return functional.elu(mode.from_tensor(x))


def forward_mode(x: Tensor) -> Tensor:
    with torch.autograd.forward_ad.dual_level():
        return functional.elu(torch.autograd.forward_ad.make_dual(x, x))


REFUSED: dict[str, tuple[Callable[[Tensor], Any], str]] = {
    "vmap": (lambda x: vmap(functional.elu)(x[None]), "inside a transform of torch.func"),
    "grad": (lambda x: grad(lambda t: functional.elu(t).sum())(x), "inside a transform of torch.func"),
    "jvp": (lambda x: jvp(functional.elu, (x,), (x,)), "inside a transform of torch.func"),
    "forward mode": (forward_mode, "differentiation in forward mode"),
    "fake": (faked, "the input is a FakeTensor, not a plain tensor"),
    "meta": (lambda x: functional.elu(x.to("meta")), "device meta|on meta"),
    "whole numbers": (lambda x: functional.relu(x.to(torch.int32)), "no kernel is for torch.int32"),
    "complex": (lambda x: functional.relu(x.to(torch.complex64)), "no kernel is for torch.complex64"),
    "maxout": (lambda x: functional.maxout(x[None].int()), "^maxout: .* no kernel is for torch.int32"),
    "crelu": (lambda x: vmap(lambda t: functional.crelu(t, 0))(x[None]), "^crelu: .* torch.func"),
    "sparse": (lambda x: functional.relu(x.to_sparse()), "memory is not that of a plain tensor"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_kernels_cannot_do_is_refused_with_the_reason(case: str) -> None:
    call, reason = REFUSED[case]
    with rectifiers.backend("numba"), pytest.raises(BackendError, match=reason) as caught:
        call(X)
    assert "the backend 'numba' was asked for but cannot run: " in str(caught.value)


@pytest.mark.parametrize("case", ["vmap", "grad", "jvp", "forward mode", "fake", "meta"])
def test_what_kernels_cannot_do_is_done_by_torch_unless_they_are_asked_for(case: str) -> None:
    call, _ = REFUSED[case]
    for name in ("auto", "torch"):
        with rectifiers.backend(name):
            call(X)


def test_a_compiler_that_traces_is_refused() -> None:
    with rectifiers.backend("numba"), pytest.raises(Exception, match="cannot run") as caught:
        compiled(X)
    assert "numba" in str(caught.value)
    with rectifiers.backend("auto"):
        torch.testing.assert_close(compiled(X), functional.elu(X))


def test_threads_of_autograd_do_as_was_asked_and_pythons_own_do_not() -> None:
    seen: list[str] = []

    def look() -> None:
        seen.append(requested())

    def in_a_foreign_thread() -> None:
        done = threading.Event()
        _thread.start_new_thread(
            lambda: (look(), done.set()), ()
        )  # as C++ starts one: unknown to `threading`
        assert done.wait(30)

    before = requested()
    with rectifiers.backend("numba"):
        with rectifiers.backend("torch"):
            in_a_foreign_thread()
        in_a_foreign_thread()
        thread = threading.Thread(target=look)
        thread.start()
        thread.join()
    in_a_foreign_thread()
    assert seen == ["torch", "numba", before, before]


def test_triton_is_for_cuda() -> None:
    for call in (functional.relu, functional.crelu, functional.maxout):
        with (
            rectifiers.backend("triton"),
            pytest.raises(BackendError, match="triton is for CUDA, the input is on cpu"),
        ):
            call(torch.ones(2, 2))


def test_batched_gradients_of_kernels_are_torchs() -> None:
    """The value by kernels, and autograd's own vmap over several gradients at once."""
    x = torch.randn(40, generator=torch.Generator().manual_seed(0)).requires_grad_()
    several = torch.randn(3, 40, generator=torch.Generator().manual_seed(1))
    for call in (functional.relu, functional.elu, lambda t: functional.crelu(t, 0)):
        with rectifiers.backend("numba"):
            y = call(x)
            g = several if y.shape == x.shape else several.repeat(1, 2)
            (found,) = torch.autograd.grad(y, x, g, is_grads_batched=True, retain_graph=True)
            one = [torch.autograd.grad(y, x, each, retain_graph=True)[0] for each in g]
        torch.testing.assert_close(found, torch.stack(one))
