"""What choosing learning rates by successive halving costs against trying everything.

    python benchmarks/tuning.py --data-dir DIR     # writes benchmarks/TUNING.md

Trains every arm at every rate on many tuning and test seeds, once (20 to 30 minutes of two cores; kept in
build/tuning/), then replays both rules on groups of the tuning seeds.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rectifiers.comparison import DEFAULT_ARMS
from rectifiers.errors import DataError
from rectifiers.evidence import margin as margins
from rectifiers.records.values import PROTOCOL, Run, Trial
from rectifiers.study.search import search

_HERE = Path(__file__).parent
_CACHE = _HERE.parent / "build" / "tuning"
_GROUP = 3  # tuning seeds of a study
_JOBS = 2
_REACHES = (0.0, 0.5, 1.0, 2.0, 4.0, 100.0)

_Metrics = dict[tuple[str, float, int], float | None]  # by arm, rate, seed; None: diverged


@dataclass(frozen=True)
class Setting:
    """What is trained on a task."""

    task: str
    arms: str
    tuning_seeds: int
    test_seeds: int
    given: dict[str, Any] = field(default_factory=dict)  # what differs from the task's defaults
    note: str = "the defaults of the task"


SETTINGS = (
    Setting("digits", DEFAULT_ARMS, 12, 16),
    Setting("mnist1d", DEFAULT_ARMS, 12, 16),
    Setting(
        "mnist",
        "relu,leaky_relu(0.01),prelu,elu,tanh",
        6,
        4,
        {"epochs": 2},
        "reduced to 2 epochs instead of 5, five arms, fewer seeds",
    ),
)


@dataclass(frozen=True)
class Collected:
    """Every run on a task."""

    rates: list[float]  # the grid, and one step beyond it at each end
    test_size: int
    validation_size: int
    tune: _Metrics
    test: _Metrics

    @property
    def grid(self) -> list[float]:
        """The rates that a study tries first."""
        return self.rates[1:-1]

    @property
    def arms(self) -> list[str]:
        """The arms, the control first."""
        return list(dict.fromkeys(arm for arm, _, _ in self.tune))

    def tested(self, arm: str, rate: float) -> tuple[float, float]:
        """Return the mean accuracy of the test runs that finished (0 if none), and the others' share."""
        metrics = [metric for (a, r, _), metric in self.test.items() if (a, r) == (arm, rate)]
        finished = [metric for metric in metrics if metric is not None]
        return statistics.fmean(finished or [0.0]), 1 - len(finished) / len(metrics)

    def best(self, arm: str) -> float:
        """Return the arm's best rate on the test seeds, where a diverged run counts as an accuracy of 0."""

        def merit(rate: float) -> float:
            mean, diverged = self.tested(arm, rate)
            return mean * (1 - diverged)

        return max(self.rates, key=merit)


def collect(setting: Setting, data_dir: Path | None, cache: Path) -> Collected:
    """Return all runs on a task, from the cache if it has those of this setting."""
    mark = {
        "task": setting.task,
        "arms": setting.arms,
        "tuning_seeds": setting.tuning_seeds,
        "test_seeds": setting.test_seeds,
        "given": setting.given,
        "protocol": PROTOCOL,
    }
    file = cache / f"{setting.task}.json"
    kept = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    if kept.get("setting") != mark:
        kept = {"setting": mark, **_train(setting, data_dir)}
        cache.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(kept), encoding="utf-8")
    found: dict[str, _Metrics] = {"tune": {}, "test": {}}
    for phase, arm, rate, seed, metric in kept["runs"]:
        found[phase][arm, rate, seed] = metric
    sizes = kept["test_size"], kept["validation_size"]
    return Collected(kept["rates"], *sizes, found["tune"], found["test"])


def _train(setting: Setting, data_dir: Path | None) -> dict[str, Any]:
    from rectifiers import study

    prepared = study.make_plan(setting.task, arms=setting.arms, data_dir=data_dir, **setting.given)
    plan, grid = prepared.plan, prepared.plan.learning_rates
    ends = (grid[0] * grid[0] / grid[1], grid[-1] * grid[-1] / grid[-2])
    rates = [float(f"{rate:.3g}") for rate in (ends[0], *grid, ends[1])]
    trials: list[Trial] = []
    for phase, seeds in (("tune", setting.tuning_seeds), ("test", setting.test_seeds)):
        for seed in range(seeds):
            trials += [plan.trial(phase, arm.label, "none", r, seed) for arm in plan.arms for r in rates]  # type: ignore[arg-type]
    runs = []
    with study.Processes(_JOBS) as runner:
        for event in runner.run(prepared, trials):
            if isinstance(event, Run):
                trial = event.trial
                runs.append([trial.phase, trial.arm, trial.learning_rate, trial.seed, event.metric])
                if len(runs) % 100 == 0:
                    print(f"{setting.task}: {len(runs)} of {len(trials)} trainings", file=sys.stderr)
    sizes = {"test_size": plan.test_size, "validation_size": plan.validation_size}
    return {"rates": rates, **sizes, "runs": runs}


def full_grid(found: Collected, arm: str, seeds: Sequence[int]) -> float:
    """Return the rate with the best mean over all tuning seeds; diverged runs make a rate worse."""

    def merit(rate: float) -> tuple[int, float]:
        metrics = [found.tune[arm, rate, seed] for seed in seeds]
        finished = [metric for metric in metrics if metric is not None]
        return len(finished), statistics.fmean(finished or [0.0])

    best = max(map(merit, found.grid))
    equals = [rate for rate in found.grid if merit(rate) == best]
    return equals[(len(equals) - 1) // 2]


@dataclass
class Searched:
    """The rate a search chose, the trials it took, and those outside what was trained."""

    rate: float
    trials: int
    outside: int


def halving(found: Collected, arm: str, seeds: Sequence[int], reach: float = 1.0) -> Searched:
    """Replay the search of a study; a rate outside what was trained counts as diverged.

    A neighbour counts as at most `reach` standard errors worse; a study's is 1.
    """
    asked: set[tuple[float, int]] = set()

    def tried(rate: float, seed: int) -> Any:
        asked.add((rate, seed))
        return _Tried(found.tune.get((arm, rate, seeds[seed])))

    def noise(_: Any, metric: float) -> float:
        return reach * margins.of_accuracy(metric, found.validation_size)

    missing, choice = search(arm, found.grid, len(seeds), tried, noise)
    assert choice is not None, missing
    outside = [rate for rate, _ in asked if rate not in found.rates]
    return Searched(choice.rate, len(asked), len(outside))


@dataclass(frozen=True)
class _Tried:
    """The part of a run that the search reads."""

    metric: float | None


@dataclass(frozen=True)
class Costs:
    """What a rule cost in accuracy (points), per arm and group of tuning seeds.

    `chosen` has the rates each arm was given, `diverged` is the share of test runs there that did, `trials`
    the mean per arm.
    """

    costs: list[float]
    chosen: dict[str, Counter[float]]
    diverged: float
    trials: float
    outside: int = 0

    @property
    def mean(self) -> float:
        """Over arms and groups."""
        return statistics.fmean(self.costs)


def groups(found: Collected) -> Iterator[tuple[str, list[list[int]]]]:
    """Yield each arm with each group of tuning seeds, in every rotation: which seed comes first matters."""
    seeds = 1 + max(seed for _, _, seed in found.tune)
    for arm in found.arms:
        for first in range(0, seeds - _GROUP + 1, _GROUP):
            yield arm, [[first + (i + turn) % _GROUP for i in range(_GROUP)] for turn in range(_GROUP)]


def replay(found: Collected, tuning_seeds: int | None, reach: float = 1.0) -> Costs:
    """Return what the search costs with so many tuning seeds; with None, what the whole grid costs."""
    costs, diverged, trials, outside = [], [], [], 0
    chosen: dict[str, Counter[float]] = {arm: Counter() for arm in found.arms}
    for arm, rotations in groups(found):
        best, _ = found.tested(arm, found.best(arm))
        of_group = []
        for seeds in rotations:
            if tuning_seeds is None:
                rate = full_grid(found, arm, seeds)
                trials.append(len(found.grid) * len(seeds))
            else:
                searched = halving(found, arm, seeds[:tuning_seeds], reach)
                rate = searched.rate
                trials.append(searched.trials)
                outside += searched.outside
            # a rate outside is never chosen: it counts as diverged
            accuracy, share = found.tested(arm, rate)
            of_group.append(best - accuracy)
            chosen[arm][rate] += 1
            diverged.append(share)
        costs.append(statistics.fmean(of_group))
    return Costs(costs, chosen, statistics.fmean(diverged), statistics.fmean(trials), outside)


def margin(found: Collected) -> tuple[float, float]:
    """Return the control's accuracy at its best rate, and one standard error there."""
    control = found.arms[0]
    level, _ = found.tested(control, found.best(control))
    return level, margins.of_accuracy(level, found.test_size)


def rows(found: Collected) -> list[list[str]]:
    """Return the table of a task: the whole grid, then the search with 3, 2 and 1 tuning seeds."""
    _, unit = margin(found)
    whole = replay(found, None)
    table = [_row("whole grid, 3 seeds", whole, ["", "", ""])]
    for seeds in (3, 2, 1):
        ours = replay(found, seeds)
        gaps = [a - b for a, b in zip(ours.costs, whole.costs, strict=True)]
        gap, error = statistics.fmean(gaps), statistics.stdev(gaps) / math.sqrt(len(gaps))
        verdict = "reached" if gap <= 0.1 * unit else "**not reached**"
        more = [f"{gap:+.3f} ± {error:.3f}", f"{gap / unit:+.2f} ± {error / unit:.2f}"]
        more.append(verdict if seeds == _GROUP else f"({verdict.strip('*')})")
        table.append(_row(f"search, {seeds} seed{'s' if seeds > 1 else ''}", ours, more))
    return table


def reaches(found: Collected) -> str:
    """Return the table of what the search costs with other limits on what a neighbour counts."""
    _, unit = margin(found)
    whole = replay(found, None).mean
    costs = [replay(found, _GROUP, reach) for reach in _REACHES]
    rows = [
        ["in margins", *(f"{(cost.mean - whole) / unit:+.2f}" for cost in costs)],
        ["diverged (%)", *(f"{100 * cost.diverged:.1f}" for cost in costs)],
    ]
    head = ["standard errors", *(f"{reach:g}" for reach in _REACHES)]
    return (
        f"More than the whole grid costs, {_GROUP} seeds, where a neighbour counts as at most so many "
        f"standard errors worse:\n\n{_table(head, rows)}"
    )


def _row(name: str, costs: Costs, more: Sequence[str]) -> list[str]:
    figures = [f"{costs.trials:.1f}", str(costs.outside), f"{100 * costs.diverged:.1f}", f"{costs.mean:.3f}"]
    return [name, *figures, *more]


_HEAD = (
    "rule",
    "trials per arm",
    "outside",
    "diverged (%)",
    "mean cost (points)",
    "more than the whole grid (points)",
    "in margins",
    "at most .1 of a margin",
)

_ACCURACIES = (
    "Mean test accuracy (%) at each rate, in parentheses the share of runs that diverged, and how often each "
    "rule (the search with 3 seeds) chose which rate:\n"
)

_PAGE = """# What choosing learning rates costs

Written by `{command}`.

`rectifiers compare` chooses each arm's rate by successive halving (`src/rectifiers/study/search.py`) for at
most half of the trials of the whole grid. Does it choose worse rates than trying every rate on every tuning
seed?

Every arm was trained at every rate of the grid and one step beyond either end, on many tuning seeds (a
sixth of the training set held out) and on many test seeds. Then both rules were replayed on disjoint groups
of three tuning seeds, each group in all three rotations, because the search tries the whole grid on the first
seed only. With 2 or 1 tuning seeds it gets the first ones of a group.

The *cost* of a choice is the mean test accuracy at the arm's best rate less that at the chosen rate, over the
test runs that finished. (The best of noisy means is a little too good, for both rules alike; differences are
free of that.) *Diverged*: the share of test runs at the chosen rates that did. The *margin* is one standard
error of the test accuracy at the control's best rate, as a study fixes it. ± is one standard error over arms
and groups. *Outside*: how often the search asked for a rate that was not trained, more than one step beyond
the grid; it counted as diverged.

To reach: with the default of 3 tuning seeds at most .1 of a margin more than the whole grid. Fewer tuning
seeds (a study of fewer than 9 seeds uses them) are held against the whole grid on all three.

The search judges a rate by its own run and those at the rates beside it, each of which counts as at most one
standard error of the validation accuracy worse. That one was chosen with these runs in view; a table per task
says what other choices would have cost.
"""


def _table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    marked = [head, ["---"] * len(head), *lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in marked) + "\n"


def section(setting: Setting, found: Collected) -> str:
    """Return what the page says of a task."""
    level, unit = margin(found)
    arms = found.arms
    every = [[_cell(*found.tested(arm, rate)) for rate in found.rates] for arm in arms]
    failed = sum(metric is None for metric in found.tune.values())
    trainings = len(found.tune) + len(found.test)
    text = (
        f"## {setting.task}\n\n{_capital(setting.note)}. {len(arms)} arms, {setting.tuning_seeds} tuning "
        f"seeds, {setting.test_seeds} test seeds; {trainings:,} trainings, {failed} of the "
        f"{len(found.tune):,} on tuning seeds diverged. Margin {unit:.3f} points ({arms[0]} at {level:.2f} % "
        f"on {found.test_size:,} samples).\n"
    )
    whole, ours = replay(found, None), replay(found, _GROUP)
    means = _table(
        ["arm", *(f"{rate:g}" for rate in found.rates), "whole grid chose", "search chose"],
        [
            [arm, *line, _chosen(whole.chosen[arm]), _chosen(ours.chosen[arm])]
            for arm, line in zip(arms, every, strict=True)
        ],
    )
    missed = [
        f"The {rule} chose a rate lower than the one that tested best in {_share(found, costs, -1)} of all "
        f"cases, a higher one in {_share(found, costs, 1)}."
        for rule, costs in (("whole grid", whole), ("search", ours))
    ]
    return "\n".join(
        [
            text,
            _table(_HEAD, rows(found)),
            " ".join(missed) + "\n",
            reaches(found),
            _ACCURACIES,
            means,
        ]
    )


def _chosen(rates: Counter[float]) -> str:
    return ", ".join(f"{rate:g} ({rates[rate]} x)" for rate in sorted(rates))


def _share(found: Collected, costs: Costs, side: int) -> str:
    """Return how often a rule chose a lower (-1) or higher (1) rate than the best, in %."""
    all_of_them = [(arm, rate) for arm, rates in costs.chosen.items() for rate in rates.elements()]
    off = sum(side * (rate - found.best(arm)) > 0 for arm, rate in all_of_them)
    return f"{100 * off / len(all_of_them):.0f} %"


def _cell(accuracy: float, diverged: float) -> str:
    if diverged == 1.0:
        return "–"
    return f"{accuracy:.2f}" + (f" ({100 * diverged:.0f} %)" if diverged else "")


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _files(setting: Setting, data_dir: Path | None) -> str:
    """Return in one line why a task cannot be collected for want of its files; empty where it can."""
    if setting.task != "mnist" or (_CACHE / "mnist.json").is_file():
        return ""
    place = data_dir or os.environ.get("RECTIFIERS_DATA")
    if not place:
        return "mnist: left out, no files: --data-dir DIR or RECTIFIERS_DATA names their directory"
    from rectifiers import tasks

    try:
        tasks.get("mnist").load(place)
    except DataError as error:
        return f"mnist: left out: {error}"
    return ""


def main(words: Sequence[str] | None = None) -> None:
    """Collect, replay, write the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data-dir", type=Path, help="where the files of MNIST are (or RECTIFIERS_DATA)")
    parser.add_argument("--out", type=Path, default=_HERE / "TUNING.md")
    arguments = parser.parse_args(words)
    parts = [_PAGE.format(command="python benchmarks/tuning.py --data-dir DIR")]
    for setting in SETTINGS:
        if reason := _files(setting, arguments.data_dir):
            print(reason, file=sys.stderr)
            parts.append(f"{_capital(reason)}.\n")
        else:
            parts.append(section(setting, collect(setting, arguments.data_dir, _CACHE)))
    arguments.out.write_text("\n".join(parts), encoding="utf-8")
    print(f"wrote {arguments.out}")


if __name__ == "__main__":
    main()
