"""`rectifiers.evidence.judge`: results that were measured anywhere, from a table to the recommendation."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from rectifiers.errors import (
    ArgumentError,
    ArgumentTypeError,
    DataError,
    MissingDependencyError,
    UnknownNameError,
)
from rectifiers.evidence import anytime, judge, paired, unpaired
from rectifiers.evidence.correction import corrected
from rectifiers.judging import Judgement

SEEDS = 8


def rows(seeds: int = SEEDS, **shifts: float) -> list[dict[str, Any]]:
    """Rows of arms that share the ups and downs of their seeds."""
    generator = np.random.default_rng(7)
    base = generator.normal(96.0, 0.5, seeds)
    return [
        {"arm": arm, "seed": seed, "value": round(float(base[seed] + shift + noise), 2)}
        for arm, shift in shifts.items()
        for seed, noise in enumerate(generator.normal(0.0, 0.1, seeds))
    ]


def column(table: list[dict[str, Any]], arm: str) -> list[float]:
    return [row["value"] for row in table if row["arm"] == arm]


def codes(found: Judgement) -> list[str]:
    return [notice.code for notice in found.summary.warnings]


def said(found: Judgement, code: str) -> str:
    (text,) = [notice.text for notice in found.summary.warnings if notice.code == code]
    return text


TABLE = rows(relu=0.0, elu=0.9, gelu=0.0, tanh=-0.8)


def test_the_answer_is_students_interval_over_the_pairs_corrected_for_all_arms() -> None:
    found = judge(TABLE, margin=0.3)
    assert found.study.plan.control == "relu"
    for arm, verdict in (("elu", "better"), ("gelu", "equivalent"), ("tanh", "worse")):
        row = found.summary.comparison(arm, "none")
        expected = paired.compare(
            column(TABLE, arm), column(TABLE, "relu"), margin=0.3, alpha=corrected(0.05, 3), resolution=0.01
        )
        assert row is not None
        assert (row.verdict, row.n) == (verdict, SEEDS) == (expected.verdict, expected.n)
        assert (row.low, row.high) == pytest.approx((expected.low, expected.high))
        assert row.pair_correlation == pytest.approx(expected.correlation)
    assert found.recommendation.arm == "elu"
    assert found.recommendation.status == "decided"
    assert found.recommendation.sentence.startswith("Use elu: better than relu by ")
    assert codes(found) == []


def test_frame_columns_rows_and_wide_are_one_table() -> None:
    frame = pd.DataFrame(TABLE)
    wide = frame.pivot(index="seed", columns="arm", values="value")[["relu", "elu", "gelu", "tanh"]]
    tables: list[Any] = [
        TABLE,
        iter(TABLE),
        frame,
        frame.to_dict("list"),
        wide,
        wide.reset_index(),
        wide.reset_index().to_dict("list"),
        {"seed": range(SEEDS), **{arm: np.array(column(TABLE, arm)) for arm in wide.columns}},
    ]
    found = [judge(table, margin=0.3) for table in tables]
    assert {one.recommendation.sentence for one in found} == {found[0].recommendation.sentence}
    assert len({str(one.summary.comparisons) for one in found}) == 1


@pytest.mark.parametrize("kind", [dict, pd.DataFrame])
def test_columns_without_seeds_are_independent_samples_and_may_be_sorted(kind: Any) -> None:
    values = np.sort(np.random.default_rng(3).normal(90.0, 1.0, 10))
    found = judge(kind({"relu": values, "elu": values + 0.3 + np.linspace(0.0, 0.01, 10)}), margin=0.1)
    assert "no column of seeds" in said(found, "unpaired")
    (row,) = found.summary.comparisons
    assert (row.verdict, row.pair_correlation) == ("undecided", None)


def test_rows_may_come_in_any_order_and_seeds_may_be_any_names() -> None:
    shuffled = [dict(row, seed=f"run-{row['seed'] * 17}") for row in TABLE]
    shuffled.sort(key=lambda row: row["value"])
    found, expected = judge(shuffled, control="relu", margin=0.3), judge(TABLE, margin=0.3)
    assert found.recommendation.sentence == expected.recommendation.sentence
    for row in expected.summary.comparisons:
        other = found.summary.comparison(row.arm, "none")
        assert other is not None
        assert (other.low, other.high) == pytest.approx((row.low, row.high))


def test_columns_of_usual_names_are_found_and_the_line_says_which() -> None:
    table = [{"activation": row["arm"], "run": row["seed"], "accuracy": row["value"]} for row in TABLE]
    found = judge(table, unit="%")
    assert found.taken == (
        "results: 4 arms against relu (the first of the table), 8 runs each; "
        "arm: activation, seed: run, value: accuracy"
    )
    assert (found.summary.plan.metric, found.summary.plan.unit) == ("accuracy", "%")
    assert "first of the table" not in judge(table, control="elu").taken
    other = [{"who": row["arm"], "s": row["seed"], "v": row["value"], "epochs": 3} for row in TABLE]
    assert judge(other, arm="who", seed="s", value="v", metric="F1").summary.plan.metric == "F1"


def test_the_margin_is_half_the_controls_deviation_and_says_that_its_runs_decide_too() -> None:
    found = judge(TABLE)
    margin = found.study.margin
    assert margin is not None
    assert margin.value == pytest.approx(np.std(column(TABLE, "relu"), ddof=1) / 2)
    assert margin.rule == "half the standard deviation of relu's own runs"
    assert codes(found) == ["margin-from-results"]
    assert found.to_json()["margin"]["rule"] == margin.rule
    given = judge(TABLE, margin="0.3").study
    assert given.margin is not None
    assert (given.margin.value, given.plan.margin) == (0.3, 0.3)


def test_a_sequence_gets_anytime_valid_intervals_in_the_order_of_the_table() -> None:
    table = rows(40, relu=0.0, elu=0.4)
    found = judge(table, margin=0.1, sequential=True)
    (row,) = found.summary.comparisons
    expected = anytime.compare(
        column(table, "elu"), column(table, "relu"), margin=0.1, alpha=0.05, resolution=0.01
    )
    assert (row.verdict, row.decided_at) == (expected.verdict, expected.decided_at)
    assert row.decided_at is not None
    assert row.decided_at < 40
    assert row.e_value == pytest.approx(expected.e_value)
    fixed = judge(table[:4] + table[40:44], margin=0.1).summary.comparisons[0]
    looked = judge(table[:4] + table[40:44], margin=0.1, sequential=True).summary.comparisons[0]
    assert (fixed.verdict, looked.verdict) == ("better", "undecided")


def test_in_a_sequence_an_arm_may_have_left_before_the_others() -> None:
    table = [row for row in TABLE if row["arm"] != "elu" or row["seed"] < 6]
    found = judge(table, margin=0.3, sequential=True)
    row = found.summary.comparison("tanh", "none")
    assert "missing-pairs" not in codes(found)
    assert found.study.plan.paired
    assert row is not None
    assert row.seeds > 0
    assert len(found.study.series("elu", "none")) == 6
    assert len(found.study.series("relu", "none")) == 8


def test_four_runs_against_four_without_seeds_get_welchs_answer() -> None:
    table = [{"arm": row["arm"], "value": row["value"]} for row in rows(4, relu=0.0, elu=3.0)]
    found = judge(table, margin=0.3)
    (row,) = found.summary.comparisons
    expected = unpaired.compare(column(table, "elu"), column(table, "relu"), margin=0.3, alpha=0.05)
    assert not found.study.plan.paired
    assert row.verdict == expected.verdict == "better"
    assert (row.low, row.high) == pytest.approx((expected.low, expected.high))
    assert "no column of seeds" in said(found, "unpaired")
    assert "correlation" in said(found, "unpaired")


def test_unequal_numbers_and_seeds_that_do_not_match_are_not_paired() -> None:
    unequal = judge({"relu": [0.90, 0.92, 0.91, 0.93, 0.9], "elu": [0.94, 0.95, 0.96]}, margin=0.01)
    assert "unpaired" in codes(unequal)
    (row,) = unequal.summary.comparisons
    expected = unpaired.compare(
        [0.94, 0.95, 0.96], [0.90, 0.92, 0.91, 0.93, 0.9], margin=0.01, alpha=0.05, resolution=0.01
    )
    assert (row.low, row.high) == pytest.approx((expected.low, expected.high))
    apart = [dict(row, seed=row["seed"] + 100 * (row["arm"] == "elu")) for row in rows(relu=0.0, elu=1.0)]
    assert "none of 16 seeds" in said(judge(apart), "unpaired")
    with pytest.raises(ArgumentError, match="pair up by seed"):
        judge(apart, sequential=True)


def test_a_missing_pair_is_left_out_of_every_arm() -> None:
    table = [row for row in TABLE if (row["arm"], row["seed"]) != ("elu", 3)]
    found = judge(table, margin=0.3)
    assert said(found, "missing-pairs").startswith("1 of the seeds left out, not run with every arm: 3")
    assert {row.n for row in found.summary.comparisons} == {7}


@pytest.mark.parametrize("nothing", ["", "nan", "inf", "-inf", None, float("nan"), float("inf"), "NaN"])
def test_a_run_without_a_finite_number_failed(nothing: Any) -> None:
    table = [dict(row, value=nothing) if (row["arm"], row["seed"]) == ("elu", 2) else row for row in TABLE]
    found = judge(table, margin=0.3)
    assert said(found, "failed-runs").startswith(
        "runs without a finite number count as failed: 1 of elu (row 11)"
    )
    arm = next(row for row in found.summary.arms if row.arm == "elu")
    assert (arm.n, arm.diverged) == (7, 1)
    assert found.summary.comparison("elu", "none").n == 7  # type: ignore[union-attr]


def test_a_single_seed_is_undecided_and_says_why() -> None:
    found = judge(rows(1, relu=0.0, elu=5.0))
    assert found.summary.comparisons[0].verdict == "undecided"
    assert found.recommendation.status == "open"
    assert "it takes two" in said(found, "one-run")


def test_a_loss_is_compared_by_its_negative_and_its_name_says_so() -> None:
    table = [{"arm": row["arm"], "seed": row["seed"], "test_loss": -row["value"]} for row in TABLE]
    found = judge(table, margin=0.3, lower_is_better=True)
    assert found.summary.plan.metric == "minus test_loss"
    assert found.recommendation.arm == "elu"
    assert codes(found) == []
    with pytest.raises(ArgumentError, match="'test_loss' leaves open whether higher is better"):
        judge(table, margin=0.3)
    assert codes(judge(table, margin=0.3, metric="score")) == []


@pytest.mark.parametrize("name", ["valLoss", "testloss", "MeanSquaredError", "MSELoss", "nRMSE", "val/time"])
def test_however_a_loss_is_called_its_worst_arm_is_not_recommended(name: str) -> None:
    table = [{"arm": row["arm"], "seed": row["seed"], name: row["value"]} for row in TABLE]
    with pytest.raises(ArgumentError, match="leaves open whether higher is better"):
        judge(table, margin=0.3)


@pytest.mark.parametrize("name", ["mAP", "top1", "per_class", "merit", "ROUGE-L", "timely", "tokens/s"])
def test_names_that_only_resemble_a_loss_are_taken_as_they_are(name: str) -> None:
    table = [{"arm": row["arm"], "seed": row["seed"], name: row["value"]} for row in TABLE]
    assert judge(table, margin=0.3).recommendation.arm == "elu"


def test_what_makes_runs_doubtful_is_told() -> None:
    same = {"relu": [97.0, 96.0, 98.0], "elu": [97.0, 96.0, 98.0], "gelu": [95.0, 95.0, 95.0]}
    found = judge({"seed": [1, 2, 3], **same}, margin=0.5)
    assert codes(found) == ["equal-arms", "constant"]
    assert said(found, "equal-arms").startswith("relu, elu: the same metric in every run")
    assert said(found, "constant").startswith("gelu: every run is at 95:")
    assert found.recommendation.status != "invalid"
    scores = {"relu": [1.0, 0.99, 1.0], "elu": [1.0, 1.0, 1.0], "gelu": [0.9, 0.92, 0.91]}
    full = judge({"seed": [1, 2, 3], **scores}, margin=0.01)
    assert codes(full) == ["ceiling"]
    assert said(full, "ceiling").startswith(
        "relu, elu: half of the runs or more are at 1, better cannot show"
    )
    lowest = judge({"relu": [0.0, 0.1, 0.0], "elu": [0.2, 0.1, 0.3]}, margin=0.1, lower_is_better=True)
    assert codes(lowest) == ["unpaired", "ceiling"]


@pytest.mark.parametrize(
    "table, code",
    [
        ({"relu": [97.1] * 4, "elu": [99.9] * 4}, "constant"),
        ({"relu": [97.1, 96.8, 97.4], "elu": [97.1, 96.8, 97.4], "gelu": [97.1, 96.8, 97.4]}, "equal-arms"),
        ({"relu": [1.1, 1.2, 1.3] * 2, "elu": [1.4, 1.2, 1.5] * 2}, "doubled-runs"),
    ],
)
def test_a_table_that_means_nothing_has_no_verdict_unless_it_is_allowed(table: Any, code: str) -> None:
    found = judge(table, margin=0.5)
    assert (found.recommendation.status, found.recommendation.arm) == ("invalid", None)
    assert codes(found) == ["unpaired", code]
    assert found.recommendation.sentence.startswith("No verdict: ")
    assert f"--allow {code}" in found.recommendation.sentence
    allowed = judge(table, margin=0.5, allow=f" {code} ")
    assert allowed.recommendation.status != "invalid"
    assert allowed.summary.scope[0].startswith(f"Overruled ({code}): ")
    with pytest.raises(UnknownNameError, match="check 'doubled'"):
        judge(table, margin=0.5, allow=["doubled"])


def test_unequal_columns_and_two_runs_each_are_no_reason_to_withhold() -> None:
    for table in ({"relu": [1.1, 1.2], "elu": [1.1, 1.2]}, {"relu": [1.1, 1.1], "elu": [1.2, 1.2]}):
        assert judge(table, margin=0.5).recommendation.status != "invalid"


def test_a_few_equal_differences_between_rounded_numbers_are_no_certainty() -> None:
    (row,) = judge({"seed": [0, 1], "relu": [90, 91], "elu": [91, 92]}, margin=0.1).summary.comparisons
    assert row.verdict == "undecided"
    assert row.low is not None
    assert row.low < 0.0


@pytest.mark.parametrize(
    "table, options, error, words",
    [
        ([], {}, DataError, "empty"),
        (TABLE, {"control": "rely"}, UnknownNameError, "did you mean 'relu'"),
        (TABLE, {"value": "acuracy"}, UnknownNameError, "unknown column 'acuracy'"),
        ([{"a": 1, "b": "x"}], {}, ArgumentError, "row 1 has 'x'; or is it the --arm-column"),
        ([{"layers": 1, "seed": 1, "acc": 2}], {}, ArgumentError, "which column holds the arm"),
        ([{"arm": 1, "b": "x", "c": 1}], {}, ArgumentError, "which column holds the value"),
        ([{"arm": "a", "accuracy": 1, "loss": 2}], {}, ArgumentError, "accuracy or loss"),
        ([*TABLE, TABLE[9]], {}, ArgumentError, "elu has seed 1 twice (rows 10 and 33)"),
        ([*TABLE, {"arm": "elu", "seed": 9, "value": "97 %"}], {}, ArgumentError, "row 33 has '97 %'"),
        ([*TABLE, {"seed": 9, "value": 97}], {}, ArgumentError, "row 33 lacks its arm"),
        (pd.DataFrame([*TABLE, {"arm": "elu", "value": 1}]), {}, ArgumentError, "row 32 lacks its seed"),
        (pd.DataFrame([*TABLE, {"seed": 9, "value": 1}]), {}, ArgumentError, "row 32 lacks its arm"),
        ([*TABLE, 7], {}, ArgumentError, "row 33 is '7'"),
        (TABLE[:8], {}, ArgumentError, "at least two arms"),
        (TABLE, {"margin": 0}, ArgumentError, "number above 0, but got 0"),
        (TABLE, {"margin": "tiny"}, ArgumentError, "'tiny'"),
        (TABLE, {"confidence": 95}, ArgumentError, "confidence=95"),
        ({"relu": [1, 1, 1], "elu": [1, 2, 3]}, {}, ArgumentError, "all equal: give --margin"),
        ({"relu": ["nan", "nan"], "elu": [1, 2]}, {}, ArgumentError, "relu has none"),
        ({"relu": [1, 2], "elu": [1, None]}, {}, ArgumentError, "'elu' is empty in row 2: write nan"),
        (pd.DataFrame([[1, 2], [1, 3]], columns=["elu", "elu"]), {}, ArgumentError, "different names"),
        ([{0: 1, 1: 2}], {}, ArgumentError, "row 1 is '{0: 1, 1: 2}'"),
        (7, {}, ArgumentTypeError, "int"),
        (pd.Series([1.0, 2.0]), {}, ArgumentError, "row 1 is '1.0'"),
        ("nowhere.csv", {}, DataError, "nowhere.csv"),
    ],
)
def test_what_cannot_be_judged_is_one_line(
    table: Any, options: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error) as caught:
        judge(table, **options)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_result_shows_itself_and_writes_its_report(tmp_path: Path) -> None:
    found = judge(TABLE, margin=0.3)
    assert str(found).splitlines()[0] == found.taken
    assert found.recommendation.sentence in str(found)
    assert found.recommendation.per_norm[0].sentence in found._repr_html_()
    written = found.write(tmp_path / "a" / "b")
    assert written.report == tmp_path / "a" / "b" / "report.html"
    assert "elu" in written.report.read_text(encoding="utf-8")
    told = json.loads(json.dumps(written.to_json(), allow_nan=False))
    assert told["recommendation"]["sentence"] == found.recommendation.sentence
    assert (told["report"], told["store"]) == (str(written.report), None)


def test_parquet_is_read_or_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "results.parquet"
    with pytest.raises(DataError, match=r"results\.parquet"):
        judge(file)
    file.write_bytes(b"PAR1")
    monkeypatch.setattr(pd, "read_parquet", lambda path: pd.DataFrame(TABLE))
    assert judge(file, margin=0.3).recommendation.sentence == judge(TABLE, margin=0.3).recommendation.sentence

    def missing(path: Path) -> None:
        raise ImportError("pyarrow is needed")

    monkeypatch.setattr(pd, "read_parquet", missing)
    with pytest.raises(MissingDependencyError, match="pip install pyarrow"):
        judge(file)


def test_it_needs_neither_torch_nor_pandas(tmp_path: Path) -> None:
    lines = [f"{row['arm']},{row['seed']},{row['value']}" for row in TABLE]
    (tmp_path / "results.csv").write_text("\n".join(["arm,seed,value", *lines]))
    code = (
        "import sys\n"
        "from rectifiers.evidence import judge\n"
        "str(judge('results.csv'))\n"
        "print(sorted({'torch', 'pandas', 'llvmlite', 'altair'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert (found.stdout, found.stderr) == ("[]\n", "")
