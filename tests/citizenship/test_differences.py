"""What differs from torch on purpose is told, in one line each, and nothing is told that does not differ."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest
from matrix import COLUMNS, DIFFERENCES

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


def test_the_page_is_current() -> None:
    if not (ROOT / "docs").is_dir():
        pytest.skip("the documentation is not part of this distribution")
    tool = runpy.run_path(str(ROOT / "tools" / "write_differences.py"))
    written = tool["PAGE"].read_text(encoding="utf-8")
    assert written == tool["page"](), "run: python tools/write_differences.py"
    assert f"guide/{tool['PAGE'].name}" in (ROOT / "mkdocs.yml").read_text(encoding="utf-8")


@pytest.mark.parametrize("line", DIFFERENCES, ids=lambda line: line.situation)
def test_a_line_is_one_sentence_and_has_a_test(line: object) -> None:
    assert set(line.activations) <= set(COLUMNS)
    assert line.why.endswith(".")
    assert "\n" not in line.why
    assert "|" not in line.why
    tests = "".join(p.read_text(encoding="utf-8") for p in HERE.glob("test_*.py") if p != Path(__file__))
    assert f"def test_{line.situation}(" in tests
