"""`compare --watch`: the same trials, and what happened inside them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

import rectifiers
from rectifiers.errors import ArgumentError
from rectifiers.records.inside import measured, name_of
from rectifiers.report.reasons import reasons


def compared(out: Path, watch: bool) -> rectifiers.ComparisonResult:
    return rectifiers.compare(
        "digits", "elu,tanh", seeds=2, epochs=2, learning_rate=0.1, width=16, depth=1, watch=watch, out=out,
        progress=False, report=False, execution=rectifiers.Execution(1),
    )  # fmt: skip


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[rectifiers.ComparisonResult, ...]:
    place = tmp_path_factory.mktemp("watched")
    return compared(place / "plain", False), compared(place / "watched", True)


def test_watching_changes_no_trial(both: tuple[rectifiers.ComparisonResult, ...]) -> None:
    plain, watched = (result.study.runs for result in both)
    assert [(run.metric, run.train_loss) for run in plain] == [
        (run.metric, run.train_loss) for run in watched
    ]
    assert both[0].study.plan.hash == both[1].study.plan.hash


def test_what_was_seen_is_kept_and_said(both: tuple[rectifiers.ComparisonResult, ...]) -> None:
    plain, watched = both
    assert not any(measured(run) for run in plain.study.runs)
    assert all({quantity for quantity, _ in measured(run)} >= {"dead"} for run in watched.study.runs)
    assert rectifiers.ComparisonResult.load(watched.store.parent).study.runs == watched.study.runs
    assert reasons(plain.study) == ()
    assert "Watched: no unit died" in watched.verdict


def test_a_verdict_comes_with_its_reason(both: tuple[rectifiers.ComparisonResult, ...]) -> None:
    study = both[1].study
    found = (name_of("dead", "layer3"), 0.41), (name_of("dead_by_epoch", "layer3"), 2.0)
    runs = [dataclasses.replace(run, measures=found) if run.trial.arm == "elu" else run for run in study.runs]
    said = reasons(dataclasses.replace(study, runs=tuple(runs)))
    assert said == ("Elu lost 41 % of the units of layer3 by epoch 2 (mean of 2 runs).",)


def test_a_training_of_ones_own_watches_itself() -> None:
    with pytest.raises(ArgumentError, match="in a training of your own use"):
        rectifiers.compare(train=lambda trial: 1.0, arms="relu,elu", metric="score", watch=True, seeds=2)
