"""The benchmarks of whole studies and of tuning run, and their arithmetic is right. No timing is asserted."""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import runpy
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from rectifiers.cli import main

_ROOT = Path(__file__).parents[2]


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Return a function that imports a module of the benchmark of studies."""
    if not (_ROOT / "benchmarks" / "study").is_dir():
        pytest.skip("the benchmarks are not part of this distribution")
    monkeypatch.syspath_prepend(str(_ROOT))
    return lambda name: importlib.import_module(f"benchmarks.study.{name}")


@pytest.fixture
def tuning(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Return the benchmark of tuning."""
    if not (_ROOT / "benchmarks" / "tuning.py").is_file():
        pytest.skip("the benchmarks are not part of this distribution")
    monkeypatch.syspath_prepend(str(_ROOT / "benchmarks"))
    return importlib.import_module("tuning")


def test_tiny_run_carries_out_the_loop_the_study_and_the_race(
    bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All in this process, where they load nothing anew."""
    measure, page = bench("measure"), tmp_path / "STUDY.md"

    def worker(command: list[str], **_: Any) -> Any:
        assert command[:3] == [sys.executable, "-m", "benchmarks.study.worker"]
        with monkeypatch.context() as patched:
            patched.setattr(sys, "argv", command[2:])
            runpy.run_module(command[2], run_name="__main__")
        return SimpleNamespace(wait=lambda: 0)

    def carried_out(command: list[str], **_: str) -> Any:
        printed = io.StringIO()
        begin = time.time()
        with contextlib.redirect_stdout(printed):
            if command[2] == "rectifiers":
                assert main([*command[3:], "--no-report"]) == 0
            else:
                worker(command)
        return measure._Done(printed.getvalue(), begin, time.time(), 0.0)

    monkeypatch.setattr(measure, "_run", carried_out)
    monkeypatch.setattr(measure, "subprocess", SimpleNamespace(Popen=worker))
    words = ["--tiny", "--methods", "a,d,e", "--repetitions", "1", "--out", str(page)]
    monkeypatch.setattr(sys, "argv", ["benchmarks.study", *words])
    assert bench("__main__").main() == 0
    text = page.read_text(encoding="utf-8")
    cells = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    trainings = {row[0]: row[1] for row in cells if row[0].startswith("(") and row[0] in _titles(bench)}
    # 2 arms: the loop tries 2 rates on a seed and tests on 3; --seeds 3 adds 3 trainings for the margin and
    # the steps beyond the grid
    assert trainings["(a) loop by hand"] == "10"
    assert int(trainings["(d) rectifiers, --seeds 10"]) >= 13
    assert set(trainings) == {"(a) loop by hand", "(d) rectifiers, --seeds 10", "(e) rectifiers, race"}
    assert {"(d) against (a)", "(e) against (a)"} <= {row[0] for row in cells}
    assert [row[0] for row in cells if row[-1] in ("yes", "**no**")] == ["relu", "tanh"]
    assert "the figures mean nothing" in text


def test_a_command_is_timed_in_a_process_of_its_own(bench: Any) -> None:
    run = bench("measure")._run
    done = run([sys.executable, "-c", "import os; print(os.environ['VARIABLE'])"], VARIABLE="given")
    assert done.printed == "given\n"
    assert done.begin < done.end
    with pytest.raises(SystemExit, match="ended with 3"):
        run([sys.executable, "-c", "raise SystemExit(3)"])


def _titles(bench: Any) -> set[str]:
    return {f"({letter}) {name}" for letter, name in bench("measure").METHODS.items()}


def test_a_part_of_the_trials_has_every_arm_in_both_phases(bench: Any) -> None:
    jobs = bench("jobs")
    job = jobs.from_json({**vars(jobs.MNIST), "rates": [0.1, 0.2, 0.5, 1, 2, 5, 10]})
    assert job.trainings == 5 * 7 * 3 + 5 * 10
    part = jobs.part(job, 5)
    assert len(part) == job.trainings // 5
    assert {(phase, arm) for phase, arm, _, _ in part} == {(p, a) for p in ("tune", "test") for a in job.arms}
    assert {rate for phase, _, rate, _ in part if phase == "tune"} == set(job.rates)
    assert {rate for phase, _, rate, _ in part if phase == "test"} == {1}


def test_ratios_are_those_of_the_medians_and_are_held_against_the_target(bench: Any) -> None:
    measure, page, jobs = bench("measure"), bench("page"), bench("jobs")
    timing = measure.Timing
    timings = {
        "a": timing([10.0, 20.0], [1.0, 1.0], [100.0, 200.0], [0.0, 0.04], 2),
        "d": timing([40.0, 60.0], [4.0, 4.0], [40.0, 60.0], [0.0, 0.0], 99),
        "e": timing([20.0, 30.0], [4.0, 4.0], [20.0, 30.0], [0.0, 0.0], 50),
    }
    found = measure.Found(jobs.TINY, 5, 0.1, timings, {}, {}, {})
    copy = measure.Found.from_json(json.loads(json.dumps(vars(found), default=vars)))
    facts = {"optuna": "1", "ray": "2", "commit": "abc"}
    text = page.render([copy], ["MNIST: left out"], facts, "python -m benchmarks.study")
    assert "| (d) against (a) | 3.0 | 2.5 to 3.3 | 3 | reached |" in text
    assert "| (e) against (a) | 6.0 | 5.0 to 6.7 | 6 | reached |" in text
    assert "against (b)" not in text
    assert "| (a) loop by hand | 10 | 10.0, 20.0 for 2 | 1.0 | 4 % | 150.0 (scaled) |" in text
    assert "every 5th of these trainings" in text
    assert "MNIST: left out." in text
    timings["e"].whole = [20.0, 40.0]
    text = page.render([found], [], facts, "")
    assert "| (e) against (a) | 5.0 | 5.0 to 5.0 | 6 | **not reached** |" in text


def test_what_others_use_is_told_from_what_is_timed(bench: Any) -> None:
    quiet = bench("quiet")
    if not Path("/proc/stat").is_file():
        pytest.skip("no /proc")
    script = "import time; end = time.process_time() + 0.5\nwhile time.process_time() < end: pass"
    with quiet.Watch() as watch, quiet.Watch() as beside:
        beside._ours = {}  # as if nothing were started here
        beside._waited = float("inf")
        subprocess.run([sys.executable, "-c", script], check=True)
    assert 0.0 <= watch.others <= 1.1
    assert beside.others > 0.1


def test_missing_files_are_said_in_a_line(
    bench: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    jobs = bench("jobs")
    monkeypatch.delenv("RECTIFIERS_DATA", raising=False)
    assert "--data-dir DIR or RECTIFIERS_DATA" in jobs.without_data(jobs.MNIST, None)
    reason = jobs.without_data(jobs.MNIST, tmp_path)
    assert reason.startswith("MNIST")
    assert "\n" not in reason
    assert jobs.without_data(jobs.DIGITS, None) == ""


_RATES = [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0]


def _collected(tuning: Any, level: dict[float, float | None], test: dict[float, float | None]) -> Any:
    tune = {("relu", rate, seed): level[rate] for rate in _RATES for seed in range(6)}
    tested = {("relu", rate, seed): test[rate] for rate in _RATES for seed in range(4)}
    return tuning.Collected(_RATES, 1000, 200, tune, tested)


def test_both_rules_find_a_clear_peak_and_the_search_takes_half_the_trials(tuning: Any) -> None:
    level: dict[float, float | None] = {r: 90.0 - 2.0 * abs(i - 4) for i, r in enumerate(_RATES)}
    found = _collected(tuning, level, level)
    whole, ours = tuning.replay(found, None), tuning.replay(found, 3)
    assert whole.costs == ours.costs == [0.0, 0.0]
    assert whole.trials == 21
    assert ours.trials <= 10
    assert ours.outside == 0
    level_of_control, margin = tuning.margin(found)
    assert level_of_control == 90.0
    assert margin == pytest.approx(0.95, abs=0.01)


def test_the_cost_is_that_of_the_chosen_rate_and_diverged_runs_are_counted_apart(tuning: Any) -> None:
    level: dict[float, float | None] = {r: 90.0 - 2.0 * abs(i - 4) for i, r in enumerate(_RATES)}
    test = dict(level)
    test[0.05] = 91.5  # better than what tuning says is best
    found = _collected(tuning, level, test)
    found.test["relu", 0.1, 0] = None
    costs = tuning.replay(found, None)
    assert costs.costs == [1.5, 1.5]
    assert costs.diverged == 0.25
    cells = tuning.rows(found)[0]
    assert cells[:5] == ["whole grid, 3 seeds", "21.0", "0", "25.0", "1.500"]


def test_a_rate_outside_what_was_trained_is_counted(tuning: Any) -> None:
    level: dict[float, float | None] = {r: 50.0 - i for i, r in enumerate(_RATES)}  # the slower the better
    found = _collected(tuning, level, level)
    assert tuning.full_grid(found, "relu", [0, 1, 2]) == 0.01
    searched = tuning.halving(found, "relu", [0, 1, 2])
    assert searched.outside > 0
    assert searched.rate in found.rates


def test_a_neighbour_that_diverged_pulls_as_far_as_it_may(tuning: Any) -> None:
    level: dict[float, float | None] = dict.fromkeys(_RATES, None)
    level |= {0.005: 60.0, 0.01: 65.0, 0.02: 70.0, 0.05: 75.0, 0.1: 80.0}  # 0.2 and all above diverge
    found = _collected(tuning, level, level)
    assert tuning.halving(found, "relu", [0, 1, 2]).rate == 0.1
    assert tuning.halving(found, "relu", [0, 1, 2], reach=100.0).rate == 0.05
    (row,) = [line for line in tuning.reaches(found).splitlines() if line.startswith("| in margins")]
    first, *_, last = row.strip("| ").split(" | ")[1:]
    assert first == "+0.00"
    assert float(last) == pytest.approx(5.0 / tuning.margin(found)[1], abs=0.01)
