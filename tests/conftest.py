"""What holds for every test."""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# The first example of a process imports what it tests, and others run beside it.
settings.register_profile("suite", deadline=None)
settings.load_profile("suite")

# Read when torch is loaded, here and in processes that tests start: tests run beside each other, and threads
# that spin while they wait take the cores from those that work.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Look for cycles more rarely, and not among what torch and the tests are: it was a fifth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


def pytest_sessionfinish() -> None:
    gc.unfreeze()  # some of it tells of what is left when the process ends


THREADED = {"activations", "backends", "citizenship", "cuda", "functional", "nn"}


@pytest.fixture(autouse=True)
def one_thread(request: pytest.FixtureRequest) -> Iterator[None]:
    """One thread of torch for networks, which are tiny; its own number where kernels are tested."""
    torch = sys.modules.get("torch")
    if torch is None or request.path.relative_to(Path(__file__).parent).parts[0] in THREADED:
        yield
        return
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def process_group() -> None:
    """A group of this process alone, which lasts as long as the process.

    Destroying it may never end: it waits for a thread of gloo, with the lock of the interpreter held, which
    that thread needs to let go of the tensors of its last call.
    """
    from torch import distributed

    distributed.init_process_group("gloo", store=distributed.HashStore(), rank=0, world_size=1)


@pytest.fixture
def usual_signals() -> Iterator[None]:
    """Let Ctrl-C and a terminal that goes away stop a test and what it starts, also under `nohup`."""
    usual = {"SIGINT": signal.default_int_handler, "SIGHUP": signal.SIG_DFL}
    there = {getattr(signal, name): handler for name, handler in usual.items() if hasattr(signal, name)}
    before = {number: signal.signal(number, handler) for number, handler in there.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture(autouse=True)
def backend_is_left_as_it_was() -> Iterator[None]:
    """The backend is set for the whole process: a test that leaves another one fails, and no other does."""
    yield
    if backends := sys.modules.get("rectifiers.backends"):
        left = backends.set_backend("auto")
        assert left == "auto", f"the test left the backend at {left!r}"
