"""What a study ran on, without names of people, machines or directories."""

from __future__ import annotations

import platform
import re
from pathlib import Path

import numpy as np
import torch

from rectifiers._version import __version__

__all__ = ["environment"]


def environment(device: torch.device, threads: int) -> dict[str, str]:
    """Return versions, machine and threads, for the record."""
    found = {
        "rectifiers": __version__,
        "torch": torch.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cpu": _cpu(),
        "threads": str(threads),
        "device": "cpu" if device.type == "cpu" else _accelerator(device),
    }
    if device.type == "cuda":
        found["cuda"] = str(torch.version.cuda)
    return found


def _accelerator(device: torch.device) -> str:
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else ""
    return f"{device} {name}".strip()


def _cpu() -> str:
    try:
        match = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        match = None
    return match[1].strip() if match else platform.processor() or platform.machine()
