"""The report's plain data: every row against the runs it comes from, and what they may not hide."""

from __future__ import annotations

import dataclasses
import json
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

from rectifiers.evidence import paired
from rectifiers.records.values import Outcome, Study
from rectifiers.report.summary import summarize

Make = Callable[..., Any]


@pytest.fixture
def study_of(make_plan: Make, make_run: Make, keyed: Make) -> Make:
    """Return what makes a study of these outcomes per arm: a metric, or how the run failed."""

    def make(metrics: dict[str, list[float | Outcome]], **changes: object) -> Study:
        usual = {"norms": ("none",), "seeds": max(map(len, metrics.values())), "learning_rates": (0.1,)}
        plan = make_plan(tuple(metrics), **{**usual, "resolution": 0.0, **changes})
        runs = [
            make_run(arm, "none", seed, None, outcome=value, reason="loss is nan at step 1")
            if isinstance(value, str)
            else make_run(arm, "none", seed, value)
            for arm, values in metrics.items()
            for seed, value in enumerate(values)
        ]
        return keyed(plan, runs)

    return make


def test_arm_rows(study: Study) -> None:
    summary = summarize(study)
    assert [(row.arm, row.norm) for row in summary.arms] == [
        (arm.label, norm) for norm in study.plan.norms for arm in study.plan.arms
    ]
    row = next(row for row in summary.arms if (row.arm, row.norm) == ("rrelu", "none"))
    runs = study.of("test", "rrelu", "none")
    finished = [run for run in runs if run.metric is not None]
    assert (row.n, row.diverged, row.crashed) == (6, 2, 0)
    assert row.mean == pytest.approx(statistics.fmean(run.metric for run in finished if run.metric))
    assert row.sd == pytest.approx(statistics.stdev(run.metric for run in finished if run.metric))
    assert row.learning_rate == study.rates["rrelu", "none"]
    assert row.parameters == 9802
    assert row.seconds_per_trial == statistics.median(run.seconds for run in finished)
    assert row.peak_memory == 1_840_000


def test_failed_runs_enter_no_mean(study_of: Make) -> None:
    clean = summarize(study_of({"relu": [97.0, 97.2, 97.4], "elu": [98.0, 98.2, 98.4]}))
    broken = summarize(study_of({"relu": [97.0, 97.2, 97.4], "elu": [98.0, 98.2, "diverged"]}))
    assert clean.arms[1].mean == pytest.approx(98.2)
    assert broken.arms[1].mean == pytest.approx(98.1)
    assert (broken.arms[1].n, broken.arms[1].diverged) == (2, 1)
    assert broken.comparisons[0].n == 2


def test_comparisons_are_paired_by_seed_and_corrected_for_all_of_them(study: Study) -> None:
    summary = summarize(study)
    assert len(summary.comparisons) == study.plan.comparisons == 12
    row = summary.comparison("elu", "batch")
    assert row is not None
    metric = {
        arm: {run.trial.seed: run.metric for run in study.of("test", arm, "batch")} for arm in ("elu", "relu")
    }
    expected = paired.compare(
        [metric["elu"][seed] for seed in range(8)],
        [metric["relu"][seed] for seed in range(8)],
        margin=0.2,
        alpha=0.05 / 12,
        resolution=study.plan.resolution,
    )
    assert (row.low, row.high, row.difference) == (expected.low, expected.high, expected.difference)
    assert row.pair_correlation == expected.correlation


def test_runs_in_any_order_give_the_same_summary(study: Study) -> None:
    order = np.random.default_rng(0).permutation(len(study.runs))
    shuffled = dataclasses.replace(study, runs=tuple(study.runs[i] for i in order))
    assert summarize(shuffled) == summarize(study)


@pytest.mark.parametrize(
    "relu, elu",
    [
        ([97.0, 97.1, 97.0, 97.1], [99.0, 99.1, 99.0, "diverged"]),
        ([97.0, 97.1, 97.0, "crashed"], [99.0, 99.1, 99.0, 99.1]),
        ([97.0, 97.1, 97.0, 97.1], [97.0, 97.1, 97.0, "diverged"]),
    ],
)
def test_failures_of_one_arm_withhold_the_verdict_and_say_so(relu: list, elu: list, study_of: Make) -> None:
    summary = summarize(study_of({"relu": relu, "elu": elu}))
    (row,) = summary.comparisons
    assert row.verdict == "undecided"
    assert "withheld" in row.note
    assert summary.recommendation.status == "open"
    assert row.failures.failed + row.failures.control_failed == 1


def test_a_worse_arm_that_also_fails_is_worse(study_of: Make) -> None:
    summary = summarize(study_of({"relu": [97.0, 97.1, 97.0, 97.1], "elu": [90.0, 90.1, 90.0, "diverged"]}))
    assert summary.comparisons[0].verdict == "worse"


def test_nothing_is_decided_before_every_planned_seed_is_in(study_of: Make) -> None:
    metrics: dict = {"relu": [97.0, 97.1, 97.0, 97.1], "elu": [99.0, 99.1, 99.0, 99.1]}
    whole = study_of(metrics)
    assert summarize(whole).comparisons[0].verdict == "better"
    part = dataclasses.replace(whole, plan=dataclasses.replace(whole.plan, seeds=6))
    row = summarize(part).comparisons[0]
    assert row.verdict == "undecided"
    assert "4 of 6" in row.note
    assert row.low is not None
    assert summarize(part).recommendation.sentence.startswith("Not finished: 4 of 6 seeds so far.")


def test_steps_to_target_counts_runs_that_never_reached_it(
    make_plan: Make, make_run: Make, keyed: Make
) -> None:
    plan = make_plan(("relu",), norms=("none",), seeds=4, learning_rates=(0.1,))

    def steps(*values: int | None) -> int | None:
        runs = tuple(
            make_run("relu", "none", seed, 97.0, steps_to_target=value) for seed, value in enumerate(values)
        )
        return summarize(keyed(plan, runs)).arms[0].steps_to_target

    assert steps(100, 120, 140) == 120
    assert steps(100, 120, 140, None) == 140
    assert steps(100, 120, None, None) is None
    assert steps(None, None) is None


def test_rates_tried(study: Study) -> None:
    rows = {(row.arm, row.norm): row for row in summarize(study).rates}
    assert rows["elu", "batch"].at_edge
    assert not rows["relu", "none"].at_edge
    points = rows["relu", "none"].points
    assert [point.rate for point in points] == sorted(study.plan.learning_rates)
    assert (points[-1].n, points[-1].failed, points[-1].mean) == (0, 2, None)
    tuned = study.of("tune", "relu", "none")
    best = [run.metric for run in tuned if run.trial.learning_rate == 0.1]
    assert points[2].mean == pytest.approx(statistics.fmean(m for m in best if m is not None))


def test_a_given_rate_is_no_tuning(study_of: Make) -> None:
    summary = summarize(study_of({"relu": [97.0, 97.1], "elu": [97.0, 97.2]}))
    assert summary.rates == ()
    assert summary.arms[0].learning_rate == 0.1
    assert summary.cost.trials["tune"] == 0


def test_bands_are_over_finished_runs(make_plan: Make, make_run: Make, keyed: Make) -> None:
    good = make_run("relu", "none", 0, 97.0, level=1.0)
    other = make_run("relu", "none", 1, 97.0, level=2.0)
    bad = make_run("relu", "none", 2, None, outcome="diverged", level=100.0)
    plan = make_plan(("relu",), norms=("none",), seeds=3, learning_rates=(0.1,))
    loss, error = summarize(keyed(plan, (good, other, bad))).curves
    assert (loss.quantity, error.quantity) == ("loss", "error")
    assert loss.low == good.train_loss
    assert loss.high == other.train_loss
    assert loss.mean == pytest.approx([1.5 * value for value in good.train_loss])


@pytest.mark.parametrize(
    "metrics",
    [
        {"relu": ["diverged"] * 2, "elu": ["diverged"] * 2},
        {"relu": [97.0], "elu": [97.5]},
        {"relu": [97.0, 97.0], "elu": ["crashed", "diverged"]},
        {"relu": [50.0, 50.0, 50.0], "elu": [50.0, 50.0, 50.0]},
        {"relu": [], "elu": []},
        {"relu": [97.0, 97.1]},
    ],
)
def test_json_never_holds_nan_or_infinity(metrics: dict, study_of: Make) -> None:
    study = study_of(metrics, seeds=max(1, max(map(len, metrics.values()))))
    summary = summarize(study)
    text = json.dumps(summary.to_json(), allow_nan=False)
    assert json.loads(text) == summary.to_json()
    SCHEMA.validate(summary.to_json())
    assert summary.sentence.endswith("only." if summary.valid else "and says so.")


SCHEMA = jsonschema.Draft202012Validator(
    json.loads((Path(__file__).parents[2] / "docs" / "comparison.schema.json").read_text(encoding="utf-8"))
)
# What schema 1 had; scripts rely on it.
ARM_KEYS = {
    "arm", "norm", "n", "mean", "sd", "diverged", "crashed", "learning_rate", "parameters",
    "seconds_per_trial", "steps_to_target",
}  # fmt: skip
NEW_KEYS = {"first_failure", "balanced"}
COMPARISON_KEYS = {
    "arm", "norm", "control", "difference", "low", "high", "pair_correlation", "verdict",
}  # fmt: skip


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"vary": "split"},
        {"norms": ("none", "batch")},
        {"fails": {"tanh": 1, "elu": 7}},
        {"seeds": 8},
        {"tail": 3.0},
        {"effects": {"relu": 0.0}},
        {"effects": {"relu": 0.0, "elu": 2.0, "prelu": 2.1}},
        {"racing": False, "seeds": 5},
    ],
    ids=str,
)
def test_json_is_what_its_schema_says(changes: dict, make_race: Make) -> None:
    found = summarize(make_race(**changes)).to_json()
    SCHEMA.validate({**found, "report": None, "store": "runs/x/study.db"})
    assert found["schema"] == 2
    assert {"task", "metric", "unit", "control"} <= set(found)
    assert set(found["arms"][0]) == ARM_KEYS | NEW_KEYS
    assert all(set(row) >= COMPARISON_KEYS for row in found["comparisons"])


def test_the_schema_is_one_and_refuses_what_it_does_not_know(race: Study) -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA.schema)
    found = summarize(race).to_json()
    wrong = [{**found, "extra": 1}, {key: value for key, value in found.items() if key != "best"}]
    wrong.append({**found, "recommendation": {**found["recommendation"], "status": "sure"}})
    assert not any(map(SCHEMA.is_valid, wrong))


def test_the_json_of_a_race(race: Study) -> None:
    found = summarize(race).to_json()
    assert found["recommendation"]["arm"] == "relu"
    assert found["recommendation"]["status"] == "decided"
    assert found["recommendation"]["sentence"].startswith("Keep relu: none of the four others is better;")
    assert found["margin"]["value"] == 1.06
    assert found["best"] == ["elu", "prelu", "relu", "tanh"]
    decided = {row["arm"]: row["decided_at"] for row in found["comparisons"]}
    assert all(7 < seeds < 40 for seeds in decided.values())
    longest = max(decided.values())
    deciding = sum(decided.values()) + longest
    assert found["trials"] == {
        "tuning": 26,
        "margin": 0,
        "deciding": deciding,
        "saved": 5 * 40 - deciding,
        "speculated": 5 * 2,
    }
    assert all(row["e_value"] > 0.0 and row["new_data"] is None for row in found["comparisons"])


def test_runs_beyond_a_decision_change_nothing_but_their_count(make_race: Make) -> None:
    one, many = (summarize(make_race(ahead=ahead)).to_json() for ahead in (0, 5))
    assert (one["trials"].pop("speculated"), many["trials"].pop("speculated")) == (0, 25)
    assert one == many


def test_a_race_that_goes_on_is_not_finished(make_race: Make, keyed: Make) -> None:
    whole = make_race()
    begun = dataclasses.replace(whole, runs=tuple(run for run in whole.runs if run.trial.seed < 9))
    summary = summarize(begun)
    assert not summary.finished
    assert summary.recommendation.sentence.startswith("Not finished: 9 seeds so far.")
    place = f"runs/digits-{whole.plan.hash[:8]}"
    assert summary.recommendation.command == f"rectifiers compare {place}/plan.toml"
    left = [row.seeds for row in summary.comparisons if row.decided_at is not None]
    assert summary.cost.saved == sum(40 - seeds for seeds in left)


def test_the_ranking_is_by_the_difference_over_shared_seeds(make_race: Make, keyed: Make) -> None:
    """In a race means are over different seeds: an arm that left early on easy seeds does not come first."""
    study = make_race({"relu": 0.0, "elu": 2.0, "prelu": -0.1})
    plan = study.plan
    (left,) = (row.seeds for row in summarize(study).comparisons if row.arm == "elu")
    eased = [
        dataclasses.replace(run, metric=run.metric + 9.0 * (run.trial.seed >= left))
        for run in study.runs
        if run.metric is not None
    ]
    summary = summarize(keyed(plan, eased, rates=study.rates, margin=study.margin))
    means = {row.arm: row.mean for row in summary.arms}
    assert means["relu"] > means["elu"]
    assert [row.arm for row in summary.ranking("none")] == ["elu", "relu", "prelu"]
    assert summary.recommendation.arm == "elu"


def test_new_data_have_wider_intervals_where_splits_vary(make_race: Make) -> None:
    summary = summarize(make_race(vary="split"))
    for row in summary.comparisons:
        assert row.new_data is not None
        low, high = row.new_data
        assert low < row.low < row.high < high
        assert (low + high) / 2 == pytest.approx(row.difference)


def test_skewed_differences_are_warned_of(make_race: Make) -> None:
    noisy = {"relu": 0.0, "elu": 0.0}
    quiet = make_race(noisy)
    assert summarize(quiet).warnings == ()
    runs = tuple(
        dataclasses.replace(run, metric=run.metric - 9.0 * (run.trial.seed % 6 == 0))
        if run.trial.arm == "elu" and run.metric is not None
        else run
        for run in make_race(noisy, racing=False).runs
    )
    (notice,) = summarize(dataclasses.replace(quiet, runs=runs)).warnings
    assert notice.code == "skewed"
    assert notice.text.startswith("elu: its differences from relu are skewed")


def test_an_invalid_study_concludes_nothing(invalid: Study) -> None:
    summary = summarize(invalid)
    found = summary.to_json()
    SCHEMA.validate(found)
    assert (found["recommendation"]["arm"], found["recommendation"]["status"]) == (None, "invalid")
    assert found["best"] == []
    assert found["recommendation"]["sentence"].startswith("No verdict: no arm learned: ")
    assert {row["verdict"] for row in found["comparisons"]} == {"undecided"}
    for key in ("difference", "low", "high", "e_value", "decided_at", "new_data"):
        assert {row[key] for row in found["comparisons"]} == {None}
    assert (summary.leads, summary.comparisons[0].failures) == ((), None)
    assert all(row["n"] for row in found["arms"])
    assert {row["balanced"] for row in found["arms"]} == {50.0}
    severities = {notice["code"]: notice["severity"] for notice in found["warnings"]}
    assert severities == {"unequal-classes": "warned", "no-arm-learned": "withheld", "runs-failed": "warned"}
    assert [notice.code for notice in summary.remarks] == ["unequal-classes", *["runs-failed"] * 2]


def test_without_a_margin_nothing_is_decided(race: Study) -> None:
    summary = summarize(dataclasses.replace(race, margin=None))
    assert {row.verdict for row in summary.comparisons} == {"undecided"}
    assert {row.note for row in summary.comparisons} == {
        "the margin is fixed once the learning rates are chosen"
    }
    assert summary.to_json()["margin"] is None


def test_rates_list_what_any_arm_tried(race: Study) -> None:
    rows = {row.arm: row for row in summarize(race).rates}
    assert [point.rate for point in rows["relu"].points] == [0.0316, 0.1, 0.316, 1.0]
    assert [point.n for point in rows["relu"].points] == [1, 2, 2, 0]
    assert [point.n for point in rows["tanh"].points] == [1, 2, 2, 1]
    assert not any(row.at_edge for row in rows.values())


def test_an_unpaired_table_of_results(make_plan: Make, make_run: Make, keyed: Make) -> None:
    changes = {"norms": ("none",), "epochs": 0, "learning_rates": (0.0,), "tuning_seeds": 0, "model": ""}
    plan = make_plan(("relu", "elu"), seeds=5, paired=False, racing=False, **changes)
    values = {"relu": [94.0, 94.2, 94.1, 94.3], "elu": [95.0, 95.3, 95.1, 95.2, 95.4]}
    runs = [
        dataclasses.replace(
            make_run(arm, "none", seed, value, rate=0.0, epochs=0),
            parameters=0, peak_memory=None, init_hash="", order_hash="", noise_hash="",
        )
        for arm, column in values.items()
        for seed, value in enumerate(column)
    ]  # fmt: skip
    summary = summarize(keyed(plan, runs))
    assert [row.n for row in summary.arms] == [4, 5]
    assert summary.recommendation.sentence.startswith("Use elu: better than relu by")
    assert summary.finished
    assert summary.arms[0].learning_rate is None
    SCHEMA.validate(summary.to_json())


def test_report_data_need_no_torch_and_no_drawing_library() -> None:
    code = (
        "import sys; from rectifiers.report import summary, html, files, functions, charts; "
        "print([name for name in ('torch', 'altair', 'vl_convert', 'pandas', 'jinja2', 'llvmlite', 'scipy') "
        "if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
