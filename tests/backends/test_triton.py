"""The Triton backend: interpreted on CPU tensors, compiled for GPUs that are not there, run where one is.

Whether Triton interprets kernels is settled when it is imported, and its interpreter changes the module
`triton.language` for good. So the cases live in `triton_cases.py` and `triton_compiled.py`, which
pytest does not collect by itself, and each file runs in a process of its own, beside the other.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

HERE = Path(__file__).parent

pytestmark = pytest.mark.skipif(importlib.util.find_spec("triton") is None, reason="needs Triton")


def test_cases(tmp_path: Path) -> None:
    running = {}
    runs = [("triton_cases.py", "1"), ("triton_compiled.py", "0")]
    if torch.cuda.is_available():
        runs.append(("triton_cases.py", "0"))
    for cases, interpret in runs:
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
        running[cases, interpret] = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
    said = {run: process.communicate()[0] for run, process in running.items()}
    failed = [said[run][-20000:] for run, process in running.items() if process.returncode]
    assert not failed, "\n".join(failed)
