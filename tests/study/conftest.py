"""Small studies: xor unless a test says otherwise."""

from __future__ import annotations

import contextlib
import dataclasses
import multiprocessing
import warnings
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from rectifiers import study
from rectifiers.records.store import Store
from rectifiers.records.values import Run, Study
from rectifiers.study import Prepared

DEFAULTS = {"arms": "relu,tanh", "seeds": 2, "epochs": 3, "width": 4, "learning_rate": 0.1, "margin": 25}


@pytest.fixture(scope="session")
def prepare():
    def make(task: str | None = "xor", **words) -> Prepared:
        return study.make_plan(task, **{**DEFAULTS, **words})

    return make


@pytest.fixture
def conduct(tmp_path):
    """Carry out a plan in a directory of its own, or in `out` again."""

    def carry_out(prepared: Prepared, on_event=None, out: Path | None = None, **more) -> Study:
        file = (out or tmp_path / "out") / "study.db"
        with Store.open(file) if file.exists() else Store.create(file) as store:
            return study.run(prepared, store, on_event, **more)

    return carry_out


@pytest.fixture
def write_module(tmp_path):
    """Write a user's file and return its path."""

    def write(text: str, name: str = "mine.py") -> str:
        (tmp_path / name).write_text(text)
        return str(tmp_path / name)

    return write


@pytest.fixture
def measured():
    """What of runs must come out equal each time: all but the clock."""

    def without_clock(runs: Iterable[Run]) -> list[Run]:
        return [dataclasses.replace(run, seconds=0.0, started="") for run in runs]

    return without_clock


@pytest.fixture
def forked():
    """Run a function in a copy of this process, which has loaded torch, and end it after the block."""

    @contextlib.contextmanager
    def start(function: Callable[..., object], *arguments: object) -> Iterator[BaseProcess]:
        copy = multiprocessing.get_context("fork").Process(target=function, args=arguments)
        with warnings.catch_warnings():  # Python and JAX warn of threads that hold locks: none does here
            warnings.simplefilter("ignore")
            copy.start()
        try:
            yield copy
        finally:
            copy.kill()
            copy.join()

    return start
