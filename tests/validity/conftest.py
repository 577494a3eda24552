"""A user's directory, in which studies are planned and compared through the public path."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from rectifiers import study
from rectifiers.cli import main
from rectifiers.records.values import Notice

QUICK = {"arms": "relu,tanh", "seeds": 2, "epochs": 1, "learning_rate": 0.1, "margin": 25}
TORCH = "import copy, functools\nimport torch\nfrom torch import nn\nfrom torch.nn import functional as F\n"


class Said(NamedTuple):
    """What a command left: its exit code and its two streams."""

    code: int
    out: str
    err: str


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def notices(place: Path) -> Callable[..., tuple[Notice, ...]]:
    """Plan a study, with the user's file if there is one, and return what the reader must know."""

    def plan(text: str = "", task: str | None = "digits", **more) -> tuple[Notice, ...]:
        (place / "mine.py").write_text(TORCH + text)
        if "def build(" in text:
            more.setdefault("model", "mine.py:build")
        if "def load(" in text:
            task, more = None, {"data": "mine.py:load", **more}
        return study.make_plan(task, **{**QUICK, **more}).warnings

    return plan


@pytest.fixture
def codes(notices) -> Callable[..., list[str]]:
    """The same, and only the codes."""

    def plan(*given, **more) -> list[str]:
        return [notice.code for notice in notices(*given, **more)]

    return plan


@pytest.fixture
def say(place: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """Run a command in the user's directory."""

    def run(*arguments: str) -> Said:
        capsys.readouterr()
        code = main(arguments)
        return Said(code, *capsys.readouterr())

    return run
