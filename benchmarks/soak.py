"""Kill studies at random instants until they are done: is anything lost, changed or made twice?

``python -m benchmarks.soak --kills 50`` kills the driver, a worker or both with SIGKILL, starts the same
command again each time, asks more (arms, seeds, confidence) once it is done, holds records, verdicts and what
``--json`` says against those of the same studies left alone, and writes `SOAK.md`.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import os
import platform
import random
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from rectifiers.comparison import ComparisonResult

_USERS = """
import torch
def train(trial):
    draw = torch.Generator().manual_seed(trial.seed)
    x = torch.randn(64, 4, generator=draw)
    y = (x[:, 0] * x[:, 1] > 0).long()
    net = torch.nn.Sequential(torch.nn.Linear(4, 8), trial.activation(8), torch.nn.Linear(8, 2))
    steps = torch.optim.SGD(net.parameters(), lr=trial.learning_rate)
    for epoch in range(60):
        loss = torch.nn.functional.cross_entropy(net(x), y)
        steps.zero_grad(), loss.backward(), steps.step()
        trial.report(epoch, loss=loss)
    if torch.rand(()) < 0.02:
        raise RuntimeError("once in fifty")
    trial.test_size = 64
    return {"accuracy": 100 * (net(x).argmax(1) == y).float().mean().item()}
def data():
    draw = torch.Generator().manual_seed(5)
    x = torch.randn(160, 5, generator=draw)
    return x, x[:, :1] * x[:, 1:2] + 0.3 * torch.randn(160, 1, generator=draw)
"""
DONE = (0, 3)  # 3: a check withholds verdicts, since no arm learned
# each is asked, killed until it is done, and then asked more
STUDIES = (
    (
        "digits --arms relu,rrelu --lr 0.05,0.1 --width 16 --epochs 4 --seeds 12 --margin 1",
        "digits --arms relu,rrelu,elu --lr 0.05,0.1 --width 16 --epochs 4 --seeds 20 --margin 1",
    ),
    (
        "digits --arms relu,tanh --lr 0.02,0.05,0.1 --width 16 --epochs 2 --max-seeds 20 --margin 6",
        "digits --arms relu,tanh,elu --lr 0.02,0.05,0.1 --width 16 --max-seeds 20 --margin 5 --epochs 2",
        "digits --arms relu,tanh,elu --lr 0.02,0.05,0.1 --width 16 --epochs 2 --max-seeds 30 --margin 2",
    ),
    (
        "--train users.py:train --arms relu,tanh --lr 0.1,0.5 --metric accuracy --max-seeds 10",
        "--train users.py:train --arms relu,tanh,rrelu --lr 0.1,0.5 --metric accuracy --max-seeds 16",
    ),
    (
        "--data users.py:data --arms relu,tanh --epochs 4 --width 6 --max-seeds 6 --patience 1 --watch",
        "--data users.py:data --arms relu,tanh,elu --epochs 4 --width 6 --max-seeds 8 --patience 1 --watch",
    ),
)


def soak(place: Path, kills: int, seed: int, last: float = 6.0) -> Counter[str]:
    """Kill a study up to so many times a question, let it end, and raise unless all is as it should be.

    Parameters
    ----------
    place : Path
        An empty directory.
    kills, seed : int
    last : float
        Seconds after the start within which it is killed.

    Returns
    -------
    Counter
        Kills of each kind, starts, trials.
    """
    draw, told = random.Random(seed), Counter[str]()
    (place / "users.py").write_text(_USERS)
    for words in STUDIES[seed % len(STUDIES)]:
        _compare(place, words, "whole", "1")
        jobs = draw.choice("123")
        told += _killed(place, words, jobs, kills, draw, last)
        _compare(place, words, "killed", jobs)
        whole, killed = (ComparisonResult.load(place / name) for name in ("whole", "killed"))
        with contextlib.closing(sqlite3.connect(place / "killed" / "study.db")) as store:
            assert store.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert len(killed.study.runs) == len(killed.study.by_key), "a trial was made twice"
        there = _measured(killed)
        assert _measured(whole).items() <= there.items(), "a record is missing, or another one"
        assert len(whole.study.runs) + killed.to_json()["trials"]["speculated"] == len(there), "too many"
        assert _said(whole) == _said(killed), "verdicts differ"
    told["trials"] += len(killed.study.runs)
    return told


def _killed(place: Path, words: str, jobs: str, kills: int, draw: random.Random, last: float) -> Counter[str]:
    told = Counter[str]()
    while _kills(told) < kills:
        told["starts"] += 1
        command = _command(words, "killed", jobs)
        with subprocess.Popen(
            command, cwd=place, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as driver:
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
        if driver.returncode in DONE:
            break
        assert driver.returncode == -signal.SIGKILL, f"the command ended with {driver.returncode}"
    return told


def _kills(told: Counter[str]) -> int:
    return sum(told[kind] for kind in ("driver", "worker", "both"))


def _command(words: str, out: str, jobs: str) -> list[str]:
    line = [sys.executable, "-m", "rectifiers", "compare", *words.split()]
    return [*line, "--out", out, "--jobs", jobs, "--no-report", "--quiet"]


def _compare(place: Path, words: str, out: str, jobs: str) -> None:
    done = subprocess.run(_command(words, out, jobs), cwd=place, check=False, capture_output=True)
    assert done.returncode in DONE, done.stderr.decode()


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


def _measured(result: ComparisonResult) -> dict[str, Any]:
    return {run.trial.key: dataclasses.replace(run, seconds=0.0, started="") for run in result.study.runs}


def _said(result: ComparisonResult) -> dict[str, Any]:
    """Return what it says, but for what the clock says, where it is, and what ran ahead."""
    said = {**result.to_json(), "report": None, "store": None}
    said["trials"]["speculated"] = 0  # what ran ahead may also spare an arm from being opened again
    said["warnings"] = [warning for warning in said["warnings"] if warning["code"] != "reopened"]
    for arm in said["arms"]:
        del arm["seconds_per_trial"]
    sentence = said["recommendation"]["sentence"]
    said["recommendation"]["sentence"] = re.sub(r"\S+plan\.toml", "plan.toml", sentence)
    return said


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    total, clock, seed = Counter[str](), time.monotonic(), asked.seed
    while _kills(total) < asked.kills:
        with tempfile.TemporaryDirectory() as place:
            total += soak(Path(place), 3, seed)
        total["studies"] += 1
        seed += 1
        print(dict(total), flush=True)
        write(total, time.monotonic() - clock)


def write(total: Counter[str], seconds: float) -> None:
    lines = [
        "# What kill -9 loses",
        "",
        "Written by `python -m benchmarks.soak`. Studies on one to three processes (a fixed number of seeds;",
        "a race; a training function that fails now and then; own data with early stopping, watched) are",
        "killed at random instants, started again with the same command each time, and asked more once they",
        "are done. Every record, verdict, interval and warning is held against those of the same studies",
        "left alone.",
        "",
        f"- system: {platform.platform()}, Python {platform.python_version()}",
        f"- took {seconds / 60:.0f} minutes",
        *(f"- {name}: {count}" for name, count in sorted(total.items())),
        "- lost, changed or made twice: 0 (the script stops at the first)",
    ]
    Path(__file__).with_name("SOAK.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
