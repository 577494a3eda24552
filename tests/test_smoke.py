"""The main job end to end, small: also run against the built wheel, which must carry all it needs.

`RECTIFIERS_EXPECTED_ROOT` names the directory the package has to come from (`make wheel` sets it).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

import rectifiers
from rectifiers.cli import main

pytestmark = pytest.mark.wheel


def test_the_package_comes_from_where_it_should() -> None:
    root = os.environ.get("RECTIFIERS_EXPECTED_ROOT")
    package = Path(rectifiers.__file__).parent
    if root is not None:
        assert package.parent == Path(root)
        assert not (package.parents[1] / "pyproject.toml").exists()
    for part in ("py.typed", "nn/__init__.pyi", "functional/__init__.pyi"):
        assert (package / part).exists(), part


def test_the_installed_version_is_the_packages() -> None:
    assert metadata.version("rectifiers") == rectifiers.__version__


def test_compare_ends_in_a_verdict_and_a_report(tmp_path: Path) -> None:
    command = [
        *(sys.executable, "-m", "rectifiers", "compare", "digits", "--arms", "relu,leaky_relu(1/5.5)"),
        *("--seeds", "2", "--epochs", "1", "--lr", "0.1", "--out", "study", "--json"),
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert [row["arm"] for row in result["arms"]] == ["relu", "leaky_relu(1/5.5)"]
    assert result["comparisons"][0]["verdict"] in ("better", "worse", "equivalent", "undecided")
    report = (tmp_path / result["report"]).read_text()
    assert "leaky_relu(1/5.5)" in report
    assert (tmp_path / result["store"]).stat().st_size > 0


def test_show_draws(tmp_path: Path) -> None:
    page = tmp_path / "elu.html"
    assert main(["show", "elu", "--out", str(page)]) == 0
    assert "elu" in page.read_text()
