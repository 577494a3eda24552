"""`rectifiers compare`, end to end on xor: the result, JSON, and going on."""

from __future__ import annotations

import io
import json
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rectifiers.cli import main
from rectifiers.comparison import ComparisonResult

Say = Callable[..., Any]


def test_it_ends_with_verdict_ranking_and_paths(quick: Say, place: Path) -> None:
    said = quick("xor", "--arms", "relu,leaky_relu(1/5.5)", report=True)
    assert said.code == 0
    lines = said.out.splitlines()
    assert lines[0].startswith(("Keep relu", "Use leaky_relu(1/5.5)", "Not decided by 2 seeds"))
    assert sum("leaky_relu(1/5.5)" in text for text in lines if text.startswith("● ")) == 1
    assert lines[-2].split() == ["report", "study/report.html"]
    assert lines[-1].split() == ["store", "study/study.db"]
    assert (place / "study" / "report.html").stat().st_size > 10_000
    assert said.err.startswith("xor: 2 arms against relu, 2 seeds, 1 process: about 1 s\n")


def test_json_is_one_object_on_standard_output_and_all_else_elsewhere(quick: Say) -> None:
    said = quick("xor", "--arms", "relu,elu", "--model", "mine.py:build", "--json", report=True)
    assert said.code == 0
    found = json.loads(said.out)
    assert set(found) == {
        "schema", "recommendation", "task", "metric", "unit", "control", "margin", "best", "trials", "arms",
        "comparisons", "watched", "warnings", "report", "store",
    }  # fmt: skip
    assert (found["schema"], found["task"], found["control"]) == (2, "xor", "relu")
    assert [row["arm"] for row in found["arms"]] == ["relu", "elu"]
    assert list(found["arms"][0]) == [
        "arm", "norm", "n", "mean", "sd", "diverged", "crashed", "learning_rate", "parameters",
        "seconds_per_trial", "steps_to_target", "first_failure", "balanced",
    ]  # fmt: skip
    assert {"arm", "norm", "control", "difference", "low", "high", "verdict", "decided_at", "e_value"} <= set(
        found["comparisons"][0]
    )
    assert (found["report"], found["store"]) == ("study/report.html", "study/study.db")
    assert "build says hello" in said.err


def test_a_finished_study_is_not_trained_again(quick: Say, place: Path) -> None:
    first = quick("xor", "--arms", "relu,elu")
    runs = ComparisonResult.load("study").study.runs
    again = quick("xor", "--arms", "relu,elu")
    assert again.code == 0
    assert "going on: 7 trials are there" in again.err
    assert again.out == first.out
    assert ComparisonResult.load("study").study.runs == runs


def test_quiet_says_nothing_on_the_way(quick: Say, place: Path) -> None:
    said = quick("xor", "--arms", "relu,elu", "--quiet")
    assert said.err == ""
    assert "report" not in said.out.splitlines()[-1]
    assert not (place / "study" / "report.html").exists()


def test_the_default_directory_depends_on_what_a_trial_is(say: Say, place: Path) -> None:
    arguments = ["compare", "xor", "--arms", "relu,elu", "--seeds", "1", "--epochs", "1", "--lr", "1"]
    for more in ([], [], ["--margin", "3"], ["--arms", "relu,tanh"], ["--target", "3"]):
        assert say(*arguments, "--no-report", *more).code == 0
    studies = sorted(path.name for path in (place / "runs").iterdir())
    assert len(studies) == 2
    assert all(name.startswith("xor-") and len(name) == len("xor-") + 8 for name in studies)


def test_arms_of_ones_own_come_beside_the_named_ones(quick: Say) -> None:
    said = quick("xor", "--arms", "relu", "--arm", "mine.py:Mine", "--arm", "torch:nn.Hardswish", "--json")
    found = json.loads(said.out)
    assert [row["arm"] for row in found["arms"]] == ["relu", "mine.py:Mine", "torch:nn.Hardswish"]


def test_data_of_ones_own(quick: Say) -> None:
    said = quick("--data", "mine.py:load", "--arms", "relu,elu", "--norm", "none,batch", "--json")
    found = json.loads(said.out)
    assert len(found["arms"]) == 4
    assert all(row["n"] == 2 for row in found["arms"])


def test_the_recorded_command_makes_the_same_study(quick: Say, say: Say, place: Path) -> None:
    quick("xor", "--arms", "relu,leaky_relu(1/5.5)", "--target", "10", "--weight-decay", "0.001")
    study = ComparisonResult.load("study").study
    program, *arguments = shlex.split(study.command)
    assert program == "rectifiers"
    said = say(*arguments, "--out", "study")
    assert said.code == 0
    assert "going on: 7 trials are there" in said.err


@pytest.mark.parametrize(("name", "value"), [("TERM", "dumb"), ("FORCE_COLOR", "1"), ("NO_COLOR", "1")])
def test_a_log_is_never_redrawn(name: str, value: str, quick: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    said = quick("xor", "--arms", "relu,elu")
    text = said.out + said.err
    assert "\x1b[2K" not in text
    assert "\x1b[?25l" not in text
    if name != "FORCE_COLOR":
        assert "\x1b" not in text


def test_a_stream_that_knows_only_ascii_gets_the_like_and_no_error(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    streams = [io.TextIOWrapper(io.BytesIO(), encoding="ascii") for _ in range(2)]
    monkeypatch.setattr(sys, "stdout", streams[0])
    monkeypatch.setattr(sys, "stderr", streams[1])
    words = "compare xor --arms relu,elu --seeds 2 --epochs 1 --lr 1 --no-report --jobs 1"
    assert main(words.split()) == 0
    out, err = (stream.detach().getvalue().decode("ascii") for stream in streams)
    assert "relu" in out
    assert "store" in out
    assert "xor: 2 arms" in err
    assert "−0.5 ± 0.1 é".encode("ascii", "rectifiers") == b"-0.5 +- 0.1 ?"


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")
@pytest.mark.usefixtures("usual_signals")
def test_ctrl_c_keeps_what_is_finished_and_the_same_command_goes_on(say: Say, place: Path) -> None:
    command = [
        sys.executable, "-m", "rectifiers", "compare", "xor", "--arms", "relu,elu", "--lr", "0.3,1",
        "--tuning-seeds", "1", "--epochs", "8", "--seeds", "24", "--out", "study", "--no-report",
    ]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    for text in process.stderr:
        if "learning rate" in text:
            break
    process.send_signal(signal.SIGINT)
    out, err = process.communicate()
    assert process.returncode == 130
    assert out == ""
    last = err.splitlines()[-1]
    kept = len(ComparisonResult.load("study").study.runs)
    assert 0 < kept < 52
    assert re.fullmatch(
        f"stopped: {kept} of at most [0-9]+ trials are kept in study; the same command goes on", last
    )

    again = say(*command[3:])
    assert again.code == 0
    assert f"going on: {kept} trials" in again.err
    assert len(ComparisonResult.load("study").study.of("test")) == 48


def test_ctrl_c_before_anything_is_trained(say: Say, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(**planned: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("rectifiers.study.make_plan", interrupted)
    assert say("compare", "xor") == (130, "", "stopped\n")
    assert not (place / "runs").exists()


def test_a_dry_run_says_how_long_and_trains_nothing(say: Say, place: Path) -> None:
    said = say("compare", "digits", "--arms", "tanh,relu", "--max-seeds", "30", "--jobs", "3", "--dry-run")
    assert said.code == 0
    assert said.err == ""
    assert re.fullmatch(
        "digits: 2 arms against tanh, up to 30 seeds, 3 processes: about [0-9]+ s, at most [0-9]+ (s|min)\n",
        said.out,
    )
    assert not (place / "runs").exists()


@pytest.mark.parametrize(
    "options, words",
    [
        (["--jobs", "0"], "`jobs >= 1` must hold, but got jobs=0"),
        (["--budget", "soon"], "budget is a duration such as 90s, 10min or 2h, but got 'soon'"),
        (["--trial-timeout", "-3"], "`0 < trial timeout` must hold"),
        (["--seeds", "3", "--max-seeds", "9"], "give one, but got seeds=3 and max_seeds=9"),
        (["--vary", "data"], "unknown vary 'data'"),
    ],
)
def test_how_it_is_run_is_checked_first(say: Say, place: Path, options: list[str], words: str) -> None:
    said = say("compare", "xor", *options)
    assert said.code == 2
    assert words in said.err
    assert said.err.count("\n") == 1
    assert not (place / "runs").exists()


def test_a_study_grows_by_the_same_command_with_more(quick: Say) -> None:
    few = json.loads(quick("xor", "--arms", "relu,elu", "--json").out)
    more = json.loads(quick("xor", "--arms", "relu,elu,tanh", "--json").out)
    assert more["trials"]["deciding"] == few["trials"]["deciding"] + 2
    assert [row["mean"] for row in more["arms"][:2]] == [row["mean"] for row in few["arms"]]
