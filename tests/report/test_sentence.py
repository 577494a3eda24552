"""The verdict in words: right arm, right figures, and no more than the evidence allows."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from rectifiers.report import sentence
from rectifiers.report.summary import ArmRow, ComparisonRow


def arm(name: str, mean: float | None, norm: str = "none") -> ArmRow:
    count = 0 if mean is None else 5
    values = () if mean is None else (mean,) * 5
    return ArmRow(name, norm, count, mean, 0.1, values, 5 - count, 0, 0.1, 9802, 1.0, None, None)


def row(
    name: str, difference: float, verdict: str, control: str = "relu", norm: str = "none", **changes: object
) -> ComparisonRow:
    made = ComparisonRow(
        name,
        norm,
        control,
        5,
        difference,
        difference - 0.3,
        difference + 0.3,
        0.2,
        0.4,
        verdict,
        0,
        "",  # type: ignore[arg-type]
    )
    return dataclasses.replace(made, **changes)  # type: ignore[arg-type]


@pytest.fixture
def headline(make_plan: Callable[..., Any]) -> Callable[..., str]:
    def of(arms: list[ArmRow], comparisons: list[ComparisonRow], leads: list[ComparisonRow]) -> str:
        plan = make_plan(tuple(one.arm for one in arms), norms=("none",), seeds=5)
        return " ".join(sentence.write(plan, arms, comparisons, leads).headlines)

    return of


def test_a_better_arm_with_its_figures(headline: Callable[..., str]) -> None:
    said = headline(
        [arm("relu", 97.0), arm("elu", 97.5)], [row("elu", 0.5, "better")], [row("elu", 0.5, "better")]
    )
    assert said == "On digits, elu is better than relu: +0.50 points [+0.20 to +0.80]."


def test_an_undecided_lead_over_the_runner_up_is_said(headline: Callable[..., str]) -> None:
    said = headline(
        [arm("relu", 97.0), arm("elu", 97.5), arm("prelu", 97.4)],
        [row("elu", 0.5, "better"), row("prelu", 0.4, "better")],
        [row("elu", 0.1, "undecided", control="prelu"), row("elu", 0.5, "better")],
    )
    assert said.endswith("; its lead over prelu is undecided.")


def test_a_decided_lead_is_said(headline: Callable[..., str]) -> None:
    said = headline(
        [arm("relu", 97.0), arm("elu", 98.5), arm("prelu", 97.4)],
        [row("elu", 1.5, "better"), row("prelu", 0.4, "better")],
        [row("elu", 1.1, "better", control="prelu"), row("elu", 1.5, "better")],
    )
    assert said.endswith("; it is ahead of every other arm.")


def test_equivalents_of_the_leader_are_named(headline: Callable[..., str]) -> None:
    said = headline(
        [arm("relu", 97.0), arm("elu", 97.5), arm("prelu", 97.49)],
        [row("elu", 0.5, "better"), row("prelu", 0.49, "better")],
        [row("elu", 0.01, "equivalent", control="prelu"), row("elu", 0.5, "better")],
    )
    assert said.endswith("; equivalent to it within ±0.2 points: prelu.")


def test_an_undecided_leader_is_not_called_better(headline: Callable[..., str]) -> None:
    said = headline(
        [arm("relu", 97.0), arm("elu", 97.2)],
        [row("elu", 0.2, "undecided", more_seeds=12)],
        [row("elu", 0.2, "undecided")],
    )
    assert "no arm is shown to be better than relu" in said
    assert "+0.20 points [−0.10 to +0.50] is undecided (a study of about 17 seeds would decide)" in said


def test_a_withheld_verdict_gives_its_reason(headline: Callable[..., str]) -> None:
    said = headline(
        [arm("relu", 97.0), arm("elu", 97.2)], [row("elu", 0.2, "undecided", note="2 runs failed")], []
    )
    assert "undecided (2 runs failed)" in said


def test_a_better_arm_below_an_undecided_leader(headline: Callable[..., str]) -> None:
    said = headline(
        [arm("relu", 97.0), arm("elu", 97.5), arm("selu", 97.9)],
        [row("elu", 0.5, "better"), row("selu", 0.9, "undecided", more_seeds=3)],
        [],
    )
    assert "elu is better than relu" in said
    assert "selu has the highest mean (97.90 %), but is undecided against relu" in said


def test_an_equivalent_leader_is_not_called_better(headline: Callable[..., str]) -> None:
    said = headline([arm("relu", 97.0), arm("elu", 97.05)], [row("elu", 0.05, "equivalent")], [])
    assert "elu has the highest mean but is equivalent to relu within ±0.2 points" in said


def test_a_control_that_leads(headline: Callable[..., str]) -> None:
    said = headline([arm("relu", 97.0), arm("tanh", 96.0)], [row("tanh", -1.0, "worse")], [])
    assert said == "On digits, no arm is better than relu, which has the highest mean (97.00 %)."


@pytest.mark.parametrize(
    "arms, expected",
    [
        ([arm("relu", 97.0)], "nothing to compare it to"),
        ([arm("relu", None), arm("elu", None)], "no run finished"),
    ],
)
def test_little_to_say(arms: list[ArmRow], expected: str, headline: Callable[..., str]) -> None:
    assert expected in headline(arms, [], [])


def test_each_normalisation_has_its_sentence_and_details(make_plan: Callable[..., Any]) -> None:
    plan = make_plan(("relu", "elu", "tanh"), seeds=5)
    arms = [
        arm(*one, norm=norm) for norm in plan.norms for one in (("relu", 97.0), ("elu", 97.5), ("tanh", 96.0))
    ]
    comparisons = [
        row(name, difference, verdict, norm=norm)
        for norm in plan.norms
        for name, difference, verdict in (("elu", 0.5, "better"), ("tanh", -1.0, "worse"))
    ]
    said = sentence.write(plan, arms, comparisons, [])
    assert said.headlines[0].startswith("On digits without normalisation, elu is better")
    assert said.headlines[1].startswith("With batch normalisation, elu is better")
    assert said.details == (
        "Without normalisation: worse than relu: tanh (−1.00).",
        "With batch normalisation: worse than relu: tanh (−1.00).",
    )
    assert "simultaneous over 4 comparisons" in said.scope
    assert said.scope.endswith("Verdicts hold for this task, model and protocol only.")
