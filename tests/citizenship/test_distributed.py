"""Two processes (gloo) train what one process trains, replicated (DDP) and sharded (FSDP2)."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

WORKER = Path(__file__).with_name("distributed_worker.py")


@pytest.fixture(scope="module")
def worker() -> ModuleType:
    """The script of the processes, for its model and its batches."""
    spec = importlib.util.spec_from_file_location("distributed_worker", WORKER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def trained(worker: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> list[dict[Any, Any]]:
    """What each process found, both ways in each way of computing."""
    folder = tmp_path_factory.mktemp("distributed")
    running = [
        subprocess.Popen(
            [sys.executable, WORKER, str(rank), folder / "store", folder / "out"],
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"GLOO_SOCKET_IFNAME": "lo"},
        )
        for rank in range(worker.WORLD)
    ]
    try:
        errors = [process.communicate(timeout=90)[1] for process in running]
    finally:
        for process in running:
            process.kill()
    assert [process.returncode for process in running] == [0, 0], "\n".join(errors)
    return [torch.load(folder / f"out.{rank}") for rank in range(worker.WORLD)]


@pytest.mark.parametrize("kind", ["ddp", "fsdp"])
def test_gradients_and_weights_are_those_of_one_process(
    kind: str,
    worker: ModuleType,
    trained: list[dict[Any, Any]],
    way: str,
) -> None:
    expected = worker.train(worker.model(), lambda x: list(enumerate(x.chunk(worker.WORLD))))
    for found in trained:
        torch.testing.assert_close(found[kind, way], expected)
