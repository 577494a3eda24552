"""The checks at the end of a study: on records as they would be left, and on small studies as they come."""

from __future__ import annotations

import csv
import dataclasses
import io
import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from rectifiers import compare
from rectifiers.cli import main
from rectifiers.evidence import judge
from rectifiers.records.values import ArmSpec, Curve, Margin, Plan, Run, Study
from rectifiers.report.summary import Summary, summarize
from rectifiers.validity import CHECKS

Metrics = Sequence[float | str]


def plan(labels: Sequence[str], runs: int, **changes: Any) -> Plan:
    made = Plan(
        task="digits", data_source="embedded", data_hash="d" * 64, metric="accuracy", unit="%",
        resolution=0.17, train_size=1200, validation_size=240, test_size=597, outputs=10, input_shape=(64,),
        arms=tuple(ArmSpec(arm, arm, arm, 1.0) for arm in labels), control=labels[0], norms=("none",),
        seeds=runs, tuning_seeds=0, learning_rates=(0.1,), epochs=3, batch_size=32, optimizer="sgd",
        momentum=0.9, weight_decay=0.0, schedule="cosine", model="mlp", width=32, depth=1, match="width",
        initialization="gain", margin=1.0, confidence=0.95, target=None, device="cpu", baseline=10.4,
    )  # fmt: skip
    return dataclasses.replace(made, **changes)


def found(
    metrics: dict[str, Metrics],
    *,
    weights: str = "",
    losses: bool = False,
    balanced: float | None = None,
    standard_error: float | None = None,
    **changes: Any,
) -> Summary:
    """What is made of these metrics per arm (or ``arm/norm``): a text is the reason of a crash.

    `weights` is what all seeds start with, where that is not each seed's own; `losses` gives every run a
    curve of its own.
    """
    cells = {tuple(name.split("/")) if "/" in name else (name, "none"): m for name, m in metrics.items()}
    arms, norms = (tuple(dict.fromkeys(part)) for part in zip(*cells, strict=True))
    made = plan(arms, max(map(len, metrics.values())), **{"norms": norms, **changes})
    runs = []
    for (arm, norm), values in cells.items():
        for seed, value in enumerate(values):
            finished = isinstance(value, float | int)
            runs.append(
                Run(
                    trial=made.trial("test", arm, norm, made.learning_rates[0], seed),
                    outcome="finished" if finished else "crashed",
                    reason="" if finished else str(value),
                    metric=float(value) if finished else None,
                    steps=10, epochs=3, steps_to_target=None, seconds=1.0, peak_memory=None, parameters=100,
                    train_loss=(2.0, 1.0 + (0.01 * len(runs) if losses else 0.0)), train_error=(),
                    init_hash=weights or f"weights {seed}", order_hash=str(seed), noise_hash=str(seed),
                    started="", standard_error=standard_error, balanced=balanced,
                )
            )  # fmt: skip
    return summarize(Study(made, tuple(runs), margin=Margin(made.margin or 1.0, "as given")))


def told(summary: Summary) -> dict[str, str]:
    assert summary.valid == all(notice.severity == "warned" for notice in summary.warnings)
    return {notice.code: notice.severity for notice in summary.warnings}


GOOD = [97.0, 96.5, 97.3]
BETTER = [97.6, 97.0, 97.7]
RARE = [94.0, 94.2, 94.1]
TWO: dict[str, Any] = {"outputs": 1, "baseline": 50.0}
R2: dict[str, Any] = {"metric": "R2", "baseline": 0.0, "standard_error": 0.5}


def test_a_sound_study_has_no_remark() -> None:
    assert told(found({"relu": GOOD, "elu": BETTER})) == {}
    assert told(found({"relu": GOOD, "elu": BETTER, "tanh": [90.0, 90.0, 90.2]}, losses=True)) == {}


@pytest.mark.parametrize(
    "metrics, options, expected",
    [
        ({"relu": [97.0] * 3, "elu": [97.3] * 3}, {"weights": "w"}, "withheld"),
        ({"relu": GOOD, "elu": [97.3] * 3}, {"weights": "w"}, "withheld"),
        ({"relu": [97.0, 97.0, "boom", 97.0], "elu": [*BETTER, 97.0]}, {"weights": "w"}, "withheld"),
        ({"relu": [97.0] * 2, "elu": [97.3] * 2}, {"weights": "w"}, None),  # may be chance
        ({"relu": [97.0] * 3, "elu": [97.3] * 3}, {}, None),  # other weights each time
        ({"relu": GOOD, "elu": BETTER}, {"weights": "w"}, None),  # another order of the data is something
        (
            {"relu": [97.0] * 3, "elu": [97.3] * 3},
            {"weights": "w", "losses": True},
            None,
        ),  # as above, a small test set
        ({"relu": [100.0] * 3, "elu": [100.0] * 3}, {"weights": "w"}, None),  # pre-trained, and too easy
    ],
)
def test_seeds_that_change_nothing_are_no_replicates(
    metrics: Any, options: Any, expected: str | None
) -> None:
    summary = found(metrics, **options)
    assert told(summary).get("seeds-change-nothing") == expected
    assert summary.valid == (expected is None)


@pytest.mark.parametrize(
    "metrics, options, expected",
    [
        ({"relu": [9.8, 9.9, 10.4], "elu": [10.4, 10.4, 10.2]}, {}, "withheld"),
        ({"relu": [10.4] * 3, "elu": [10.4] * 3}, {"losses": True}, "withheld"),
        ({"relu": [11.0, 10.2, 10.9], "elu": [10.0, 9.0, 11.0]}, {}, "withheld"),  # above it by chance
        ({"relu": [10.4, 10.4, 10.4], "elu": [60.0, 61.0, 62.0]}, {"losses": True}, None),  # a finding
        ({"relu": [10.4, 10.4, 10.4, 10.4], "elu": [10.4, 10.4, 10.4, 95.0]}, {"losses": True}, None),
        ({"relu": [13.0, 12.8, 13.1], "elu": [12.5, 13.0, 12.2]}, {}, None),  # little, and clearly so
        ({"relu": [30.0, 31.0, 30.5], "elu": [31.0, 30.0, 31.5]}, {"margin": 40.0}, None),
        ({"relu": [10.4], "elu": [10.4]}, {}, None),  # one seed
        ({"relu": [10.4], "elu": [10.4]}, {"seeds": 20}, None),
        ({"relu": [10.4] * 2, "elu": [10.4] * 2}, {"seeds": 20}, None),  # more are to come
        ({"relu": [10.4] * 2, "elu": [10.4] * 2}, {"losses": True}, "withheld"),  # no more are
        ({"relu": ["boom"] * 3, "elu": ["boom"] * 3}, {}, None),  # another matter
        ({"relu": [9.0, 10.0, 10.1], "elu": ["boom"] * 3}, {}, "withheld"),
        ({"relu": [10.4] * 3, "elu": [10.4] * 3}, {"baseline": None, "losses": True}, None),  # not known
        # Four samples, and ten: every level is few samples from every other.
        ({"relu": [50, 75, 50, 75], "elu": [50, 50, 75, 50]}, {**TWO, "test_size": 4}, None),
        ({"relu": [50, 50, 50], "elu": [50, 50, 50]}, {**TWO, "test_size": 4, "losses": True}, "withheld"),
        ({"relu": [70, 70, 60], "elu": [70, 80, 70]}, {**TWO, "test_size": 10, "baseline": 60.0}, None),
        # One class is nearly all: less right than a constant answer, and yet it tells the classes apart.
        ({"relu": RARE, "elu": RARE[::-1]}, {**TWO, "baseline": 95.0, "balanced": 75.0}, None),
        ({"relu": RARE, "elu": RARE[::-1]}, {**TWO, "baseline": 95.0, "balanced": 50.2}, "withheld"),
        ({"relu": [-2.0, 0.1, -1.0], "elu": [0.3, -3.0, 0.0]}, R2, "withheld"),
        ({"relu": [1.5, 1.6, 1.4], "elu": [1.3, 1.2, 1.6]}, R2, None),
        ({"relu": [90.0, 85.0, -400.0], "elu": [91.0, 80.0, -90.0]}, R2, None),
        (
            {"relu/none": [10.4] * 3, "elu/none": [10.0] * 3, "relu/batch": GOOD, "elu/batch": BETTER},
            {"losses": True},
            "warned",
        ),
    ],
)  # fmt: skip
def test_where_no_arm_learned_nothing_is_compared(metrics: Any, options: Any, expected: str | None) -> None:
    assert told(found(metrics, **options)).get("no-arm-learned") == expected


def test_what_is_said_where_no_arm_learned() -> None:
    summary = found({"relu": [9.8, 9.9, 10.4], "elu": [10.0, 10.0, 9.7]})
    text = "no arm learned: accuracy 10.0 %, the most frequent class alone gives 10.4 %"
    assert summary.recommendation.sentence.startswith(f"No verdict: {text}: train longer")


@pytest.mark.parametrize(
    "metrics, said",
    [
        (
            {"relu": [100.0] * 5, "elu": [100.0] * 5},
            "the task is too easy to tell the arms apart, 10 of 10 runs",
        ),
        (
            {"relu": [100.0] * 10, "elu": [100.0] * 9 + [99.0]},
            "the task is too easy to tell the arms apart, 19 of 20",
        ),
        ({"relu": [100.0, 100.0, 99.0], "elu": BETTER}, "relu: half of the runs or more are at 100 %"),
        ({"relu": [100.0, 99.5, 99.0], "elu": BETTER}, None),
        ({"relu": [100.0], "elu": [100.0]}, None),
        ({"relu": [100.0] * 3}, None),  # nothing is compared
        ({"relu": [1.0, 1.0, 0.8], "elu": [1.0, 0.9, 0.7]}, None),  # 1 % is no maximum
    ],
)
def test_at_the_maximum_no_arm_can_be_better(metrics: Any, said: str | None) -> None:
    summary = found(metrics, losses=True, baseline=None)
    assert summary.valid
    notices = [notice.text for notice in summary.warnings if notice.code == "ceiling"]
    assert [text[: len(said or "")] for text in notices] == ([said] if said else [])


def test_all_at_the_maximum_is_a_tie() -> None:
    summary = found({"relu": [100.0] * 5, "elu": [100.0] * 5}, losses=True)
    assert summary.recommendation.sentence.startswith("Keep relu: a tie, elu is equivalent within")


def test_an_arm_that_answers_as_a_constant_is_named_where_others_learn() -> None:
    summary = found({"relu": GOOD, "tanh": [10.4] * 3}, losses=True)
    assert told(summary) == {"constant": "warned"}
    assert summary.warnings[0].text.startswith("tanh: every run is at 10.4 %, as a constant answer:")
    assert told(found({"relu": GOOD, "tanh": [75.0] * 3}, losses=True)) == {}  # a small test set
    assert told(found({"relu": GOOD[:2], "tanh": [10.4] * 2}, losses=True)) == {}


@pytest.mark.parametrize(
    "metrics, options, expected",
    [
        ({"relu": GOOD, "elu": GOOD, "tanh": GOOD}, {}, "withheld"),
        ({"relu": GOOD, "elu": GOOD, "tanh": BETTER}, {}, "warned"),
        ({"relu": [*GOOD, "boom"], "elu": [*GOOD, "boom"]}, {}, "withheld"),
        ({"relu": [*GOOD, "boom"], "elu": [*GOOD, 97.0]}, {}, None),
        ({"relu": GOOD[:2], "elu": GOOD[:2]}, {}, "warned"),  # two may be chance
        ({"relu": GOOD[:2], "elu": GOOD[:2], "tanh": BETTER[:2]}, {}, None),
        ({"relu": GOOD[:2], "elu": [*GOOD[:2], 97.0], "tanh": GOOD[:2]}, {}, None),
        ({"relu": GOOD, "elu": GOOD}, {"losses": True}, None),  # by chance: they were trained otherwise
        ({"relu": [100.0] * 3, "elu": [100.0] * 3}, {}, None),
        ({"relu": [*GOOD, 98.0], "elu": GOOD}, {"racing": True}, "withheld"),  # one has left
    ],
)
def test_arms_with_the_same_runs_are_one_arm(metrics: Any, options: Any, expected: str | None) -> None:
    assert told(found(metrics, **options)).get("equal-arms") == expected


@pytest.mark.parametrize(
    "rows, expected",
    [
        ("0,97.1,97.3\n1,97.1,97.3", [("constant", "warned")]),
        ("0,97.1,97.1\n1,97.1,97.1", [("constant", "warned")]),
        ("0,97.1,97.1\n1,96.8,96.8", [("equal-arms", "warned")]),
        ("0,97.1,97.3\n1,97.1,96.8", []),
    ],
)
def test_two_runs_that_ignore_the_seed_or_the_arm_are_told(
    rows: str, expected: list[tuple[str, str]]
) -> None:
    table = list(csv.DictReader(io.StringIO(f"seed,relu,elu\n{rows}")))
    summary = judge(table, margin=0.5).summary
    assert summary.valid
    assert [(notice.code, notice.severity) for notice in summary.warnings] == expected


def test_two_names_of_one_function_are_no_fault_of_the_model() -> None:
    curve = Curve((0.0, 1.0), (0.0, 1.0), (0.0, 1.0))
    arms = tuple(ArmSpec(name, name, "", 1.0, curve=curve) for name in ("relu", "torch:nn.ReLU"))
    summary = found({"relu": GOOD, "torch:nn.ReLU": GOOD}, arms=arms)
    assert told(summary) == {"equal-arms": "warned"}
    assert "tie" in summary.recommendation.sentence


def test_a_crashed_arm_says_why_in_one_line() -> None:
    boom = "ValueError: x has no such axis"
    summary = found({"relu": [*GOOD, 97.0, 97.1], "mine": [boom, "RuntimeError: later", *[boom] * 3]})
    (notice,) = summary.warnings
    assert (notice.code, notice.severity) == ("runs-failed", "warned")
    assert notice.text.startswith(f"mine: 5 of 5 runs crashed: {boom}: ")
    by_arm = {row["arm"]: row["first_failure"] for row in summary.to_json()["arms"]}
    assert by_arm == {"relu": None, "mine": boom}


def test_one_run_is_told() -> None:
    assert told(found({"relu": [97.0], "elu": [97.5]})) == {"one-run": "warned"}
    assert told(found({"relu": [97.0], "elu": [97.5]}, seeds=10)) == {}  # more are to come
    assert told(found({"relu": [97.0]})) == {}


@pytest.mark.parametrize(
    "code", [code for code, check in CHECKS.items() if check.example.startswith("seed,")]
)
def test_the_table_that_is_a_checks_example_is_found_by_it(code: str) -> None:
    table = list(csv.DictReader(io.StringIO(CHECKS[code].example)))
    assert code in [notice.code for notice in judge(table, margin=0.5).summary.warnings]


def test_results_from_a_file_that_mean_nothing_end_with_exit_code_3(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "r.csv").write_text(CHECKS["equal-arms"].example)
    words = ["evidence", str(tmp_path / "r.csv"), "--margin", "0.5"]
    assert main(words) == 3
    assert capsys.readouterr().out.startswith("No verdict: relu, elu: the same metric in every run")
    assert main([*words, "--json"]) == 3
    assert '"status": "invalid"' in capsys.readouterr().out
    assert main([*words, "--allow", "equal-arms"]) == 0
    assert "Overruled (equal-arms): " in capsys.readouterr().out
    assert main([*words, "--allow", "equal"]) == 2


COMMANDS = [
    code for code, check in CHECKS.items() if check.at_end and check.example.startswith("rectifiers compare ")
]


@pytest.mark.parametrize("code", COMMANDS)
def test_the_command_that_is_a_checks_example_is_found_by_it(
    code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    _, *words = shlex.split(CHECKS[code].example)
    status = main([*words, "--quiet", "--no-report"])
    said = capsys.readouterr()
    severity = CHECKS[code].severity
    assert status == {"refused": 2, "withheld": 3, "warned": 0}[severity]
    assert code in said.out + said.err


@pytest.mark.parametrize("code", [code for code, check in CHECKS.items() if check.at_end])
def test_every_check_at_the_end_is_run_by_a_test_and_says_what_to_do(code: str) -> None:
    check, tests = CHECKS[code], Path(__file__).read_text(encoding="utf-8")
    assert check.example.startswith("seed,") or code in COMMANDS or f'"{code}"' in tests
    assert check.rule.endswith(".")
    assert check.remedy
    assert not check.remedy.endswith(".")
    assert re.fullmatch("[a-z0-9-]+", code)


def test_rates_chosen_by_what_decides_are_warned_of_and_an_unused_activation_withholds() -> None:
    rated = {"learning_rates": (0.1, 0.2), "kind": "function", "metric": "f1"}
    made = plan(["relu", "elu"], 3, **rated)

    def runs(phase: Any, start: str, **measures: float) -> list[Run]:
        return [
            Run(
                made.trial(phase, arm, "none", 0.1, seed),
                "finished",
                metric=90.0 + seed + (arm == "elu"),
                init_hash=start and f"{start} {seed}",
                measures=tuple(measures.items()),
            )
            for arm in ("relu", "elu")
            for seed in range(3)
        ]

    def codes(*found: Run) -> list[str]:
        rates = dict.fromkeys(made.cells, 0.1)
        study = Study(made, tuple(found), rates=rates, margin=Margin(1.0, "as given"))
        return [notice.code for notice in summarize(study).warnings]

    deciding = runs("test", "weights")
    assert "tuned-on-test" in codes(*runs("tune", "w", f1=0.5), *deciding)
    assert "tuned-on-test" not in codes(*runs("tune", "w", f1=0.5, validation=0.4), *deciding)
    assert "activation-ignored" in codes(*runs("tune", "w"), *runs("test", ""))
    assert "activation-ignored" not in codes(*runs("tune", "w"), *deciding)


MODELS = """
import torch
from torch import nn

{example}

def regression():
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(300, 5, generator=generator)
    return x, x[:, :1] * 2 + x[:, 1:2].sin() + 0.3 * torch.randn(300, 1, generator=generator)

def tiny():
    x = torch.randn(40, 4, generator=torch.Generator().manual_seed(2))
    return x, (x[:, 0] + 0.5 * x[:, 1] > 0).long()
"""


@pytest.fixture
def module(tmp_path: Path) -> str:
    text = MODELS.format(example=CHECKS["seeds-change-nothing"].example)
    (tmp_path / "mine.py").write_text(text)
    return str(tmp_path / "mine.py")


def test_a_model_that_seeds_itself_is_withheld_where_nothing_differs(module: str, tmp_path: Path) -> None:
    words: dict[str, Any] = {"arms": "relu,elu", "model": f"{module}:build", "seeds": 3, "learning_rate": 0.1}
    whole = compare("digits", batch_size=1200, epochs=3, out=tmp_path / "a", report=False, **words)
    assert whole.recommendation.status == "invalid"
    assert "relu, elu: the same initial weights and the same accuracy in all 3 seeds" in whole.verdict
    assert all(row.n == 3 for row in whole.summary.arms)
    batches = compare("digits", epochs=1, out=tmp_path / "b", report=False, **words)
    assert batches.recommendation.status != "invalid"


@pytest.mark.parametrize(
    "words",
    [
        {"task": "xor", "arms": "relu,tanh", "epochs": 20, "max_seeds": 8},
        {"task": "digits", "arms": "relu,elu,tanh", "seeds": 3, "epochs": 2},
        {"task": "digits", "arms": "relu,elu", "seeds": 1, "epochs": 1},
        {"data": "regression", "arms": "relu,elu", "seeds": 3, "epochs": 10},
        {"data": "tiny", "arms": "relu,elu", "seeds": 4, "epochs": 20},
    ],
    ids=str,
)
def test_no_false_alarm(words: dict[str, Any], module: str, tmp_path: Path) -> None:
    if "data" in words:
        words = {**words, "data": f"{module}:{words['data']}"}
    rate = 0.03 if "data" in words else 0.1
    result = compare(**words, learning_rate=rate, out=tmp_path / "out", report=False)
    at_end = {notice.code for notice in result.summary.warnings} - {"data"}
    assert result.recommendation.status != "invalid"
    assert at_end <= ({"one-run"} if words.get("seeds") == 1 else {"ceiling"})
