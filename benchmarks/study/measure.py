"""Time each method in a fresh process, in turn."""

from __future__ import annotations

import dataclasses
import functools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from benchmarks.study import jobs, quiet
from benchmarks.study.jobs import Job, Trial

from rectifiers.comparison import ComparisonResult

__all__ = ["METHODS", "ROOT", "Found", "Timing", "study"]

ROOT = Path(__file__).resolve().parents[2]

METHODS = {
    "a": "loop by hand",
    "a1": "loop by hand, 1 thread",
    "b": "Optuna around it",
    "c": "Ray Tune around it",
    "d": "rectifiers, --seeds 10",
    "e": "rectifiers, race",
}
_BY_LOOP = {"a": "loop", "a1": "loop", "b": "optuna", "c": "ray"}
_DISTURBED = 0.05  # share of the processors that others used
_LEAST_SHARE = 5  # of what is shown for comparison only, "a1"


@dataclass
class Timing:
    """What one method took, one entry per repetition.

    `whole` has the seconds of the whole study: those measured, scaled by the number of trainings where only
    part of them was made. `start` has those until the first training, `others` the share of the processors
    that other processes used meanwhile.
    """

    measured: list[float] = field(default_factory=list)
    start: list[float] = field(default_factory=list)
    whole: list[float] = field(default_factory=list)
    others: list[float] = field(default_factory=list)
    trainings: int = 0


@dataclass
class Found:
    """Everything found out about one job."""

    job: Job
    share: int
    load: float
    timings: dict[str, Timing]
    results: dict[str, Any]  # what (d) and (e) print with --json
    test: dict[str, list[float]]  # accuracies of (d) per arm
    check: dict[str, list[float]]  # those of the loop at the same rates

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Rebuild it from `dataclasses.asdict`, after a detour through JSON."""
        timings = {method: Timing(**timing) for method, timing in value["timings"].items()}
        return cls(**{**value, "job": jobs.from_json(value["job"]), "timings": timings})


def study(
    job: Job,
    data_dir: Path | None,
    methods: Sequence[str],
    repetitions: int,
    share: int,
    patience: float = 0.0,
    keep: Callable[[Found], None] = lambda found: None,
) -> Found:
    """Time the methods one after the other, and that again.

    Parameters
    ----------
    job : Job
    data_dir : path or None
        Of the files of the task.
    methods : sequence of str
        Of `METHODS`.
    repetitions : int
    share : int
        (a) to (c) make one in so many of their trainings; (a1) at most one in five.
    patience : float
        For so many seconds each measurement waits for a quiet machine and is repeated where it was disturbed.
    keep : callable
        Is told what there is after each repetition.
    """
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as place:
        directory = Path(place)
        job = _prepared(job, data_dir, directory / "data.pt")
        found = Found(job, share, load, {method: Timing() for method in methods}, {}, {}, {})
        for repetition in range(repetitions):
            for method in methods:
                _say(f"{job.name}, {repetition + 1} of {repetitions}: ({method}) {METHODS[method]}")
                if method in _BY_LOOP:
                    measured = _undisturbed(functools.partial(_loop, found, method, directory), patience)
                else:
                    measured = _undisturbed(
                        functools.partial(_ours, found, method, directory, data_dir), patience
                    )
                timing = found.timings[method]
                timing.trainings = measured.trainings
                timing.measured.append(measured.seconds)
                timing.start.append(measured.start)
                timing.whole.append(measured.whole)
                timing.others.append(measured.others)
            if "d" in methods and not found.check:
                _say(f"{job.name}: the loop at the rates of (d)")
                _check(found, directory)
            keep(found)
    return found


@dataclass
class _Measured:
    """One measurement."""

    seconds: float
    start: float
    whole: float
    trainings: int
    others: float = 0.0


def _undisturbed(attempt: Callable[[], _Measured], patience: float) -> _Measured:
    """Return the first measurement that nobody disturbed; once patience is over, the least disturbed."""
    end = time.monotonic() + patience
    best: _Measured | None = None
    while best is None or (best.others > _DISTURBED and time.monotonic() < end):
        if patience:
            quiet.wait(end - time.monotonic(), _DISTURBED)
        found = attempt()
        _say(f"  {found.seconds:.1f} s, others used {100 * found.others:.0f} % of the processors")
        if best is None or found.others < best.others:
            best = found
    return best


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _prepared(job: Job, data_dir: Path | None, file: Path) -> Job:
    """Write the data for the loop, and take the rates and gains from the library."""
    import torch

    from rectifiers import tasks
    from rectifiers.arms import parse_arms

    task = tasks.get(job.task)
    data = task.load(data_dir)
    parts = {name: getattr(data, name) for name in ("train_x", "train_y", "test_x", "test_y")}
    torch.save(parts, file)
    return dataclasses.replace(
        job,
        rates=job.rates or task.defaults.learning_rates,
        gains=tuple(arm.gain for arm in parse_arms(",".join(job.arms))),
        sizes=(data.train_x[0].numel(), data.outputs),
    )


@dataclass
class _Done:
    """What a command printed, when it began and ended, and how much of the processors others used."""

    printed: str
    begin: float
    end: float
    others: float


def _run(command: Sequence[str], **variables: str) -> _Done:
    with quiet.Watch() as watch:
        begin = time.time()
        done = subprocess.run(
            command,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), "RAY_USAGE_STATS_ENABLED": "0", **variables},
            capture_output=True,
            text=True,
        )
        end = time.time()
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    return _Done(done.stdout, begin, end, watch.others)


def _requested(
    job: Job, method: str, trials: Sequence[Trial] | None, directory: Path, name: str
) -> tuple[list[str], Path]:
    """Write a request; return the command that carries it out, and where the answer will be."""
    request, answer = directory / f"{name}-request.json", directory / f"{name}-answer.json"
    asked = {
        "method": method,
        "job": dataclasses.asdict(job),
        "data": str(directory / "data.pt"),
        "trials": trials,
    }
    request.write_text(json.dumps(asked), encoding="utf-8")
    return [sys.executable, "-m", "benchmarks.study.worker", str(request), str(answer)], answer


def _loop(found: Found, method: str, directory: Path) -> _Measured:
    one_thread = method == "a1"
    share = max(found.share, _LEAST_SHARE) if one_thread else found.share
    trials = None if share == 1 else jobs.part(found.job, share)
    command, answer = _requested(found.job, _BY_LOOP[method], trials, directory, method)
    done = _run(command, **({"OMP_NUM_THREADS": "1"} if one_thread else {}))
    outcomes = json.loads(answer.read_text(encoding="utf-8"))["outcomes"]
    first, last = min(o[1] for o in outcomes), max(o[2] for o in outcomes)
    # starting and ending happen once, however many trainings there are
    outside = (first - done.begin) + (done.end - last)
    whole = outside + (last - first) * found.job.trainings / len(outcomes)
    return _Measured(done.end - done.begin, first - done.begin, whole, len(outcomes), done.others)


def _ours(found: Found, method: str, directory: Path, data_dir: Path | None) -> _Measured:
    job, out = found.job, Path(tempfile.mkdtemp(dir=directory))
    decide = ["--seeds", str(job.test_seeds)] if method == "d" else ["--max-seeds", str(job.max_seeds)]
    command = [sys.executable, "-m", "rectifiers", *job.words(data_dir), *decide]
    command += ["--out", str(out), "--json", "--quiet"]
    done = _run(command)
    known = ComparisonResult.load(out).study
    found.results[method] = json.loads(done.printed)
    if method == "d":
        for arm in job.arms:
            series = known.series(arm, "none")
            found.test[arm] = [run.metric for run in series if run.metric is not None]
    # the same command with nothing left to train: imports, data, a step of every arm, processes, report
    again = _run(command)
    seconds = done.end - done.begin
    return _Measured(seconds, again.end - again.begin, seconds, len(known.runs), done.others)


def _check(found: Found, directory: Path) -> None:
    """Test the loop at the rates of (d), on as many processes; not timed."""
    job = found.job
    rates = {row["arm"]: row["learning_rate"] for row in found.results["d"]["arms"]}
    trials = jobs.tests(job, [rates[arm] for arm in job.arms])
    shares = [trials[i :: job.processes] for i in range(job.processes)]
    asked = [_requested(job, "loop", share, directory, f"check{i}") for i, share in enumerate(shares)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    processes = [subprocess.Popen(command, cwd=ROOT, env=environment) for command, _ in asked]
    codes = [process.wait() for process in processes]
    if any(codes):
        raise SystemExit("the check of accuracies failed")
    for share, (_, answer) in zip(shares, asked, strict=True):
        outcomes = json.loads(answer.read_text(encoding="utf-8"))["outcomes"]
        for (_, arm, _, _), outcome in zip(share, outcomes, strict=True):
            found.check.setdefault(arm, []).append(outcome[0])
