"""CONTRIBUTING's walk-through "add an activation", done as it stands there in a copy of the package."""

from __future__ import annotations

import os
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import rectifiers
from rectifiers import functional, nn

ROOT = Path(__file__).parents[2]
STUBS = ROOT / "tools" / "write_stubs.py"

pytestmark = pytest.mark.skipif(not STUBS.exists(), reason="about the repository, not the wheel")

USE = """
import pickle, runpy, sys, torch, numpy as np
sys.argv[1:] = []
runpy.run_path(STUBS)["main"]()
from rectifiers import functional, gain, nn, reference
assert functional.hard_tanh(torch.tensor([-3.0, 0.5, 3.0]), 2.0).tolist() == [-2.0, 0.5, 2.0]
module = nn.HardTanh(limit=2.0)
assert repr(module) == "HardTanh(limit=2.0)" and repr(pickle.loads(pickle.dumps(module))) == repr(module)
x = torch.randn(9, dtype=torch.float64).mul(2).requires_grad_()
assert torch.autograd.gradcheck(module, (x,), check_forward_ad=True)
assert reference.hard_tanh.df([-2.0, 0.0, 3.0]).tolist() == [0.0, 1.0, 0.0]
assert gain("hard_tanh") > 1
from rectifiers.arms import parse_arms
assert parse_arms("relu, hard_tanh(limit=2)")[1](4)(torch.tensor([[5.0]])).item() == 2.0
"""


def test_the_stubs_are_current() -> None:
    tool = runpy.run_path(str(STUBS))
    assert Path(functional.__file__).with_suffix(".pyi").read_text() == tool["functional_stub"]()
    assert Path(nn.__file__).with_suffix(".pyi").read_text() == tool["nn_stub"]()


def test_one_file_and_one_line_add_an_activation(tmp_path: Path) -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    section = text[text.index("## Add an activation") : text.index("## Tests")]
    path = re.search(r"Write `(src/rectifiers/activations/\w+\.py)`", section)
    blocks = [
        "\n".join(line.removeprefix("   ") for line in block.splitlines())
        for block in re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    ]
    assert path is not None
    assert len(blocks) == 2
    shutil.copytree(Path(rectifiers.__file__).parent, tmp_path / "src" / "rectifiers")
    (tmp_path / path[1]).write_text(blocks[0])
    face = tmp_path / "src/rectifiers/activations/__init__.py"
    lines = face.read_text()
    last = "from rectifiers.activations.softmax import softmax as softmax\n"
    assert last in lines
    face.write_text(lines.replace(last, f"{last}{blocks[1].strip()}\n"))

    source = tmp_path / "src"
    done = subprocess.run(
        [sys.executable, "-c", USE.replace("STUBS", repr(str(STUBS)))],
        env={**os.environ, "PYTHONPATH": str(source)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "class HardTanh(torch.nn.Module)" in (source / "rectifiers/nn/__init__.pyi").read_text()
    stub = (source / "rectifiers/functional/__init__.pyi").read_text()
    assert "def hard_tanh(input: Tensor, limit: float = 1.0, inplace: bool = False) -> Tensor:" in stub
