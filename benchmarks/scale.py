"""One store of 100,000 trials, and how many trials a second each runner carries out.

``make bench-scale`` writes `SCALE.md` beside this file. Rows of the store are made up and written in bulk:
what is measured is what `compare` and `report` do with a store that has them.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import importlib.util
import math
import os
import platform
import random
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from rectifiers.activations import registry
from rectifiers.comparison import ComparisonResult
from rectifiers.records.store import Store
from rectifiers.records.values import ArmSpec, Curve, Margin, Plan, Run
from rectifiers.report import files
from rectifiers.report.html import render
from rectifiers.study import conduct

EPOCHS = 20
RAY = importlib.util.find_spec("ray") is not None


def plan_of(arms: int, seeds: int) -> Plan:
    grid = tuple(i / 20 - 4 for i in range(161))
    names = sorted(registry)
    specs = []
    for i in range(arms):
        name = names[i % len(names)]
        label = name if i < len(names) else f"{name}_{i}"
        values = tuple(max(x, x * i / arms) for x in grid)
        specs.append(ArmSpec(label, label, name, math.sqrt(2), 64, Curve(grid, values, values)))
    return Plan(
        task="made up", data_source="made up", data_hash="d" * 64, metric="accuracy", unit="%",
        resolution=0.1, train_size=1200, validation_size=200, test_size=600, outputs=10,
        input_shape=(1, 8, 8), arms=tuple(specs), control=specs[0].label, norms=("none",),
        seeds=seeds, racing=False, tuning_seeds=1,
        learning_rates=(0.1,), epochs=EPOCHS, batch_size=32, optimizer="sgd", momentum=0.9, weight_decay=0.0,
        schedule="cosine", model="mlp", width=64, depth=2, match="parameters", initialization="gain",
        margin=0.2, confidence=0.95, device="cpu",
    )  # fmt: skip


def runs_of(plan: Plan) -> Iterator[Run]:
    draw = random.Random(0)
    for seed in range(plan.seeds):
        level = draw.gauss(90, 1)
        for number, arm in enumerate(plan.arms):
            losses = tuple(2.0 * 0.8**epoch + draw.random() / 100 for epoch in range(EPOCHS))
            yield Run(
                plan.trial("test", arm.label, "none", 0.1, seed), "finished",
                metric=level + number / len(plan.arms) + draw.gauss(0, 0.3), steps=760, epochs=EPOCHS,
                seconds=0.1, peak_memory=447144, parameters=8970, train_loss=losses,
                train_error=tuple(10 * loss for loss in losses), init_hash="a" * 64, order_hash="b" * 64,
                noise_hash="c" * 64, started="2026-01-02T03:04:05+00:00",
            )  # fmt: skip


def fill(store: Store, plan: Plan, skip: int) -> list[Run]:
    """Write all runs but some in one transaction; return those left out."""
    store.write_plan(plan, {"torch": "none"}, "made up")
    store.add_margin(Margin(0.2, "as given"))
    runs = [*runs_of(plan)]
    write, many = store.add, runs[: len(runs) - skip]
    kept = store._connection
    kept.execute("BEGIN")
    store._writing = lambda: _Open(kept)
    for run in many:
        write(run)
    kept.execute("COMMIT")
    del store._writing
    return runs[len(many) :]


class _Open:
    """A transaction that goes on."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __enter__(self) -> sqlite3.Connection:
        return self._connection

    def __exit__(self, *exception: object) -> None:
        pass


class Begun(Exception):
    """A trial was handed out."""


class First:
    """A runner that takes one trial, and does not carry it out."""

    def run(self, work: Any, trials: Iterator[Any], wanted: Any = None) -> Iterator[Any]:
        raise Begun(next(trials))
        yield


def go_on(store: Store) -> None:
    """Do what `compare` does with a store until there is a trial to carry out."""
    work = SimpleNamespace(plan=store.plan(), environment={"torch": "none"}, warnings=())
    with contextlib.suppress(Begun):
        conduct.run(work, store, runner=First())
        raise AssertionError("there was nothing to do")


def measure(arms: int, seeds: int, place: Path) -> list[tuple[str, str]]:
    plan = plan_of(arms, seeds)
    file = place / "study.db"
    with Store.create(file) as store:
        left = fill(store, plan, 200)
    found = [("trials", f"{arms * seeds:,} ({arms} arms, {seeds:,} seeds, {EPOCHS} epochs)")]

    clock = time.perf_counter()
    with Store.open(file) as store:
        go_on(store)
        found.append(("from opening it to the first trial (s)", f"{time.perf_counter() - clock:.1f}"))
        clock = time.perf_counter()
        for run in left:
            store.add(run)
        found.append(("add one (ms)", f"{1000 * (time.perf_counter() - clock) / len(left):.2f}"))
    found.append(("study.db (MB)", f"{file.stat().st_size / 1e6:.0f}"))
    found.append(("bytes a trial", f"{file.stat().st_size / (arms * seeds):.0f}"))

    clock = time.perf_counter()
    result = ComparisonResult.load(place)
    files.write(result.study, place)
    found.append(("report, from reading to the file (s)", f"{time.perf_counter() - clock:.1f}"))
    found.append(("report.html (MB)", f"{(place / 'report.html').stat().st_size / 1e6:.1f}"))
    assert render(result.study)
    assert dataclasses.is_dataclass(result.summary)
    return found


def timed(name: str, count: int, **planned: Any) -> tuple[float, float]:
    """Return how long a runner takes for so many trials (s), and by how much this process grows (MiB)."""
    from rectifiers import study
    from rectifiers.study import InProcess, Processes

    made = {"this process": InProcess, "two processes": lambda: Processes(2), "Ray, two CPUs": _ray}[name]()
    work = study.make_plan(arms="relu,tanh", seeds=count // 2, learning_rate=0.1, **planned)
    trials = [
        work.plan.trial("test", arm.label, "none", 0.1, seed)
        for seed in range(count // 2)
        for arm in work.plan.arms
    ]
    with made if hasattr(made, "__enter__") else contextlib.nullcontext():
        list(made.run(work, trials[:4]))  # processes start
        clock, memory, done = time.perf_counter(), 0, 0
        for item in made.run(work, trials):
            done += isinstance(item, Run)
            if done == count // 5 and not memory:
                memory = _memory()
        return time.perf_counter() - clock, (_memory() - memory) / 2**20


def trivial(name: str, count: int) -> tuple[str, str, str]:
    """Return how many trials a second a runner carries out that take a few milliseconds each."""
    seconds, growth = timed(name, count, task="xor", epochs=2, width=4)
    return name, f"{count:,} in {seconds:.1f} s: {count / seconds:.0f} a second", f"{growth:+.0f} MiB"


def efficiency(count: int) -> list[tuple[str, str, str]]:
    """Return what of two processes' pace is left of trials that take about a second."""
    runners = ["two processes", *(["Ray, two CPUs"] if RAY else [])]
    seconds = {name: timed(name, count, task="digits", epochs=100)[0] for name in runners}
    each = seconds["two processes"] * 2 / count
    return [
        (name, f"{count} of {each:.1f} s in {taken:.1f} s", f"{100 * seconds['two processes'] / taken:.0f} %")
        for name, taken in seconds.items()
    ]


def _ray() -> Any:
    from rectifiers.runners import Ray

    return Ray(jobs=2)


def _ray_tune(count: int) -> tuple[str, str, str]:
    import ray
    from ray import tune

    ray.init("local", num_cpus=2, include_dashboard=False, logging_level="ERROR", log_to_driver=False)
    clock = time.perf_counter()
    space = {"i": tune.grid_search([*range(count)])}
    tune.Tuner(lambda config: {"metric": config["i"]}, param_space=space).fit()
    seconds = time.perf_counter() - clock
    ray.shutdown()
    return "Ray Tune", f"{count:,} in {seconds:.1f} s: {count / seconds:.1f} a second", ""


def _memory() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def store(trials: int) -> list[str]:
    columns = []
    for arms in (10, 100):
        with tempfile.TemporaryDirectory() as place:
            columns.append(measure(arms, trials // arms, Path(place)))
    rows = [(name, first, second) for (name, first), (_, second) in zip(*columns, strict=True)]
    return ["One store", "", "| | | |", "|---|---|---|", *map(_row, rows)]


def short(_: int) -> list[str]:
    rows = [trivial("this process", 2000), trivial("two processes", 10_000)]
    rows += [trivial("Ray, two CPUs", 2000), _ray_tune(50)] if RAY else []
    return [
        "Trivial trials",
        "",
        "xor, two epochs, batches of 4; memory is that of the driver, grown over the last four",
        "fifths. The trials of Ray Tune return at once.",
        "",
        "| runner | trials | memory |",
        "|---|---|---|",
        *map(_row, rows),
    ]


def longer(_: int) -> list[str]:
    return [
        "Trials that take longer",
        "",
        "Of digits, 100 epochs; their pace against that of one process per core.",
        "",
        "| runner | trials | efficiency |",
        "|---|---|---|",
        *map(_row, efficiency(40)),
    ]


def _row(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


PARTS = {"store": store, "trivial": short, "longer": longer}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=100_000)
    parser.add_argument("--only", choices=PARTS)
    asked = parser.parse_args()
    page = Path(__file__).with_name("SCALE.md")
    parts = dict.fromkeys(PARTS, "")
    if page.exists():
        parts |= zip(PARTS, page.read_text().split("\n## ")[1:], strict=False)
    for name in [asked.only] if asked.only else PARTS:
        parts[name] = "\n".join(PARTS[name](asked.trials))
    lines = ["# What one store and one driver carry", "", "Written by `make bench-scale`.", ""]
    lines += [
        f"- system: {platform.platform()}, Python {platform.python_version()}, {os.cpu_count()} cores",
        "",
    ]
    page.write_text("\n".join(lines) + "".join(f"\n## {part.strip()}\n" for part in parts.values()))
    print(page.read_text())


if __name__ == "__main__":
    main()
