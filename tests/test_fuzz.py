"""Damaged stores and senseless command lines: refused in one line or read; `benchmarks/fuzz.py` goes on."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import fuzz
from rectifiers.cli import main


def test_damaged_stores_are_read_or_refused_in_one_line(tmp_path: Path) -> None:
    quick = "compare xor --arms relu,elu --epochs 2 --width 4 --max-seeds 4 --lr 0.1 --quiet --no-report"
    quick += " --allow no-arm-learned"
    assert main([*quick.split(), "--out", str(tmp_path / "study")]) == 0
    refused = fuzz.stores(tmp_path / "study" / "study.db", 60, 0, tmp_path)
    assert 10 < refused < 60


def test_senseless_command_lines_are_answered_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert fuzz.lines(60, 0) > 30
