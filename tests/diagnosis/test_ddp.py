"""`watch` under `DistributedDataParallel`: two processes on the CPU."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch.distributed as dist


@pytest.mark.skipif(not (dist.is_available() and dist.is_gloo_available()), reason="needs gloo")
def test_training_stays_as_it_is_and_each_process_sees_what_one_alone_would(tmp_path: Path) -> None:
    worker = Path(__file__).with_name("ddp_worker.py")
    started = [
        subprocess.Popen(
            [sys.executable, str(worker), str(rank), str(tmp_path / "rendezvous")],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for rank in range(2)
    ]  # fmt: skip
    try:
        ended = [process.communicate(timeout=120) for process in started]
    finally:
        for process in started:
            process.kill()
    assert [process.returncode for process in started] == [0, 0], ended
    first, second = (json.loads(out.splitlines()[-1]) for out, _ in ended)
    assert first["same"]
    assert second["same"]
    assert first["figures"] == second["figures"] == first["alone"]
    assert [row["site"] for row in first["figures"]] == ["1", "3"]
