"""Several studies side by side."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

import pytest
from markupsafe import escape

from rectifiers.cli import main
from rectifiers.errors import ArgumentError
from rectifiers.records.values import Margin, Notice, Run, Study
from rectifiers.report import tasks_page, words
from rectifiers.report.tasks import together

SCRIPT = "<script>document.title='owned'</script>"


def made(study: Study, task: str, margin: float, gains: dict[str, float], data: str = "") -> Study:
    """A study of a few seeds whose arms gain so much over the control at every seed; None: they fail."""
    plan = dataclasses.replace(
        study.plan,
        task=task,
        data_hash=data or task,
        norms=("none",),
        seeds=4,
        learning_rates=(0.1,),
        racing=False,
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


def test_a_seed_at_which_the_control_failed_counts_for_whoever_finished(study, pair) -> None:
    """Left out, a control that fails on every second seed would look as good as one that never does."""
    one, _, others = pair
    control = one.plan.control
    fails = {(control, 0), (control, 1), (others[1], 0)}

    def failing(study: Study) -> Study:
        runs = tuple(
            dataclasses.replace(run, outcome="diverged", metric=None)
            if (run.trial.arm, run.trial.seed) in fails
            else run
            for run in study.runs
        )
        return dataclasses.replace(study, runs=runs)

    same = made(study, "as easy", 0.5, {others[0]: 1.0, others[1]: -0.25})
    found = together([failing(one), failing(same)])
    rows = {row.arm: row for row in found.rows}
    assert found.seeds == 4
    assert rows[others[1]].profile[-1] == 0.25  # finished at seed 1, where the control did not
    assert rows[others[1]].differences == pytest.approx((-0.25, -0.25))  # of seeds 2 and 3
    assert (rows[others[0]].iqm, found.rows[0].arm) == (
        None,
        others[0],
    )  # half of its runs: infinitely better


def test_all_have_as_many_seeds_and_what_is_left_out_is_said(study, pair) -> None:
    one, _, (better, worse, *_) = pair
    other = made(study, "easy", 0.5, {better: 1.0, worse: -0.25}, data="others")
    short = dataclasses.replace(other, runs=tuple(run for run in other.runs if run.trial.seed < 3))
    found = together([one, short])
    assert (found.seeds, found.tasks) == (3, ("easy (1)", "easy (2)"))
    assert found.left_out == (
        f"Left out: {len(one.plan.arms)} runs of seeds that not every arm has on every task.",
    )
    plan = dataclasses.replace(other.plan, arms=other.plan.arms[:2], racing=True)
    fewer = dataclasses.replace(other, plan=plan)
    found = together([one, fewer])
    assert len(found.rows) == 2
    assert found.left_out[0].startswith(f"Left out, as not every study has them: {one.plan.arms[2].label}")
    assert found.left_out[1].startswith("On easy (2) seeds ended when arms were decided")


def test_what_has_too_little_in_common_is_refused_in_a_line(pair) -> None:
    one, two, others = pair
    control = re.escape(one.plan.control)
    other = dataclasses.replace(two, plan=dataclasses.replace(two.plan, control=others[0]))
    with pytest.raises(ArgumentError, match=f"have one control.*: the same command with --control {control}"):
        together([one, other])
    with pytest.raises(ArgumentError, match="means nothing by itself: No verdict: too few"):
        together([one, dataclasses.replace(two, warnings=(Notice("few", "too few", "withheld"),))])
    changed = tuple(dataclasses.replace(arm, identity="another") for arm in two.plan.arms)
    with pytest.raises(ArgumentError, match="is not the same in all studies: another and"):
        together([one, dataclasses.replace(two, plan=dataclasses.replace(two.plan, arms=changed))])
    with pytest.raises(ArgumentError, match="no margin yet"):
        together([one, dataclasses.replace(two, margin=None)])
    with pytest.raises(ArgumentError, match="needs two seeds"):
        together([one, dataclasses.replace(two, runs=())])
    with pytest.raises(ArgumentError, match=r"two of easy have \d+ in common, which would count twice"):
        together([one, two, one])


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
    place = tmp_path / "together"
    assert main(["report", *outs, "--svg", "--out", str(place)]) == 0
    said = capsys.readouterr().out
    assert "2 arms on 2 tasks, 3 seeds each" in said
    assert str(place / "tasks.html") in said
    assert (place / "tasks-profiles.svg").read_text().startswith("<svg")
    assert main(["report", *outs, "--json", "--out", str(place)]) == 0
    assert json.loads(capsys.readouterr().out)["control"] == "relu"


def test_the_page_has_every_figure_and_escapes_what_it_shows(pair, tmp_path: Path) -> None:
    one, two, _ = pair
    named = dataclasses.replace(two, plan=dataclasses.replace(two.plan, task=SCRIPT))
    found = together([one, named])
    text = tasks_page.write(found, one.plan.arms, tmp_path).read_text()
    assert SCRIPT not in text
    assert {"tasks-means", "tasks-profiles"} == {*re.findall(r'data-chart="([\w-]+)"', text)}
    assert words.between(found.rows[0].low, found.rows[0].high, 2) in text
    assert "too many failed" in text
    assert f"<b>easy and {escape(SCRIPT)}</b>" in text
