"""Models that are written without an activation in mind, compared with another one in its place."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

import rectifiers
from rectifiers.arms import parse_arms
from rectifiers.cli import main
from rectifiers.errors import ArgumentError, ArgumentTypeError, UserCodeError
from rectifiers.study.swapped import SwappedModel

MODEL = """
import torch.nn.functional as F
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.a, self.b = nn.Linear(8, 16), nn.Linear(16, 16), nn.Linear(16, 16)
        self.relu, self.gate, self.head = nn.ReLU(inplace=True), nn.Linear(16, 16), nn.Linear(16, 2)

    def forward(self, x):
        x = F.relu(self.stem(x))
        x = self.relu(x + self.b(self.relu(self.a(x))))
        return self.head(x * self.gate(x).sigmoid())


def build():
    return Net()


def with_argument(activation):
    return Net()
"""
DATA = """
import torch


def load():
    x = torch.randn(200, 8, generator=torch.Generator().manual_seed(0))
    return x, (x[:, 0] > 0).long()
"""
QUICK = ("--seeds", "2", "--epochs", "10", "--lr", "0.3", "--jobs", "1", "--no-report", "--quiet")


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "model.py").write_text(MODEL)
    (tmp_path / "data.py").write_text(DATA)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_model_of_a_library_end_to_end(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arms = ("--arms", "relu,leaky_relu,prelu,gelu", "--data", "data.py:load", "--out", "out", "--json")
    assert main(["compare", "--model", "model.py:build", "--swap", "relu", *arms, *QUICK]) == 0
    out = json.loads(capsys.readouterr().out)
    assert [arm["arm"] for arm in out["arms"]] == ["relu", "leaky_relu", "prelu", "gelu"]
    study = rectifiers.ComparisonResult.load("out").study
    assert study.plan.swap == "relu"
    parameters = {run.trial.arm: run.parameters for run in study.runs}
    assert parameters["prelu"] == parameters["relu"] + 3 * 16
    assert parameters["gelu"] == parameters["relu"]
    proofs = {run.trial.arm: run.init_hash for run in study.runs if run.trial.seed == 0}
    assert len(set(proofs.values())) == 1
    assert "--swap relu" in study.command


def test_what_is_not_swapped_is_told(directory: Path) -> None:
    result = rectifiers.compare(
        model="model.py:build", swap="relu", arms="relu,elu", data="data.py:load", seeds=1, epochs=1,
        learning_rate=0.1, report=False, progress=False, out="out", execution=rectifiers.Execution(1),
    )  # fmt: skip
    (notice,) = [n for n in result.study.warnings if n.code == "fixed-activations"]
    assert "sigmoid" in notice.text
    assert "relu" not in notice.text.split(";")[0]


@pytest.mark.parametrize(
    "options, words",
    [
        ({"swap": "relu"}, "swap is for an own model"),
        ({"swap": "", "model": "model.py:build"}, "swap is the name of an activation"),
        ({"swap": "relu", "model": "model.py:with_argument"}, "it takes activation"),
        ({"swap": "rellu", "model": "model.py:build"}, "matches none of"),
        ({"swap": "*", "model": "model.py:build"}, "matches 3 relu and 1 sigmoid"),
        (
            {"swap": "relu", "model": "model.py:build", "arms": "relu,maxout"},
            "maxout changes it, and with it stem, a",
        ),
    ],
)
def test_bad_input_is_one_line(directory: Path, options: dict[str, str], words: str) -> None:
    given = {"arms": "relu,elu", "data": "data.py:load", **options}
    with pytest.raises((ArgumentError, ArgumentTypeError, UserCodeError)) as error:
        rectifiers.compare(**given, report=False, progress=False)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_weights_and_random_numbers_are_those_of_the_model_itself() -> None:
    def build() -> nn.Module:
        return nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Dropout(), nn.Linear(5, 2))

    def made(make: Callable[[], nn.Module]) -> tuple[list[float], float]:
        torch.manual_seed(0)
        model = make()
        return [float(p.detach().sum()) for p in model.parameters()], float(torch.rand(()))

    (arm,) = parse_arms("rrelu")
    assert made(build) == made(lambda: SwappedModel(build, "relu", torch.zeros(2, 4))(arm))
