"""Command line of the benchmark of whole studies."""

from __future__ import annotations

import argparse
import dataclasses
import importlib.util
import json
import os
import platform
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from benchmarks.study import jobs, measure, page

_NEEDED = {"b": "optuna", "c": "ray"}


def main() -> int:
    """Measure, and write STUDY.md."""
    arguments = _parser().parse_args()
    wished = arguments.methods.split(",")
    if unknown := [method for method in wished if method not in measure.METHODS]:
        print(f"--methods: of {','.join(measure.METHODS)}, got {','.join(unknown)}", file=sys.stderr)
        return 2
    methods = [method for method in measure.METHODS if method in wished]
    for method, name in _NEEDED.items():
        if method in methods and importlib.util.find_spec(name) is None:
            print(f"({method}) needs {name}: pip install 'rectifiers[bench]'", file=sys.stderr)
            return 2
    measured = measure.ROOT / "build" / "study" / "measured.json"
    if arguments.render:
        return _write(json.loads(measured.read_text(encoding="utf-8")), arguments.out)
    wanted = [(jobs.TINY, 1)] if arguments.tiny else [(jobs.DIGITS, 1), (jobs.MNIST, arguments.share)]
    if arguments.only:
        wanted = [(job, share) for job, share in wanted if job.name == arguments.only]
    data_dir = None if arguments.data_dir is None else arguments.data_dir.expanduser().resolve()
    kept: dict[str, Any] = {
        "studies": {},
        "missing": [],
        "facts": _facts(),
        "command": _command(sys.argv[1:]),
    }

    def keep(found: measure.Found) -> None:
        kept["studies"][found.job.name] = dataclasses.asdict(found)
        if not arguments.tiny:
            measured.parent.mkdir(parents=True, exist_ok=True)
            measured.write_text(json.dumps(kept), encoding="utf-8")

    for job, share in wanted:
        if reason := jobs.without_data(job, data_dir):
            print(reason, file=sys.stderr)
            kept["missing"].append(reason)
            continue
        measure.study(job, data_dir, methods, arguments.repetitions, share, arguments.patience, keep)
    return _write(kept, arguments.out)


def _write(kept: dict[str, Any], out: Path | None) -> int:
    studies = [measure.Found.from_json(found) for found in kept["studies"].values()]
    target = out or measure.ROOT / "benchmarks" / "STUDY.md"
    target.write_text(page.render(studies, kept["missing"], kept["facts"], kept["command"]), encoding="utf-8")
    print(f"wrote {target}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m benchmarks.study", description=__doc__)
    parser.add_argument("--data-dir", type=Path, help="where the files of MNIST are (or RECTIFIERS_DATA)")
    parser.add_argument("--repetitions", type=int, default=2, help="of all methods in turn")
    parser.add_argument("--methods", default=",".join(measure.METHODS), help="those to run")
    parser.add_argument(
        "--share", type=int, default=5, help="(a) to (c) make one in so many of MNIST's trainings"
    )
    parser.add_argument(
        "--patience",
        type=float,
        default=0.0,
        help="seconds for which each measurement waits for a quiet machine and is repeated where it was not",
    )
    parser.add_argument("--only", choices=("digits", "mnist"), help="one of the studies")
    parser.add_argument("--tiny", action="store_true", help="does it run? The figures mean nothing")
    parser.add_argument("--render", action="store_true", help="write the page of the last measurement again")
    parser.add_argument("--out", type=Path, help="file to write (benchmarks/STUDY.md)")
    return parser


def _facts() -> dict[str, str]:
    from benchmarks.activations import machine

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "processor": f"{machine._cpu()}, {cores} cores available",
        "system": machine._system(),
        "versions": f"Python {platform.python_version()}, torch {_version('torch')}",
        "commit": machine._commit(),
        "measured": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "optuna": _version("optuna"),
        "ray": _version("ray"),
    }


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "(not installed)"


def _command(words: Sequence[str]) -> str:
    """Return the command line without directories of this machine."""
    kept, skip = [], False
    for word in words:
        if not (skip or word.startswith(("--out=", "--data-dir="))):
            kept.append(f"{word} DIR" if word == "--data-dir" else word)
        skip = word in ("--out", "--data-dir")
    return " ".join(["python -m benchmarks.study", *(word for word in kept if word != "--out")])


if __name__ == "__main__":
    sys.exit(main())
