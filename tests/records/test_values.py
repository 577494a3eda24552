"""Plans, trials and runs as plain values."""

import dataclasses
import json

import pytest

from rectifiers.records.values import QUESTION, Plan, Study, content_hash


def test_a_plan_survives_json(plan):
    again = Plan.from_json(json.loads(json.dumps(plan.to_json())))
    assert again == plan
    assert again.hash == plan.hash


def test_the_hash_of_a_plan_is_that_of_its_protocol(plan):
    for field in dataclasses.fields(plan):
        if field.name != "arms":
            other = dataclasses.replace(plan, **{field.name: "something else"})
            assert (other.hash != plan.hash) == (field.name not in QUESTION), field.name


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


def test_only_runs_of_what_is_asked_count_and_under_its_labels(plan, make_run):
    def run(label, rate=0.1, seed=0, of=plan):
        return dataclasses.replace(make_run(), trial=of.trial("test", label, "none", rate, seed))

    first, *rest = plan.arms
    edited = dataclasses.replace(plan, arms=(dataclasses.replace(first, identity="relu@2"), *rest))
    renamed = dataclasses.replace(plan, arms=(dataclasses.replace(first, label="ReLU"), *rest[:1]))
    runs = (run("relu"), run("net:Mine"), run("relu", of=edited))
    assert Study(plan, runs).of("test") == runs[:2]
    assert Study(edited, runs).of("test") == (runs[2], runs[1])[::-1]
    assert Study(dataclasses.replace(plan, norms=("batch",)), runs).of("test") == ()
    (asked,) = Study(renamed, runs).of("test")
    assert (asked.trial.arm, asked.trial.key) == ("ReLU", runs[0].trial.key)


def test_a_series_is_of_the_chosen_rate_and_ends_before_the_first_gap(plan, make_run):
    asked = dataclasses.replace(plan, seeds=5)

    def run(seed, rate=0.1, **more):
        return dataclasses.replace(make_run(**more), trial=asked.trial("test", "relu", "none", rate, seed))

    runs = (run(3), run(1, outcome="diverged"), run(0), run(2, rate=0.01))
    study = Study(asked, runs, rates={("relu", "none"): 0.1})
    assert study.series("relu", "none") == (runs[2], runs[1])
    assert Study(asked, runs, rates={("relu", "none"): 0.01}).series("relu", "none") == ()
    assert study.series("maxout(pieces=3)", "none") == ()
    full = Study(dataclasses.replace(asked, seeds=2), runs, rates=study.rates)
    assert full.series("relu", "none") == (runs[2], runs[1])


def test_a_race_is_first_analysed_when_an_arm_has_as_many_seeds_as_tuning_trials(plan, make_run):
    def tuned(label, count):
        return [
            dataclasses.replace(make_run(), trial=plan.trial("tune", label, "none", 0.1, seed))
            for seed in range(count)
        ]

    assert Study(plan).first_analysis == 2
    assert Study(plan, (*tuned("relu", 4), *tuned("net:Mine", 7))).first_analysis == 7
    given = dataclasses.replace(plan, learning_rates=(0.1,))
    assert Study(given, (*tuned("relu", 4),)).first_analysis == 2
