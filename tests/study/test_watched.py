"""`compare --watch`: the same trials, and what happened inside them."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import jsonschema
import pytest

import rectifiers
from rectifiers.errors import ArgumentError
from rectifiers.records.inside import inside, name_of
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
    assert inside(plain.study) == ()
    assert {(row.arm, row.quantity, row.n) for row in inside(watched.study)} >= {
        ("elu", "dead", 2),
        ("tanh", "dead", 2),
    }
    assert rectifiers.ComparisonResult.load(watched.store.parent).study.runs == watched.study.runs
    assert reasons(inside(plain.study)) == ()
    assert "Watched: no unit died" in watched.verdict


def test_a_verdict_comes_with_its_reason(both: tuple[rectifiers.ComparisonResult, ...]) -> None:
    study = both[1].study
    found = (name_of("dead", "layer3"), 0.41), (name_of("dead_by_epoch", "layer3"), 2.0)
    runs = [dataclasses.replace(run, measures=found) if run.trial.arm == "elu" else run for run in study.runs]
    said = reasons(inside(dataclasses.replace(study, runs=tuple(runs))))
    assert said == ("Elu lost 41 % of the units of layer3 by epoch 2 (mean of 2 runs).",)


def test_the_json_has_what_was_seen(both: tuple[rectifiers.ComparisonResult, ...]) -> None:
    plain, watched = (result.to_json() for result in both)
    assert plain["watched"] == []
    schema = Path(__file__).parents[2] / "docs" / "comparison.schema.json"
    jsonschema.validate(watched, json.loads(schema.read_text(encoding="utf-8")))
    first = watched["watched"][0]
    assert first == {"arm": "elu", "norm": "none", "site": "2", "quantity": "dead", "mean": 0.0, "n": 2}


def test_a_training_of_ones_own_watches_itself() -> None:
    with pytest.raises(ArgumentError, match="in a training of your own use"):
        rectifiers.compare(train=lambda trial: 1.0, arms="relu,elu", metric="score", watch=True, seeds=2)
