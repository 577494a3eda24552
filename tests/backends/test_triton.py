"""The Triton backend, without a GPU: interpreted on CPU tensors, and compiled for GPUs that are not there.

Whether Triton interprets kernels is settled when it is imported, and its interpreter changes the module
`triton.language` for good. So the cases live in `triton_interpreted.py` and `triton_compiled.py`, which
pytest does not collect by itself, and each file runs in a process of its own, beside the other.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent

pytestmark = pytest.mark.skipif(importlib.util.find_spec("triton") is None, reason="needs Triton")


def test_cases(tmp_path: Path) -> None:
    running = {}
    for cases, interpret in (("triton_interpreted.py", "1"), ("triton_compiled.py", "0")):
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "-p",
            "no:xdist",
            HERE / cases,
        ]
        environment = {**os.environ, "TRITON_INTERPRET": interpret, "TRITON_CACHE_DIR": str(tmp_path)}
        running[cases] = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
    said = {cases: process.communicate()[0] for cases, process in running.items()}
    failed = [said[cases][-20000:] for cases, process in running.items() if process.returncode]
    assert not failed, "\n".join(failed)
