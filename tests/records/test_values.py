"""Plans, trials and runs as plain values."""

import dataclasses
import json

import pytest

from rectifiers.records.values import Plan, Study, content_hash


def test_a_plan_survives_json(plan):
    again = Plan.from_json(json.loads(json.dumps(plan.to_json())))
    assert again == plan
    assert again.hash == plan.hash


def test_every_field_of_a_plan_is_part_of_its_hash(plan):
    for field in dataclasses.fields(plan):
        if field.name != "arms":
            other = dataclasses.replace(plan, **{field.name: "something else"})
            assert other.hash != plan.hash, field.name
    assert dataclasses.replace(plan, arms=plan.arms[:2]).hash != plan.hash


def test_content_hash_ignores_the_order_of_keys_and_nothing_else():
    assert content_hash({"a": 1, "b": [1, 2]}) == content_hash({"b": [1, 2], "a": 1})
    assert content_hash({"a": [1, 2]}) != content_hash({"a": [2, 1]})
    assert content_hash(0.1 + 0.2) != content_hash(0.3)


def test_content_hash_refuses_nan():
    with pytest.raises(ValueError, match="not JSON compliant"):
        content_hash(float("nan"))


@pytest.mark.parametrize("metric", [None, float("nan"), float("inf")])
def test_a_finished_run_has_a_finite_metric(make_run, metric):
    with pytest.raises(ValueError, match="finite metric"):
        make_run(metric=metric)


def test_a_failed_run_has_no_metric(make_run):
    with pytest.raises(ValueError, match="diverged run has no metric"):
        make_run(outcome="diverged", metric=10.0)


def test_runs_of_a_study_are_ordered_by_seed_then_rate(plan, make_run):
    runs = [
        make_run(seed=1, rate=0.1, phase="tune"),
        make_run(seed=0, rate=0.1, phase="tune"),
        make_run(seed=1, rate=0.01, phase="tune"),
        make_run(seed=0, rate=0.1),
        make_run("maxout(pieces=3)", seed=0, rate=0.1, phase="tune"),
    ]
    found = Study(plan, tuple(runs)).of("tune", "relu", "none")
    assert [(run.trial.seed, run.trial.learning_rate) for run in found] == [(0, 0.1), (1, 0.01), (1, 0.1)]


def test_comparisons_counts_arms_and_norms(plan):
    assert plan.comparisons == 4
    assert plan.tuned
    assert not dataclasses.replace(plan, learning_rates=(0.1,)).tuned
