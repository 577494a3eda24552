"""Training functions of the user's as trials: what they are given, may return, and may do wrong."""

from __future__ import annotations

import contextlib
import math
import re
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import rectifiers
from rectifiers.cli import main
from rectifiers.comparison import ComparisonResult
from rectifiers.errors import (
    ArgumentError,
    ArgumentTypeError,
    ImportPathError,
    UserCodeError,
)

QUICK: dict[str, Any] = {"arms": "relu,tanh", "metric": "accuracy", "report": False}


def net(trial, width: int = 8) -> nn.Module:
    return nn.Sequential(nn.Linear(4, width), trial.activation(width), nn.Linear(width, 1))


def noisy(trial) -> float:
    """A metric in % that depends on arm and seed, from an untrained network."""
    with torch.no_grad():
        value = torch.sigmoid(net(trial)(torch.ones(3, 4))).mean()
    return 60 + 5 * (trial.arm == "tanh") + float(value)


@pytest.fixture
def compare(tmp_path):
    def run(train, *, jobs: int = 1, **more) -> ComparisonResult:
        execution = rectifiers.Execution(jobs=jobs, **more.pop("running", {}))
        words = {**QUICK, "out": tmp_path / "out", **({} if "seeds" in more else {"max_seeds": 6}), **more}
        return rectifiers.compare(train=train, execution=execution, **words)

    return run


def test_a_function_is_raced_to_a_recommendation(compare) -> None:
    result = compare(noisy, margin=1.0)
    assert result.recommendation.arm == "tanh"
    assert result.recommendation.status == "decided"
    assert "Use tanh: better than relu" in result.verdict
    plan = result.study.plan
    assert (plan.kind, plan.metric, plan.learning_rates, plan.trained) == (
        "function",
        "accuracy",
        (0.0,),
        True,
    )
    assert all(row.learning_rate is None for row in result.summary.arms)


def test_the_same_call_goes_on_and_trains_nothing_again(compare) -> None:
    calls = []

    def train(trial) -> float:
        return noisy(trial)

    first = compare(train, margin=1.0)
    runs = len(first.study.runs)
    again = compare(train, margin=1.0, max_seeds=7)
    assert again.study.runs[:runs] == first.study.runs
    assert calls == []


def test_arms_of_a_seed_begin_alike_and_seeds_do_not(compare) -> None:
    result = compare(noisy, seeds=3, margin=1.0)
    starts = {(run.trial.arm, run.trial.seed): run.init_hash for run in result.study.of("test")}
    assert all(starts["relu", seed] == starts["tanh", seed] for seed in range(3))
    assert len(set(starts.values())) == 3


def test_everything_that_makes_a_trial_is_there(compare) -> None:
    seen = []

    def train(trial) -> dict[str, float]:
        assert list(trial.directory.iterdir()) == []
        (trial.directory / "kept.txt").write_text(trial.arm)
        draws = (torch.rand(()).item(), __import__("random").random(), __import__("numpy").random.rand())
        seen.append((trial.arm, trial.seed, trial.learning_rate, str(trial.device), draws))
        trial.report(0, loss=1.0)
        trial.report(1, loss=torch.tensor(0.5))
        return {"accuracy": noisy(trial), "f1": 0.5, "validation": 50 + trial.seed % 7}

    result = compare(train, seeds=2, margin=1.0, learning_rate=0.1)
    assert [entry[:4] for entry in seen] == [
        ("relu", 0, 0.1, "cpu"), ("tanh", 0, 0.1, "cpu"), ("relu", 1, 0.1, "cpu"), ("tanh", 1, 0.1, "cpu"),
    ]  # fmt: skip
    assert seen[0][4] == seen[1][4] != seen[2][4]
    (run, *_) = result.study.of("test", "relu")
    assert run.train_loss == (1.0, 0.5)
    assert dict(run.measures)["f1"] == 0.5
    kept = [file.read_text() for file in (result.store.parent / "trials").glob("*/kept.txt")]
    assert sorted(kept) == ["relu", "relu", "tanh", "tanh"]
    again = ComparisonResult.load(result.store)
    assert again.study.runs == result.study.runs


def test_rates_are_chosen_by_validation_where_there_is_one(compare, tmp_path) -> None:
    def train(trial) -> dict[str, float]:
        return {"accuracy": noisy(trial), "validation": 90 - abs(math.log10(trial.learning_rate / 0.01))}

    def blind(trial) -> float:
        return noisy(trial) - abs(math.log10(trial.learning_rate / 0.1))

    rates = [0.001, 0.01, 0.1, 1.0]
    result = compare(train, learning_rates=rates, seeds=3, margin=1.0)
    assert result.study.rates == {("relu", "none"): 0.01, ("tanh", "none"): 0.01}
    assert "tuned-on-test" not in [notice.code for notice in result.summary.warnings]
    other = compare(blind, learning_rates=rates, seeds=3, margin=1.0, out=tmp_path / "blind")
    assert set(other.study.rates.values()) == {0.1}
    (notice,) = [notice for notice in other.summary.warnings if notice.code == "tuned-on-test"]
    assert "accuracy itself" in notice.text


def test_lower_may_be_better(compare) -> None:
    def train(trial) -> float:
        return 100 - noisy(trial)

    result = compare(train, metric="loss", higher_is_better=False, margin=1.0)
    assert result.recommendation.arm == "tanh"
    assert result.study.plan.metric == "minus loss"
    assert result.study.runs[0].metric == -dict(result.study.runs[0].measures)["loss"]


@pytest.mark.parametrize("told", ["scores", "test_size", "nothing"])
def test_the_margin_is_what_the_test_samples_resolve(compare, told: str) -> None:
    def train(trial) -> float:
        value = noisy(trial)
        right = torch.arange(1000) < 10 * round(value)
        if told == "scores":
            trial.scores(right.float())
        elif told == "test_size":
            trial.test_size = 1000
        return 100 * right.float().mean() if told != "nothing" else value

    margin = compare(train, seeds=2).study.margin
    if told == "nothing":
        assert margin.rule == "half the standard deviation of relu, known from no more than 3 runs of its own"
        assert 0 < margin.value < 0.2
    else:
        assert margin.rule == "one standard error of accuracy over the samples it is measured on, for relu"
        assert margin.value == pytest.approx(100 * math.sqrt(0.6 * 0.4 / 1000), rel=0.02)


def test_runs_that_chose_the_rate_tell_more_of_the_margin_unless_by_another_number(compare, tmp_path) -> None:
    def blind(trial) -> float:
        return noisy(trial) - abs(math.log10(trial.learning_rate / 0.1))

    def validated(trial) -> dict[str, float]:
        return {"accuracy": noisy(trial), "validation": blind(trial) / 100}

    words = {"learning_rates": [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0], "max_seeds": 10}
    (five, three) = (
        compare(train, out=tmp_path / train.__name__, **words).study.margin for train in (blind, validated)
    )
    assert "from no more than 5 runs of its own" in five.rule
    assert "from no more than 3 runs of its own" in three.rule


def test_a_loss_that_is_not_finite_and_a_metric_that_is_not_diverge(compare) -> None:
    def train(trial) -> float:
        value = noisy(trial)
        if trial.arm == "tanh":
            trial.report(3, loss=float("nan")) if trial.seed % 2 else None
            return float("inf")
        return value

    result = compare(train, seeds=2, margin=1.0)
    assert [run.reason for run in result.study.of("test", "tanh")] == [
        "accuracy is inf",
        "loss is nan at epoch 3",
    ]
    assert {run.outcome for run in result.study.of("test", "tanh")} == {"diverged"}


def test_what_is_printed_is_kept_with_the_trial_and_a_later_error_is_an_outcome(compare, capsys) -> None:
    def train(trial) -> float:
        print("hello from", trial.arm)
        value = noisy(trial)
        if trial.arm == "tanh":
            raise ValueError("out of luck")
        return value

    result = compare(train, seeds=2, margin=1.0)
    assert {run.reason for run in result.study.of("test", "tanh")} == {"ValueError: out of luck"}
    printed = [file.read_text() for file in sorted((result.store.parent / "trials").glob("*.txt"))]
    assert sum("hello from relu" in text for text in printed) == 2
    assert sum("raise ValueError" in text for text in printed) == 2
    assert "hello" not in "".join(capsys.readouterr())


def returns(value: Any):
    def train(trial) -> Any:
        noisy(trial)
        return value() if callable(value) else value

    return train


def fails() -> None:
    raise KeyError("no such thing")


def leaves() -> None:
    raise SystemExit(3)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "returned None: end it with `return accuracy`"),
        (lambda: torch.zeros(3), "is a number, but got a Tensor of shape (3,)"),
        ("97 %", "is a number, but got '97 %'"),
        (True, "is a number, but got True"),
        ({"f1": 0.5}, "a mapping with 'accuracy', but returned f1: name one of these as metric"),
        ({"accuracy": [1, 2]}, "'accuracy' of what"),
        (fails, "KeyError: 'no such thing'"),
        (leaves, "SystemExit: 3"),
    ],
)
def test_a_first_trial_that_fails_ends_it_in_one_line(compare, tmp_path, value: Any, said: str) -> None:
    with pytest.raises(UserCodeError) as caught:
        compare(returns(value))
    assert said in str(caught.value)
    assert "the first trial of" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert ComparisonResult.load(tmp_path / "out").verdict.startswith("Not finished: 0 ")
    assert len(compare(noisy, seeds=1, margin=1.0).study.runs) == 2  # the mended one, in the same place


@pytest.mark.parametrize(
    "value", [71.5, torch.tensor(71.5), torch.tensor([71.5]), __import__("numpy").float32(71.5)]
)
def test_a_number_may_come_in_many_kinds(compare, value: Any) -> None:
    result = compare(returns(value), seeds=3, margin=1.0)
    assert {run.metric for run in result.study.of("test")} == {71.5}
    assert result.recommendation.status == "invalid"  # the same number in every run
    assert "every arm has the same number in all its runs" in result.verdict


def test_a_function_that_ignores_the_activation_is_refused_and_may_be_allowed(compare) -> None:
    def train(trial) -> float:
        return 50 + trial.seed + 5 * (trial.arm == "tanh")

    with pytest.raises(ArgumentError, match=r"makes nothing of trial\.activation, or never calls"):
        compare(train)
    result = compare(train, seeds=3, margin=1.0, allow="activation-ignored")
    assert result.recommendation.status == "decided"
    assert "Overruled (activation-ignored)" in result.verdict


def test_a_seed_of_its_own_is_found_out(compare) -> None:
    def train(trial) -> float:
        torch.manual_seed(0)
        value = noisy(trial)
        return value + torch.rand((), generator=torch.Generator().manual_seed(trial.seed)).item()

    result = compare(train, seeds=3, margin=1.0)
    (notice,) = [n for n in result.summary.warnings if n.code == "seeds-change-nothing"]
    assert "the same initial weights and first batch in all seeds" in notice.text


@pytest.mark.parametrize(
    ("more", "error", "said"),
    [
        ({"train": lambda: 3}, ArgumentError, "is called as train(trial)"),
        ({"train": 3}, ArgumentTypeError, "train is a function"),
        ({"train": "nowhere:train"}, ImportPathError, "no module named 'nowhere'"),
        ({"metric": "validation_loss"}, ArgumentError, "leaves open whether higher is better"),
        (
            {"metric": "score", "higher_is_better": "False"},
            ArgumentError,
            "and higher_is_better='False': say so",
        ),
        ({"epochs": 3}, ArgumentError, "epochs=3 is for the built-in loop"),
        ({"model": "mlp"}, ArgumentError, "model='mlp' is for the built-in loop"),
        ({"norms": "batch"}, ArgumentError, "norms='batch' is for the built-in loop"),
        ({"arms": "relu"}, ArgumentError, "at least two arms"),
        ({"arms": "relu,rulu"}, ArgumentError, "did you mean 'relu'"),
        ({"device": "cuda:99"}, ArgumentError, "cannot be used here"),
    ],
)
def test_bad_input_is_one_line(compare, tmp_path, more: dict, error: type[Exception], said: str) -> None:
    with pytest.raises(error) as caught:
        compare(**{"train": noisy, **more})
    assert said in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_a_process_measures_what_this_one_does_and_what_hangs_in_it_is_ended_even_with_one_job(
    compare, tmp_path
) -> None:
    def train(trial) -> float:
        value = noisy(trial)
        while (trial.arm, trial.seed) == ("elu", 1):
            torch.zeros(1).add_(1)
        return value

    def metrics(result, *arms) -> dict:
        return {arm: [run.metric for run in result.study.of("test", arm)] for arm in arms}

    words = {"seeds": 2, "margin": 1.0}
    alone = compare(noisy, arms="relu,tanh", out=tmp_path / "alone", **words)
    result = compare(train, arms="relu,tanh,elu", running={"trial_timeout": 1}, **words)
    assert metrics(result, "relu", "tanh") == metrics(alone, "relu", "tanh")
    assert [(run.outcome, run.reason) for run in result.study.of("test", "elu")] == [
        ("finished", ""), ("crashed", "took longer than 1 s (--trial-timeout)"),
    ]  # fmt: skip


def test_a_trial_that_nobody_waits_for_is_stopped_and_leaves_no_record(compare) -> None:
    def train(trial) -> float:
        value = noisy(trial)
        for epoch in range(10**9):
            trial.report(epoch, loss=1.0)
        return value

    def going_on(trial) -> float:
        with contextlib.suppress(Exception):
            train(trial)
        return 90.0

    for function in (train, going_on):
        result = compare(function, seeds=1, margin=1.0, running={"budget": 0.3})
        assert result.study.runs == ()
        assert result.recommendation.status == "open"


@pytest.mark.usefixtures("usual_signals")
@pytest.mark.parametrize("swallowed", [lambda: None, sys.exit])
def test_ctrl_c_that_a_training_swallows_stops_the_study_and_leaves_no_record(
    compare, swallowed, tmp_path
) -> None:
    done = str(tmp_path / "done")

    def train(trial) -> float:
        if trial.arm == "tanh" and not Path(done).exists():
            Path(done).touch()
            try:
                signal.raise_signal(signal.SIGINT)
            except KeyboardInterrupt:  # as Lightning does
                signal.signal(signal.SIGINT, signal.SIG_IGN)
                swallowed()
                return 10.0
        return noisy(trial)

    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(rectifiers.comparison.Interrupted, match="1 of at most 4 trials"):
        compare(train, seeds=2, margin=1.0)
    assert signal.getsignal(signal.SIGINT) is handler
    result = compare(train, seeds=2, margin=1.0)
    assert [run.outcome for run in result.study.runs] == ["finished"] * 4
    assert 10.0 not in {run.metric for run in result.study.runs}


@pytest.mark.parametrize("told", [{"loss": float("nan")}, {"loss": 1.0, "error": float("inf")}])
def test_what_is_told_and_not_finite_has_diverged_and_can_be_read_again(compare, told) -> None:
    def train(trial) -> float:
        if trial.arm == "tanh":
            trial.report(0, **told)
        return noisy(trial)

    result = compare(train, seeds=1, margin=1.0)
    (run,) = ComparisonResult.load(result.store).study.of("test", "tanh")
    assert (run.outcome, run.train_error) == ("diverged", ())
    assert re.fullmatch(r"(loss is nan|error is inf) at epoch 0", run.reason)


PARENT = """
import multiprocessing
import torch


def train(trial):
    child = multiprocessing.get_context("spawn").Process(target=print)  # as a `DataLoader` starts its workers
    child.start()
    child.join()
    assert child.exitcode == 0
    return {"f1": trial.activation()(torch.ones(32)).sum() + trial.seed}
"""


def test_a_worker_may_have_workers_and_the_command_line_finds_a_function(
    tmp_path, monkeypatch, capsys
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mytrain.py").write_text(PARENT)
    words = "compare --train mytrain.py:train --metric f1 --arms relu,tanh --seeds 1 --margin 1 --jobs 1"
    in_a_worker = ["--trial-timeout", "1min"]  # of which one is enough
    assert main([*words.split(), *in_a_worker, "--quiet", "--out", "out"]) == 0, capsys.readouterr()
    study = ComparisonResult.load("out").study
    assert {run.metric for run in study.of("test", "relu")} == {32.0}
    assert study.command.startswith(
        "rectifiers compare --train mytrain.py:train --metric f1 --arms relu,tanh"
    )


def test_activations_keep_their_own_ways(compare) -> None:
    seen = {}

    def train(trial) -> float:
        act = trial.activation
        seen[trial.arm] = (act.outputs(6), act.inputs(6), act(inplace=True), repr(act))
        return 50 + float(act(4)(torch.ones(1, 4)).sum())

    compare(train, arms="relu,crelu,prelu,maxout(2)", seeds=1, margin=1.0)
    assert seen["crelu"][:2] == (12, 6)
    assert seen["maxout(2)"][:2] == (3, 12)
    assert seen["prelu"][2].weight.numel() == 1
    assert seen["relu"][3] == "<activation relu>"
