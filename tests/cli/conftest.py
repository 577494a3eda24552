"""A user's directory, with files of their own, to run the command line in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from rectifiers.cli import main

QUICK = ("--seeds", "2", "--epochs", "3", "--lr", "1", "--out", "study")

MINE = """
import torch
from torch import nn


class Mine(nn.Module):
    def forward(self, x):
        return x * torch.sigmoid(1.5 * x)


class Nan(nn.Module):
    def forward(self, x):
        return x * float("nan") if self.training else x


class Undefined(nn.Module):
    def forward(self, x):
        return x * float("nan")


class Raises(nn.Module):
    def forward(self, x):
        return self.missing(x)


def build(activation):
    print("build says hello")
    return nn.Sequential(nn.Linear(2, 4), activation(4), nn.Linear(4, 1))


def broken(activation):
    return helper(activation)


def helper(activation):
    raise KeyError("no such layer")


def unfit(activation):
    return nn.Sequential(nn.Linear(2, 4), activation(4), nn.Linear(4, 7))


def load():
    x = torch.randn(60, 2, generator=torch.Generator().manual_seed(0))
    y = (x.sum(1) > 0).long()
    return x[:40], y[:40], x[40:], y[40:]


def alike():
    x, y, test_x, test_y = load()
    return x, torch.zeros_like(y), test_x, test_y


def not_finite():
    x, y, test_x, test_y = load()
    x[3] = float("nan")
    return x, y, test_x, test_y
"""


class Said(NamedTuple):
    """What a command left: its exit code and its two streams."""

    code: int
    out: str
    err: str


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    (tmp_path / "mine.py").write_text(MINE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RECTIFIERS_DATA", raising=False)
    return tmp_path


@pytest.fixture
def say(place: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """Run a command in the user's directory."""

    def run(*arguments: str) -> Said:
        capsys.readouterr()
        code = main(arguments)
        return Said(code, *capsys.readouterr())

    return run


@pytest.fixture
def quick(say: Callable[..., Said]) -> Callable[..., Said]:
    """Compare on xor, with two seeds of three epochs at one rate, kept in the directory `study`."""

    def run(*arguments: str, report: bool = False) -> Said:
        return say("compare", *arguments, *QUICK, *(() if report else ("--no-report",)))

    return run
