"""`watch` under `DistributedDataParallel`: two processes on the CPU."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch.distributed as dist

GLOO = dist.is_available() and dist.is_gloo_available()


@pytest.mark.skipif(not (GLOO and hasattr(os, "fork")), reason="needs gloo and fork")
def test_training_stays_as_it_is_and_each_process_sees_what_one_alone_would(tmp_path: Path) -> None:
    command = [sys.executable, str(Path(__file__).with_name("ddp_worker.py")), str(tmp_path)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stderr
    first, second = (json.loads((tmp_path / f"{rank}.json").read_text()) for rank in range(2))
    assert first["same"]
    assert second["same"]
    assert first["figures"] == second["figures"] == first["alone"]
    assert [row["site"] for row in first["figures"]] == ["1", "3"]
