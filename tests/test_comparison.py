"""`rectifiers.compare` from Python: arms as objects, the result's views, and keeping on."""

from __future__ import annotations

import dataclasses
import json
import shlex
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import rectifiers
from rectifiers.arms import parse_arms
from rectifiers.comparison import DEFAULT_ARMS, ComparisonResult, Interrupted
from rectifiers.errors import ArgumentError, PlanMismatchError, StoreError
from rectifiers.records import events
from rectifiers.report.live import Watcher

QUICK: dict[str, Any] = {"seeds": 3, "epochs": 3, "learning_rate": 1.0}


class Wave(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.sin(x)


def bent(x: torch.Tensor) -> torch.Tensor:
    return torch.where(x > 0, x, 0.3 * x)


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> ComparisonResult:
    out = tmp_path_factory.mktemp("result") / "study"
    return rectifiers.compare("xor", "relu,leaky_relu(1/5.5),prelu", norms="none,batch", out=out, **QUICK)


def test_the_result_knows_its_files(result: ComparisonResult) -> None:
    assert result.store.is_file()
    assert result.report is not None
    assert result.report.read_text(encoding="utf-8").lstrip().lower().startswith("<!doctype html>")
    assert result.places == {"report": str(result.report), "store": str(result.store)}


def test_the_frame_has_a_row_per_arm_and_norm_with_its_comparison(result: ComparisonResult) -> None:
    frame = result.to_frame().set_index(["arm", "norm"])
    assert len(frame) == 6
    assert frame["n"].eq(3).all()
    assert frame["difference"].isna().sum() == 2
    for row in result.summary.comparisons:
        assert frame.loc[(row.arm, row.norm), "difference"] == row.difference


def test_the_json_is_plain_and_complete(result: ComparisonResult) -> None:
    found = json.loads(json.dumps(result.to_json(), allow_nan=False))
    assert found["store"] == str(result.store)
    assert len(found["arms"]) == 6
    assert len(found["comparisons"]) == 4


def test_it_shows_itself_as_text_and_in_a_notebook(result: ComparisonResult) -> None:
    assert " ".join(str(result).split()).startswith(result.summary.recommendation.sentence)
    assert result.verdict.startswith(result.summary.recommendation.sentence)
    html = result._repr_html_()
    assert html.count("<tr>") == 7
    assert "leaky_relu(1/5.5)" in html


def test_a_kept_result_is_the_same_result(result: ComparisonResult) -> None:
    for place in (result.store.parent, result.store):
        again = ComparisonResult.load(place)
        assert again == result
        assert again.to_json() == result.to_json()


def test_the_report_can_be_written_elsewhere(result: ComparisonResult, tmp_path: Path) -> None:
    again = result.write(tmp_path / "there")
    assert again.report == tmp_path / "there" / "report.html"
    assert again.report.is_file()
    assert again.store == result.store


def test_one_command_line_says_it_all(result: ComparisonResult) -> None:
    words = shlex.split(result.study.command)
    assert words[:3] == ["rectifiers", "compare", "xor"]
    options = dict(zip(words[3::2], words[4::2], strict=True))
    assert options["--arms"] == "relu,leaky_relu(1/5.5),prelu"
    assert options["--norm"] == "none,batch"
    assert options["--lr"] == "1.0"


def test_the_default_arms_are_seven_and_relu_is_among_them() -> None:
    labels = [arm.label for arm in parse_arms(DEFAULT_ARMS)]
    assert len(labels) == 7
    assert "relu" in labels


def test_arms_may_be_objects(tmp_path: Path) -> None:
    arms = ["relu", Wave, bent, nn.ELU(0.5), rectifiers.nn.SiLU]
    result = rectifiers.compare("xor", arms, out=tmp_path, report=False, **QUICK)
    labels = [arm.label for arm in result.study.plan.arms]
    assert labels[:3] == ["relu", "Wave", "bent"]
    assert len(result.summary.arms) == 5
    assert result.report is None
    again = rectifiers.compare("xor", arms, out=tmp_path, report=False, **QUICK)
    assert again.study.runs == result.study.runs


def test_arguments_left_out_are_the_tasks(tmp_path: Path) -> None:
    result = rectifiers.compare("xor", "relu,elu", out=tmp_path, report=False, **QUICK)
    plan = result.study.plan
    assert plan.control == "relu"
    assert plan.norms == ("none",)
    assert plan.margin is None
    assert result.study.margin is not None
    assert plan.confidence == 0.95


class _Stop(Watcher):
    """Presses Ctrl-C once two trials are finished."""

    def __call__(self, event: events.Event) -> None:
        super().__call__(event)
        if isinstance(event, events.TrialFinished) and self.progress.done == 2:
            raise KeyboardInterrupt


def test_an_interruption_keeps_what_is_finished_and_the_same_call_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uninterrupted = rectifiers.compare("xor", "relu,elu", out=tmp_path / "other", report=False, **QUICK)
    with monkeypatch.context() as patched:
        patched.setattr("rectifiers.report.live.Watcher", _Stop)
        with pytest.raises(Interrupted) as caught:
            rectifiers.compare("xor", "relu,elu", out=tmp_path, progress=False, **QUICK)
    assert (caught.value.done, caught.value.total) == (2, 9)
    expected = f"stopped: 2 of at most 9 trials are kept in {tmp_path}; the same command goes on"
    assert str(caught.value) == expected
    assert isinstance(caught.value, KeyboardInterrupt)
    kept = ComparisonResult.load(tmp_path)
    assert len(kept.study.runs) == 2
    assert kept.verdict.startswith("Not finished")

    result = rectifiers.compare("xor", "relu,elu", out=tmp_path, report=False, **QUICK)
    assert result.study.runs[:2] == kept.study.runs
    assert [run.metric for run in result.study.runs] == [run.metric for run in uninterrupted.study.runs]


def test_another_protocol_is_refused_and_the_first_is_kept(tmp_path: Path) -> None:
    result = rectifiers.compare("xor", "relu,elu", out=tmp_path, report=False, **QUICK)
    with pytest.raises(PlanMismatchError, match="epochs"):
        rectifiers.compare("xor", "relu,elu", out=tmp_path, report=False, **{**QUICK, "epochs": 4})
    assert ComparisonResult.load(tmp_path) == dataclasses.replace(result, report=None)


def test_bad_input_is_told_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ArgumentError, match="did you mean 'relu'"):
        rectifiers.compare("xor", "relo,elu")
    assert list(tmp_path.iterdir()) == []


def test_there_is_nothing_to_load(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"study\.db"):
        ComparisonResult.load(tmp_path)


def test_the_memory_of_a_step_is_not_that_of_the_data_set(tmp_path: Path) -> None:
    quick = {**QUICK, "seeds": 1, "epochs": 1}
    result = rectifiers.compare("digits", "relu,elu", out=tmp_path, report=False, **quick)
    plan = result.study.plan
    data_set = 4 * plan.train_size * 64
    for row in result.summary.arms:
        assert row.parameters is not None
        assert row.peak_memory is not None
        assert 4 * 3 * row.parameters < row.peak_memory < data_set


def test_processes_measure_what_this_one_does_and_take_what_is_defined_here(tmp_path: Path) -> None:
    def alike(runs: Any) -> Any:
        found = [dataclasses.replace(run, seconds=0.0, started="") for run in runs]
        return sorted(found, key=lambda run: run.trial.key)

    results = [
        rectifiers.compare(
            "xor",
            ["relu", Wave, bent],
            out=tmp_path / str(jobs),
            report=False,
            execution=rectifiers.Execution(jobs=jobs),
            **QUICK,
        )
        for jobs in (1, 2)
    ]
    assert alike(results[0].study.runs) == alike(results[1].study.runs)
    assert results[0].to_json()["comparisons"] == results[1].to_json()["comparisons"]


def test_the_recommendation_is_the_first_thing_said(result: ComparisonResult) -> None:
    assert str(result).split()[:3] == result.recommendation.sentence.split()[:3]
    assert result.to_json()["recommendation"]["sentence"] == result.recommendation.sentence
    assert result.recommendation.status in ("decided", "open")


def test_the_command_goes_on_in_the_same_place_and_is_left_out_where_none_can(tmp_path: Path) -> None:
    named = rectifiers.compare("xor", "relu,elu", out=tmp_path / "a", report=False, **QUICK)
    words = shlex.split(named.study.command)
    assert words[words.index("--out") + 1] == str(tmp_path / "a")
    own = rectifiers.compare("xor", ["relu", bent], out=tmp_path / "b", report=False, **QUICK)
    assert own.study.command == ""
