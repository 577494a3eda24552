"""``rectifiers check``: exit codes, JSON, a picture."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rectifiers.cli import main

FILE = """
import numpy as np

def relu(x):
    return np.maximum(x, 0)

def relu_prime(x):
    print("hello")
    return x > 0

def wrong(x):
    return 1.0 * (x > 0.1)
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "mine.py").write_text(FILE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_right_is_0_wrong_is_1_and_what_cannot_run_is_2(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", "mine.py:relu", "mine.py:relu_prime"]) == 0
    assert "relu, relu_prime: right" in capsys.readouterr().out
    assert main(["check", "mine.py:relu", "mine.py:wrong"]) == 1
    assert "switches at 0.1 where the function switches at 0" in capsys.readouterr().out
    assert main(["check", "mine.py:relu", "mine.py:missing"]) == 2
    assert main(["check", "mine.py:relu"]) == 2
    assert main(["check", "mine.py:relu", "mine.py:wrong", "--of", "x"]) == 2
    assert capsys.readouterr().err.count("\n") == 3


def test_json_and_a_picture(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "mine.py:relu", "mine.py:relu_prime", "--json", "--plot", "p.svg"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["ok"]
    assert found["kinks"] == [0.0]
    assert (here / "p.svg").is_file()
