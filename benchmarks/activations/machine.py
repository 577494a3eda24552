"""What the figures were measured on, and a fingerprint that tells whether two belong together."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import subprocess
from dataclasses import asdict
from importlib import metadata
from pathlib import Path

import torch
from benchmarks.activations.settings import Settings

import rectifiers

__all__ = ["ROOT", "describe", "fingerprint"]

ROOT = Path(__file__).resolve().parents[2]
_MEASURING = ("cases", "memory", "network", "settings", "timing")


def describe(settings: Settings) -> dict[str, str]:
    """Return the machine and the versions, in words; what cannot be found is left out."""
    found = {
        "processor": f"{_cpu()}, {_cores()} cores available",
        "vectors": torch.backends.cpu.get_cpu_capability(),
        "caches": _caches(),
        "GPU": torch.cuda.get_device_name() if settings.device == "cuda" else "",
        "system": _system(),
        "versions": _versions(),
        "threads": str(settings.threads),
        "backend asked for": settings.backend,
        "commit": _commit(),
    }
    return {key: value for key, value in found.items() if value}


def fingerprint(settings: Settings) -> str:
    """Return a text that changes with the library's code, what measures, settings, versions or machine."""
    digest = hashlib.sha256()
    package = Path(rectifiers.__file__).parent
    own = [Path(__file__).with_name(f"{name}.py") for name in _MEASURING]
    for path in [*sorted(package.rglob("*.py")), *own]:
        digest.update(path.name.encode() + path.read_bytes())
    digest.update(repr((asdict(settings), _versions(), _cpu(), _cores())).encode())
    return digest.hexdigest()[:16]


def _versions() -> str:
    versions = [f"Python {platform.python_version()}", f"torch {torch.__version__}"]
    for name in ("llvmlite", "triton", "numpy"):
        try:
            versions.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            continue
    return ", ".join([*versions, f"rectifiers {rectifiers.__version__}"])


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        model = re.search(r"^model name\s*:\s*(.+)$", info.read_text(encoding="utf-8"), re.MULTILINE)
        if model:
            return model[1].strip()
    return platform.processor() or platform.machine()


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _caches() -> str:
    found = []
    for index in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        try:
            level, kind, size = ((index / name).read_text().strip() for name in ("level", "type", "size"))
        except OSError:
            continue
        found.append(f"L{level} {kind.lower()} {size}")
    return ", ".join(found)


def _system() -> str:
    name = f"{platform.system()} {'.'.join(platform.release().split('.')[:2])}"
    try:
        return f"{platform.freedesktop_os_release()['PRETTY_NAME']}, {name}"
    except (OSError, KeyError):
        return name


def _commit() -> str:
    def git(*words: str) -> str:
        done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    try:
        changed = git("status", "--porcelain", "--", "src")
        return git("rev-parse", "--short=12", "HEAD") + (" with changes in src" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return ""
