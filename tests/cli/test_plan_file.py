"""`plan.toml` beside a study: `rectifiers compare plan.toml` repeats it."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

import rectifiers
from rectifiers.cli import main
from rectifiers.comparison import ComparisonResult

MINE = """
import torch
from torch import nn

def load():
    x = torch.randn(40, 3, generator=torch.Generator().manual_seed(0))
    return x, (x[:, :2] > 0).long()

def build(act):
    return nn.Sequential(nn.Linear(3, 4), act(4), nn.Linear(4, 2))

def share(outputs, targets):
    return ((outputs > 0) == (targets > 0)).double().mean()

def flip(x):
    return -x
"""
QUICK = [
    "--seeds",
    "2",
    "--epochs",
    "2",
    "--lr",
    "0.1",
    "--jobs",
    "1",
    "--quiet",
    "--no-report",
    "--margin",
    "5",
]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_pieces.py").write_text(MINE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))


def metrics(directory: str) -> list[float | None]:
    return [run.metric for run in ComparisonResult.load(directory).study.runs]


def test_a_plan_repeats_a_study_of_ones_own_pieces() -> None:
    given = ["--data", "own_pieces:load", "--model", "own_pieces:build", "--loss", "several-labels"]
    given += ["--metric", "own_pieces:share", "--higher-is-better", "--augment", "own_pieces:flip"]
    given += ["--patience", "3", "--precision", "bf16", "--arms", "relu,leaky_relu(0.1),swish"]
    assert main(["compare", *given, *QUICK, "--out", "first"]) == 0
    found = tomllib.loads(Path("first/plan.toml").read_text())
    assert (found["data"], found["augment"], found["patience"]) == ("own_pieces:load", "own_pieces:flip", 3)
    rest = ["--jobs", "1", "--quiet", "--no-report"]
    assert main(["compare", "first/plan.toml", "--out", "again", *rest]) == 0
    assert metrics("again") == metrics("first")
    assert main(["compare", "first/plan.toml", "--out", "other", "--epochs", "1", *rest]) == 0
    assert ComparisonResult.load("other").study.plan.epochs == 1
    assert ComparisonResult.load("other").study.plan.loss == "several-labels"


def test_a_plan_of_a_task() -> None:
    assert main(["compare", "xor", "--arms", "relu,tanh", *QUICK, "--out", "first"]) == 0
    assert tomllib.loads(Path("first/plan.toml").read_text())["task"] == "xor"
    assert main(["compare", "first/plan.toml", "--out", "again", "--jobs", "1", "--quiet"]) == 0
    assert metrics("again") == metrics("first")


def test_the_command_of_an_open_recommendation_goes_on() -> None:
    rest = ["--jobs", "1", "--quiet", "--no-report"]
    few = ["--epochs", "2", "--lr", "0.1", "--max-seeds", "2", "--margin", "5", "--out", "first"]
    assert main(["compare", "xor", "--arms", "relu,tanh", *few, *rest]) == 0
    found = ComparisonResult.load("first")
    assert found.recommendation.command == "rectifiers compare first/plan.toml --max-seeds 40"
    assert main([*found.recommendation.command.split()[1:], *rest]) == 0
    after = ComparisonResult.load("first").study
    assert after.plan.seeds == 40
    assert set(found.study.runs) < set(after.runs)


def test_objects_cannot_be_repeated_by_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    from torch import nn

    result = rectifiers.compare(
        arms="relu,tanh", data=lambda: _data(), model=lambda act: nn.Sequential(nn.Linear(3, 2), act(2)),
        seeds=2, epochs=1, learning_rate=0.1, margin=5, out="first", report=False, progress=False,
    )  # fmt: skip
    assert result.study.command == ""
    assert main(["compare", "first/plan.toml"]) == 2
    said = capsys.readouterr().err
    assert (
        "first/plan.toml: model, data came as objects of a script or notebook: repeat the study there" in said
    )


def _data() -> object:
    import torch

    return torch.randn(40, 3, generator=torch.Generator().manual_seed(0)), torch.arange(40) % 2


@pytest.mark.parametrize(
    "text, said",
    [
        ("epochs = ", "plan.toml is not a plan:"),
        ("epoch = 3", "a plan has the options of `rectifiers compare`, but got 'epoch'"),
        (None, "cannot read plan.toml: No such file"),
        ("epochs = 'many'", "Invalid value for '--epochs'"),
    ],
)
def test_a_file_that_is_no_plan_is_one_line(
    text: str | None, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if text is not None:
        Path("plan.toml").write_text(text)
    assert main(["compare", "plan.toml"]) == 2
    assert said in capsys.readouterr().err


def test_the_first_line_says_what_was_inferred(capsys: pytest.CaptureFixture[str]) -> None:
    Path("labelled.py").write_text(
        "import torch\ndef load():\n    return torch.randn(40, 3), torch.arange(40) % 2\n"
    )
    assert main(["compare", "--data", "labelled:load", "--dry-run", "--arms", "relu,elu"]) == 0
    said = capsys.readouterr()
    assert (
        "labelled:load (classification, 2 classes: inferred from the targets): 2 arms" in said.out + said.err
    )


@pytest.mark.parametrize("option", ["--clip", "--accumulate", "--grad-scaler"])
def test_what_the_loop_has_not_is_for_a_training_function(
    option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", "xor", option, "1"]) == 2
    assert "goes into a training function of your own: train=" in capsys.readouterr().err
    with pytest.raises(
        rectifiers.errors.ArgumentTypeError, match=r"compare\(\) has no argument 'clip'.*train="
    ):
        rectifiers.compare("xor", clip=1.0)
