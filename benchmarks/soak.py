"""Kill a study at random instants until it is done: is anything lost, changed or made twice?

``python -m benchmarks.soak --kills 50`` kills the driver, a worker or both with SIGKILL, starts the same
command again each time, holds the records against those of a study that was left alone, and writes `SOAK.md`.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import os
import platform
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from rectifiers.comparison import ComparisonResult

_STUDY = """
digits --arms relu,rrelu,elu --lr 0.05,0.1 --width 16 --epochs 4 --seeds 20 --margin 1
--jobs 2 --no-report --quiet
"""
TASK = tuple(_STUDY.split())


def soak(place: Path, kills: int, seed: int, task: tuple[str, ...] = TASK, last: float = 6.0) -> Counter[str]:
    """Kill a study up to so many times, let it end, and raise unless its records are those it should have.

    Parameters
    ----------
    place : Path
        An empty directory.
    kills, seed : int
    task : tuple of str
        What is compared.
    last : float
        Seconds after the start within which it is killed.

    Returns
    -------
    Counter
        Kills of each kind, starts, trials.
    """
    draw, told = random.Random(seed), Counter[str]()
    subprocess.run(_command(task, place / "whole"), check=True, capture_output=True)
    while _kills(told) < kills and not told["done before"]:
        told["starts"] += 1
        with subprocess.Popen(_command(task, place / "killed"), stdout=subprocess.DEVNULL) as driver:
            while driver.poll() is None and _kills(told) < kills:
                end = time.monotonic() + draw.uniform(0.0, last)
                while time.monotonic() < end and driver.poll() is None:
                    time.sleep(0.01)
                kind = draw.choice(("driver", "worker", "both"))
                workers = _children(driver.pid)
                if driver.poll() is not None or not (workers or kind == "driver"):
                    continue
                if kind != "worker":
                    driver.send_signal(signal.SIGKILL)
                    driver.wait()
                for worker in workers if kind != "driver" else []:
                    _kill(worker)
                told[kind] += 1
            driver.wait()
            if driver.returncode == 0:
                told["done before"] += 1
            elif driver.returncode != -signal.SIGKILL:
                raise AssertionError(f"the command ended with {driver.returncode}")
    subprocess.run(_command(task, place / "killed"), check=True, capture_output=True)
    whole, killed = (ComparisonResult.load(place / name).study for name in ("whole", "killed"))
    with sqlite3.connect(place / "killed" / "study.db") as store:
        assert store.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert len(killed.runs) == len(whole.runs) == len(killed.by_key), "a trial was made twice, or is missing"
    assert _measured(killed) == _measured(whole), "records differ"
    told["trials"] += len(killed.runs)
    return told


def _kills(told: Counter[str]) -> int:
    return sum(told[kind] for kind in ("driver", "worker", "both"))


def _command(task: tuple[str, ...], out: Path) -> list[str]:
    return [sys.executable, "-m", "rectifiers", "compare", *task, "--out", str(out)]


def _children(pid: int) -> list[int]:
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            fields = (place / "stat").read_text().rpartition(")")[2].split()
            command = (place / "cmdline").read_text()
        except OSError:
            continue
        if int(fields[1]) == pid and "spawn_main" in command:
            found.append(int(place.name))
    return found


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _measured(study) -> dict:
    return {run.trial.key: dataclasses.replace(run, seconds=0.0, started="") for run in study.runs}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    total, clock, seed = Counter[str](), time.monotonic(), asked.seed
    while _kills(total) < asked.kills:
        with tempfile.TemporaryDirectory() as place:
            total += soak(Path(place), 4, seed)
        total["studies"] += 1
        seed += 1
        print(dict(total), flush=True)
        write(total, time.monotonic() - clock)


def write(total: Counter[str], seconds: float) -> None:
    lines = [
        "# What kill -9 loses",
        "",
        "Written by `python -m benchmarks.soak`. A study of digits on two workers is killed at random",
        "instants, started again with the same command each time, and its records are held against those of",
        "the same study left alone: every trial, every number.",
        "",
        f"- system: {platform.platform()}, Python {platform.python_version()}",
        f"- took {seconds / 60:.0f} minutes",
        *(f"- {name}: {count}" for name, count in sorted(total.items())),
        "- lost, changed or made twice: 0 (the script stops at the first)",
    ]
    Path(__file__).with_name("SOAK.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
