"""Several studies side by side."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from rectifiers.cli import main
from rectifiers.errors import ArgumentError
from rectifiers.records.values import Margin, Notice, Run, Study
from rectifiers.report.tasks import together


def made(study: Study, task: str, margin: float, gains: dict[str, float]) -> Study:
    """A study of a few seeds whose arms gain so much over the control at every seed; None: they fail."""
    plan = dataclasses.replace(
        study.plan, task=task, norms=("none",), seeds=4, learning_rates=(0.1,), racing=False
    )
    runs = []
    for arm in plan.arms:
        gain = gains.get(arm.label, 0.0)
        for seed in range(4):
            trial, level = plan.trial("test", arm.label, "none", 0.1, seed), 50.0 + 3 * seed
            failed = gain is None
            runs.append(
                Run(trial, "crashed" if failed else "finished", metric=None if failed else level + gain)
            )
    return Study(plan, tuple(runs), margin=Margin(margin, "as given"))


@pytest.fixture
def pair(study: Study) -> tuple[Study, Study, list[str]]:
    others = [arm.label for arm in study.plan.arms if arm.label != study.plan.control]
    one = made(study, "easy", 0.5, {others[0]: 1.0, others[1]: -0.25})
    two = made(study, "hard", 2.0, {others[0]: 1.0, others[1]: None})
    return one, two, others


def test_a_score_is_a_difference_in_margins_of_its_own_task(pair) -> None:
    one, two, others = pair
    found = together([one, two])
    rows = {row.arm: row for row in found.rows}
    assert (found.tasks, found.seeds) == (("easy", "hard"), 4)
    assert rows[others[0]].differences == pytest.approx((1.0, 1.0))
    assert rows[others[0]].iqm == pytest.approx((2.0 + 0.5) / 2)
    assert rows[one.plan.control].iqm == 0.0
    assert rows[others[0]].profile[found.thresholds.index(0.0)] == 1.0
    assert rows[others[0]].profile[found.thresholds.index(1.0)] == 0.5


def test_where_too_many_runs_failed_there_is_no_mean_and_the_arm_is_last(pair) -> None:
    one, two, others = pair
    found = together([one, two])
    assert (found.rows[-1].arm, found.rows[-1].iqm, found.rows[-1].differences[1]) == (others[1], None, None)
    assert found.rows[0].arm == others[0]
    assert "too many failed" in str(found)
    assert json.loads(json.dumps(found.to_json(), allow_nan=False))["rows"][-1]["iqm"] is None


def test_all_have_as_many_seeds_and_twins_are_numbered(pair) -> None:
    one = pair[0]
    short = dataclasses.replace(one, runs=tuple(run for run in one.runs if run.trial.seed < 3))
    found = together([one, short])
    assert (found.seeds, found.tasks) == (3, ("easy (1)", "easy (2)"))


def test_what_has_too_little_in_common_is_refused_in_a_line(pair) -> None:
    one, two, others = pair
    other = dataclasses.replace(two, plan=dataclasses.replace(two.plan, control=others[0]))
    with pytest.raises(ArgumentError, match="have one control"):
        together([one, other])
    with pytest.raises(ArgumentError, match="means nothing by itself: No verdict: too few"):
        together([one, dataclasses.replace(two, warnings=(Notice("few", "too few", "withheld"),))])
    with pytest.raises(ArgumentError, match="no margin yet"):
        together([one, dataclasses.replace(two, margin=None)])
    with pytest.raises(ArgumentError, match="needs two seeds"):
        together([one, dataclasses.replace(two, runs=())])


def test_the_command_prints_a_table_or_json_and_draws_profiles(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outs = [str(tmp_path / name) for name in ("one", "two")]
    for out, epochs in zip(outs, ("20", "40"), strict=True):
        quick = (
            f"compare xor --arms relu,elu --epochs {epochs} --width 4 --seeds 3 --lr 0.1 --margin 20 --quiet"
        )
        assert main([*quick.split(), "--no-report", "--out", out]) == 0
    capsys.readouterr()
    assert main(["report", *outs, "--svg", "--out", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "2 arms on 2 tasks, 3 seeds each" in said
    assert (tmp_path / "tasks.svg").read_text().startswith("<svg")
    assert main(["report", *outs, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["control"] == "relu"
