"""Scripts as they are: their words, their output, and every way in which they fail."""

from __future__ import annotations

import math
import multiprocessing
import os
import sys
import time
from types import SimpleNamespace
from typing import Any

import pytest

import rectifiers
from rectifiers.cli import main
from rectifiers.comparison import ComparisonResult
from rectifiers.errors import ArgumentError, ArgumentTypeError, RectifiersError, UserCodeError
from rectifiers.records.values import Run, Trial
from rectifiers.study import Threads
from rectifiers.study.trainings.command import _run

SCRIPT = """
import json, os, random, sys, time
arm, seed, out = sys.argv[1], int(sys.argv[2]), sys.argv[3]
rate = float(sys.argv[4]) if len(sys.argv) > 4 else 0.1
accuracy = 60 + 5 * (arm == "Tanh") + random.Random(seed).random() - abs(rate - 0.1)
print("epoch 1: test acc: 10.0")
print("epoch 2: test acc:", accuracy)
print(json.dumps({"accuracy": accuracy, "note": "x"}))
json.dump({"accuracy": accuracy}, open(os.path.join(out, "result.json"), "w"))
if arm == "fails":
    print("no such layer")
    sys.exit(3)
if arm == "dies":
    os.kill(os.getpid(), 9)
if arm == "hangs":
    time.sleep(600)
"""
LINE = f"{sys.executable} train.py {{arm}} {{seed}} {{out}}"
PATTERN = "test acc: ([0-9.]+)"


@pytest.fixture
def compare(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.py").write_text(SCRIPT)

    def run(line: str = LINE, metric: str | None = PATTERN, metric_file: str | None = None, **more):
        command = rectifiers.Command(line, metric, metric_file)
        words: dict[str, Any] = {"arms": "ReLU,Tanh", "seeds": 2, "margin": 1.0, "report": False}
        execution = rectifiers.Execution(jobs=2, **more.pop("running", {}))
        return rectifiers.compare(train=command, execution=execution, **{**words, "out": "out", **more})

    return run


def test_a_script_is_raced_to_a_recommendation_and_goes_on(compare) -> None:
    result = compare(seeds=None, max_seeds=8)
    assert result.recommendation.arm == "Tanh"
    assert result.recommendation.status == "decided"
    plan = result.study.plan
    assert (plan.kind, plan.task, plan.metric, plan.model) == ("command", "train.py", "test acc", LINE)
    assert [arm.name for arm in plan.arms] == ["relu", "tanh"]
    again = compare(seeds=None, max_seeds=9)
    assert again.study.runs[: len(result.study.runs)] == result.study.runs
    (log, *_) = (result.store.parent / "trials").glob("*.txt")
    assert "epoch 2: test acc" in log.read_text()


@pytest.mark.parametrize(
    ("metric", "file", "name"),
    [
        (PATTERN, None, "test acc"),
        ("accuracy", None, "accuracy"),
        (None, "{out}/result.json:accuracy", "accuracy"),
    ],
)
def test_the_metric_is_the_last_match_a_key_or_in_a_file(compare, metric, file, name) -> None:
    study = compare(metric=metric, metric_file=file, seeds=1).study
    assert study.plan.metric == name
    assert {run.trial.arm: round(run.metric) for run in study.of("test")} == {"ReLU": 61, "Tanh": 66}


def test_no_label_is_read_by_a_shell(compare) -> None:
    odd = "$(touch pwned); `touch pwned` 'x\" && echo {seed}"
    result = compare(arms=["ReLU", odd], seeds=1)
    (run,) = result.study.of("test", odd)
    assert run.outcome == "finished"
    assert not os.path.exists("pwned")


def test_a_command_ends_with_whoever_runs_it_however_that_ends(forked) -> None:
    reading, writing = os.pipe()
    command = ["sh", "-c", "sleep 60 & echo begun; wait"]
    under_way = multiprocessing.get_context("fork").Event()

    def wanted() -> bool:
        under_way.set()
        return True

    with forked(_run, command, writing, wanted) as driver, open(reading) as printed:
        os.close(writing)
        assert printed.readline() == "begun\n"
        assert under_way.wait(60)
        driver.kill()
        clock = time.monotonic()
        assert printed.read() == ""  # until nobody holds it any more
    assert time.monotonic() - clock < 50


def test_a_trial_that_nobody_waits_for_has_not_crashed_however_long_it_takes_to_end() -> None:
    end = time.monotonic() + 0.1

    def train(trial, wanted):
        assert not wanted(trial)
        while time.monotonic() < end:
            pass
        return iter(())

    work: Any = SimpleNamespace(train=train, lost=lambda trial, reason: Run(trial, "crashed", reason))
    trial = Trial("key", "test", "relu", "none", 0.1, 0)
    assert [told for told in Threads(1, timeout=0.05).run(work, [trial], lambda _: False) if told] == [trial]


def test_rates_are_tuned(compare) -> None:
    result = compare(line=f"{LINE} {{lr}}", learning_rates=[0.01, 0.1, 1.0], tuning_seeds=1)
    assert set(result.study.rates.values()) == {0.1}
    seeds = [run.trial.seed for run in result.study.of("tune")]
    assert set(seeds) == {0}  # which the script sees as two million


@pytest.mark.parametrize(
    ("metric", "file"), [(PATTERN, None), ("accuracy", None), (None, "{out}/result.json:accuracy")]
)
def test_rates_are_tuned_by_validation_where_the_json_has_it(compare, tmp_path, metric, file) -> None:
    held_out = SCRIPT.replace('{"accuracy": accuracy', '{"validation": -rate, "accuracy": accuracy')
    (tmp_path / "train.py").write_text(held_out)
    result = compare(
        line=f"{LINE} {{lr}}", metric=metric, metric_file=file, learning_rates=[0.01, 0.1], tuning_seeds=1
    )
    assert max(result.study.rates.values()) <= 0.01
    assert min(run.metric for run in result.study.of("test")) > 59
    assert "tuned-on-test" not in {notice.code for notice in result.summary.warnings}


def test_a_script_without_seed_gives_replicates_and_says_what_pairing_would_save(compare) -> None:
    line = f"{sys.executable} -c \"import time; print('test acc:', time.time_ns() % 1000 / 1000, '{{arm}}')\""
    result = compare(line=line)
    (notice,) = [n for n in result.summary.warnings if n.code == "unpaired"]
    assert "pairing by seed would save" in notice.text
    assert len(result.study.of("test")) == 4


def test_a_script_that_ignores_arm_or_seed_gets_no_verdict(compare) -> None:
    fixed = compare(line=f"{sys.executable} train.py {{arm}} 3 {{out}}", seeds=3)
    assert fixed.recommendation.status == "invalid"
    assert "a seed changes nothing" in fixed.verdict
    same = compare(line=f"{sys.executable} train.py same {{seed}} {{out}} 0.1 {{arm}}", seeds=3, out="same")
    assert same.recommendation.status == "invalid"
    assert "the activation changes nothing" in same.verdict


@pytest.mark.parametrize(
    ("arm", "said"),
    [
        ("fails", "exit code 3 (it said: epoch 2: test acc: 60.84"),
        ("dies", "ended by SIGKILL (it said: epoch 1: test acc: 10.0"),
        ("hangs", "took longer than 1 s (--trial-timeout) (it said"),
    ],
)
def test_a_run_that_fails_is_an_outcome_with_the_last_lines_of_its_output(
    compare, arm: str, said: str
) -> None:
    running = {"trial_timeout": 1} if arm == "hangs" else {}
    (run,) = compare(arms=f"ReLU,{arm}", seeds=1, running=running).study.of("test", arm)
    assert run.outcome == "crashed"
    assert run.reason.startswith(said) or (arm == "dies" and run.reason.startswith("ended by SIGKILL"))


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (
            {"metric": "test f1: ([0-9.]+)"},
            "no match of 'test f1: ([0-9.]+)' in the output (it said: epoch 1",
        ),
        ({"metric": "test (acc)"}, "the last match of 'test (acc)' is no number: 'acc'"),
        ({"metric": "f1"}, "the metric is 'f1' of its last line of JSON, but there is accuracy, note"),
        ({"metric": "note"}, "'note' of its last line of JSON is a number, but got 'x'"),
        ({"metric": None, "metric_file": "{out}/no.json:f1"}, "cannot be read: No such file or directory"),
        ({"arms": "fails,ReLU"}, "exit code 3 (it said"),
    ],
)
def test_a_first_run_without_a_metric_ends_it_in_one_line(compare, more: dict, said: str) -> None:
    with pytest.raises(UserCodeError) as caught:
        compare(**more)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("number", ["nan", "NaN", "-inf", "Infinity"])
@pytest.mark.parametrize(
    "pattern",
    ["acc: ([0-9.]+)", r"\(acc\): ([0-9.]+)", r"[(a]cc(?:\)|): ([0-9.]+)", r"(?<=acc).*?: (?P<x>[0-9.]+)%?"],
)
def test_a_run_whose_last_epoch_is_nan_does_not_have_an_earlier_ones_metric(number, pattern) -> None:
    command = rectifiers.Command("train {arm}", pattern)
    (found,) = command.read(f"(acc): 91.5\nacc: 93.5\nacc: {number}\n(acc): {number}\n", {}).values()
    assert not math.isfinite(found)
    (found,) = command.read(f"(acc): 91.5\nacc: {number}\nacc: 93.5\n(acc): 93.5\n", {}).values()
    assert found == 93.5


@pytest.mark.parametrize("printed", ["1.2e-05", "1.2E5", "1.2.3"])
def test_a_number_that_a_pattern_cuts_short_is_refused(printed: str) -> None:
    with pytest.raises(ArgumentError, match=f"is '1.2', but the number goes on, '{printed}': let the group"):
        rectifiers.Command("train {arm}", r"loss: (\d\.\d)").read(f"test loss: {printed} at the end", {})
    whole = rectifiers.Command("train {arm}", "loss: ([-+.e0-9]+)").read("test loss: 1.2e-05, ok", {})
    assert whole == {"loss": 1.2e-05}


@pytest.mark.parametrize(
    "last", ["{'f1': 0.93}", 'INFO {"f1": 0.93}', '{\n "f1": 0.93\n}', '{"f1": float32(0.93)}']
)
def test_an_earlier_line_of_json_is_not_read_for_a_last_one_that_is_none(last: str) -> None:
    command = rectifiers.Command("train {arm}", "f1")
    with pytest.raises(
        ArgumentError, match="'f1' comes again after the last line that is JSON: print it last"
    ):
        command.read(f'{{"f1": 0.5}}\n{last}\n', {})
    assert command.read('{"f1": 0.5}\n{"f1": 0.93}\nthe f1 is good: {}\n', {}) == {"f1": 0.93}


def test_a_file_that_a_run_did_not_write_is_not_read(compare, tmp_path) -> None:
    words = {"metric": None, "metric_file": "{arm}-{seed}.json:accuracy"}
    (tmp_path / "ReLU-0.json").write_text('{"accuracy": 99.0}')
    with pytest.raises(UserCodeError, match=r"ReLU-0\.json, but this run did not write it"):
        compare(**words, seeds=1)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"line": "python nowhere.py {arm}"}, "no such script: nowhere.py"),
        ({"line": "no-such-program {arm}"}, "begins with a program, but 'no-such-program' is not found"),
        ({"line": "python train.py {seed}"}, "there is no {arm}"),
        (
            {"line": "python train.py {arm} {sed}"},
            "fields are {arm}, {lr}, {seed}, {out}, {device}, but got {sed}",
        ),
        ({"line": "python 'train.py {arm}"}, "quotes in a command are closed"),
        ({"line": ""}, "at least one word"),
        ({"metric": "acc: ([0-9"}, "neither: "),
        ({"metric": "(a)(b)"}, "has one group, around the number, but '(a)(b)' has 2"),
        ({"metric": "acc: [0-9.]+"}, "has one group, around the number, but 'acc: [0-9.]+' has 0"),
        ({"metric": None}, "give one"),
        ({"metric": None, "metric_file": "result.json"}, "FILE:KEY"),
        ({"metric": None, "metric_file": "result.json:f1"}, "put {out} into it, or {arm} and {seed}"),
        ({"metric": None, "metric_file": "{arm}.json:f1"}, "'{arm}.json:f1' is the same for several"),
        ({"learning_rates": [0.1, 0.2]}, "go together, but got no {lr}"),
        ({"line": f"{LINE} {{lr}}"}, "go together, but got no rates"),
        ({"metric": "val loss: ([0-9.]+)"}, "leaves open whether higher is better"),
        ({"arms": "ReLU,ReLU"}, "'ReLU' comes twice"),
        ({"arms": "ReLU"}, "at least two arms"),
        ({"arms": ["ReLU", 3]}, "labels, text of one line, but got 3"),
        ({"control": "ELU"}, "the control must be one of the arms (ReLU, Tanh)"),
        ({"depth": 3}, "depth=3 is for the built-in loop"),
    ],
)
def test_bad_input_is_one_line(compare, more: dict, said: str) -> None:
    with pytest.raises((ArgumentError, ArgumentTypeError)) as caught:
        compare(**more)
    assert said in str(caught.value)
    assert isinstance(caught.value, RectifiersError)
    assert not os.path.exists("out")


def test_the_command_line_is_the_one_of_the_guide(compare, capsys) -> None:
    words = [
        "compare",
        "--command",
        LINE,
        "--metric",
        PATTERN,
        "--arms",
        "ReLU,Tanh",
        "--jobs",
        "2",
        "--out",
        "x",
    ]
    assert main([*words, "--seeds", "2", "--margin", "1", "--lower-is-better", "-q", "--no-report"]) == 0
    assert "Keep ReLU" in capsys.readouterr().out.replace("\n", " ")
    study = ComparisonResult.load("x").study
    assert study.command.startswith("rectifiers compare --command")
    assert "--lower-is-better" in study.command
    assert main(["compare", "--command", LINE, "--metric", PATTERN]) == 2
    assert "arms are labels it knows, but none were given" in capsys.readouterr().err
    assert main(["compare", "--metric-file", "x:y"]) == 2
    assert main(["compare", "--command", LINE, "--train", "a:b"]) == 2
