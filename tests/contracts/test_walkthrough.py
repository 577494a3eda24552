"""CONTRIBUTING's walk-through "Add an activation", done as it stands there in a copy of the package."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

USE = """
import math, pickle, torch, rectifiers
from rectifiers import arms, functional, nn, reference
assert rectifiers.__file__.startswith({copy!r}), rectifiers.__file__
assert reference.hard_tanh.f([-3.0, 0.5, 3.0]).tolist() == [-1.0, 0.5, 1.0]
assert reference.hard_tanh.df([-3.0, 0.5, 3.0], 4.0).tolist() == [1.0, 1.0, 1.0]
x = torch.tensor([-3.0, 0.5, 3.0], requires_grad=True)
nn.HardTanh(limit=2.0)(x).sum().backward()
assert x.grad.tolist() == [0.0, 1.0, 0.0]
assert functional.hard_tanh(x, 0.25).tolist() == [-0.25, 0.25, 0.25]
assert torch.equal(pickle.loads(pickle.dumps(nn.HardTanh()))(x), nn.HardTanh()(x))
(arm,) = arms.parse_arms("hard_tanh(limit=2)")
assert arm(4)(x.detach()).tolist() == [-2.0, 0.5, 2.0]
assert math.isfinite(rectifiers.gain("hard_tanh"))
"""


def blocks(text: str) -> list[str]:
    """Return the indented Python blocks of the walk-through, in order."""
    section = text[text.index("## Add an activation") : text.index("## Tests")]
    return [textwrap.dedent(code) for code in re.findall(r"   ```python\n(.*?)   ```", section, re.DOTALL)]


def test_the_walk_through_adds_an_activation(tmp_path: Path) -> None:
    record, line = blocks((ROOT / "CONTRIBUTING.md").read_text())
    for part in ("src", "tools"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / part, tmp_path / part, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    activations = tmp_path / "src" / "rectifiers" / "activations"
    (activations / "hard_tanh.py").write_text(record)
    registration = activations / "__init__.py"
    lines = registration.read_text()
    assert "# isort: on" in lines
    registration.write_text(lines.replace("# isort: on", f"{line}# isort: on", 1))

    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "src")}

    def run(*command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *command],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    assert run("tools/write_stubs.py", "--check").returncode == 1, "the stubs should be out of date"
    written = run("tools/write_stubs.py")
    assert written.returncode == 0, written.stderr
    assert "HardTanh" in (tmp_path / "src" / "rectifiers" / "nn" / "__init__.pyi").read_text()
    used = run("-c", USE.format(copy=str(tmp_path)))
    assert used.returncode == 0, used.stderr
