"""Running a claim: what is read of a study, a user's file, and the record that comes out."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rectifiers
from rectifiers import claims
from rectifiers.claims import (
    Claim,
    Computed,
    Criterion,
    Difference,
    Interaction,
    Lead,
    Part,
    Record,
    Scale,
    Share,
    TimeToTarget,
    Trend,
)
from rectifiers.cli import main
from rectifiers.errors import ArgumentError

STUDY: dict[str, Any] = {
    "task": "digits",
    "arms": ("relu", "elu"),
    "norms": ("none", "batch"),
    "seeds": 6,
    "epochs": 1,
    "learning_rate": 0.1,
    "width": 8,
    "target": 60.0,
    "margin": 2.0,
}
ANY = Criterion("within", 0, 1e9)


def number(bias: float) -> float:
    return bias


def values(bias: float) -> Any:
    return np.array([1.0, 2.0, 3.0]) + bias


def count(bias: float) -> Any:
    return np.arange(10) > 0


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("claims")


@pytest.fixture(scope="module")
def record(place: Path) -> Record:
    claim = Claim(
        name="everything",
        title="All that can be read",
        statement="One of each.",
        source="This test",
        parts=(
            Part("exact", Computed(number), Criterion("within", 0.5, 0)),
            Part("mean", Computed(values), ANY),
            Part("share", Computed(count), Criterion("above", 0.2, 0)),
            Part("metric", Difference("elu", "relu"), Criterion("within", 0, "margin"), decides=False),
            Part("loss", Difference("elu", "relu", norm="batch", quantity="train_loss"), ANY),
            Part("gap", Difference("elu", "relu", quantity="gap"), ANY),
            Part("interaction", Interaction("elu", "relu"), ANY),
            Part("lead", Lead("elu", ("relu",)), ANY),
            Part("place", Lead("elu", ("relu", "elu"), place=2), ANY),
            Part("time", TimeToTarget("elu", "relu"), ANY, decides=False),
            Part("high enough", Share("relu", 10.0), Criterion("above", 0.2, 0)),
            Part("trend", Trend("elu", "relu", ((1, "main"), (2, "deeper"))), ANY),
        ),
        scales={
            "quick": Scale(
                0.1,
                "everything",
                proxy=True,
                studies={"main": STUDY, "deeper": {**STUDY, "depth": 3}},
                settings={"bias": 0.5},
            )
        },
    )
    return claims.run(claim, jobs=1, out=place)


def test_every_reading_gives_a_number_and_an_interval(record: Record) -> None:
    found = {part.says: part for part in record.parts}
    assert (found["exact"].value, found["exact"].low, found["exact"].n) == (0.5, 0.5, 0)
    assert found["mean"].value == 2.5
    assert found["share"].value == 0.9
    for name in ("metric", "loss", "gap", "interaction", "lead", "trend"):
        part = found[name]
        assert part.low is not None, name
        assert part.value is not None
        assert part.high is not None
        assert part.low < part.value < part.high
        assert part.n == 6
    assert found["metric"].margin == 2.0
    assert found["lead"].value == found["metric"].value  # over the only other
    assert found["place"].value is not None
    assert found["place"].value >= max(0.0, found["metric"].value or 0.0)  # over the lower of ELU and ReLU
    assert found["high enough"].value == 1.0


def test_a_result_of_compare_has_the_same_numbers(record: Record, place: Path) -> None:
    results = [rectifiers.ComparisonResult.load(path) for path in sorted(place.glob("studies/*"))]
    assert len(results) == 2  # one per study of the plan
    (part,) = [part for part in record.parts if part.says == "interaction"]
    assert part.value in [result.interaction("elu").difference for result in results]
    for result in results:
        assert result.speedup("elu").n == 6
        with pytest.raises(ArgumentError, match="unknown arm 'gelu'"):
            result.speedup("gelu")


def test_a_proxy_never_just_says_reproduced(record: Record) -> None:
    assert record.verdict == "reproduced"
    assert record.text == "reproduced (proxy)"
    assert str(record).startswith("everything: reproduced (proxy), at scale quick")


def test_a_record_survives_its_file(record: Record, tmp_path: Path) -> None:
    path = record.write(tmp_path)
    assert Record.from_json(json.loads(path.read_text())) == record
    assert claims.recorded("everything", tmp_path) == {"quick": record}


MINE = """
from rectifiers.claims import Claim, Computed, Criterion, Part, Scale

def worst(points):
    return 0.1 * points

claim = Claim(
    name="{name}", title="It is small", statement="It is.", source="Me 2026",
    parts=(Part("it is below 1", Computed(worst), {criterion}),),
    scales={{"quick": Scale(0.1, settings={{"points": 3}})}},
)
"""


def written(directory: Path, name: str = "mine", criterion: str = 'Criterion("below", 1, 0)') -> str:
    path = directory / "mypaper.py"
    path.write_text(MINE.format(name=name, criterion=criterion))
    return str(path)


def test_a_file_of_ones_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["claims", "run", written(tmp_path), "--json", "--out", str(tmp_path)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["claim"], found["verdict"], found["proxy"]) == ("mine", "reproduced", False)
    assert found["parts"][0]["value"] == pytest.approx(0.3)
    assert (tmp_path / "mine.quick.json").is_file()


@pytest.mark.parametrize(
    "changed, said",
    [
        ({"criterion": "None"}, "'it is below 1' has none"),
        ({"criterion": "Criterion(size=1, tolerance=0)"}, "a criterion has a direction"),
        ({"name": "softmax-shift"}, "is taken by a claim of the library"),
    ],
)
def test_a_bad_file_gets_one_line(
    tmp_path: Path, changed: dict[str, str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["claims", "run", written(tmp_path, **changed), "--out", str(tmp_path)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert "mypaper.py: " in err
    assert said in err


@pytest.mark.parametrize(
    "name, said",
    [
        ("empty.py", "must be a Claim, but is int"),
        ("none.py", "no such file"),
        ("softmx-shift", "did you mean 'softmax-shift'"),
    ],
)
def test_a_file_without_a_claim_and_no_file(
    name: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty.py").write_text("claim = 3\n")
    path = str(tmp_path / name) if name.endswith(".py") else name
    assert main(["claims", "run", path, "--out", str(tmp_path)]) == 2
    assert said in capsys.readouterr().err


def test_a_study_that_means_nothing_decides_nothing(tmp_path: Path) -> None:
    arms = {"one": "relu", "two": "torch:nn.ReLU"}
    study = {**STUDY, "arms": arms, "norms": ("none",), "epochs": 1, "seeds": 3, "learning_rate": 1e-12}
    claim = Claim(
        name="nothing",
        title="Nothing",
        statement="Nothing learns at such a rate.",
        source="This test",
        parts=(Part("no difference", Difference("two", "one"), ANY),),
        scales={"quick": Scale(0.1, studies={"main": study})},
    )
    found = claims.run(claim, jobs=1, out=tmp_path)
    assert found.verdict == "inconclusive"
    assert "means nothing" in found.parts[0].note


PAGE = Path(__file__).parents[2] / "docs" / "claims" / "state.md"


@pytest.mark.skipif(not PAGE.exists(), reason="the documentation is not installed with the package")
def test_the_template_of_the_documentation_is_a_claim(tmp_path: Path) -> None:
    (template,) = re.findall(r'```python title="mypaper.py"\n(.*?)```', PAGE.read_text(), re.S)
    (tmp_path / "mypaper.py").write_text(template)
    claim = claims.load(tmp_path / "mypaper.py")
    assert set(claim.scales) == {"quick", "full"}
    assert claim.plan("quick")["proxy"] is True
