"""A criterion turns an interval into a verdict, and a claim that cannot fail is refused."""

from __future__ import annotations

from typing import Any

import pytest

from rectifiers.claims import (
    Claim,
    Computed,
    Criterion,
    Difference,
    Interaction,
    Part,
    Scale,
    TimeToTarget,
    Trend,
)
from rectifiers.errors import ArgumentError, UnknownNameError

STUDY = {"task": "digits", "arms": ("relu", "elu"), "seeds": 2}


@pytest.mark.parametrize(
    "criterion, interval, verdict",
    [
        (("above", 0, 0), (0.1, 0.3), "reproduced"),
        (("above", 0, 0), (-0.1, 0.3), "inconclusive"),
        (("above", 0, 0), (-0.3, -0.1), "not reproduced"),
        (("above", 0, 0), (0.0, 0.0), "not reproduced"),
        (("above", 0, 0.5), (0.1, 0.3), "not reproduced"),  # there, but too small to care about
        (("above", 0, 0.5), (0.1, 0.7), "reproduced"),
        (("above", 0, 0.5), (-0.1, 0.7), "inconclusive"),
        (("above", 5, 0), (5.1, None), "reproduced"),
        (("above", 5, 0), (None, None), "inconclusive"),
        (("below", 1, 0), (0.9, 0.95), "reproduced"),
        (("below", 1, 0), (0.9, 1.1), "inconclusive"),
        (("below", 1, 0), (1.0, 1.1), "not reproduced"),
        (("below", 1, 0), (None, 0.5), "reproduced"),
        (("within", 0, 1), (-0.9, 0.9), "reproduced"),
        (("within", 0, 1), (0.2, 0.9), "reproduced"),
        (("within", 0, 1), (0.2, 1.1), "inconclusive"),
        (("within", 0, 1), (1.1, 1.2), "not reproduced"),
        (("within", 0, 0), (0.0, 0.0), "reproduced"),
        (("within", 0, "margin"), (-0.4, 0.4), "reproduced"),
        (("within", 0, "margin"), (-0.6, 0.4), "inconclusive"),
    ],
)
def test_verdicts(criterion: tuple[Any, ...], interval: tuple[Any, Any], verdict: str) -> None:
    assert Criterion(*criterion).verdict(*interval, margin=0.5) == verdict


def test_without_a_margin_a_criterion_that_needs_it_says_nothing() -> None:
    assert Criterion("within", 0, "margin").verdict(-0.1, 0.1) == "inconclusive"


@pytest.mark.parametrize(
    "make, said",
    [
        (lambda: Criterion(size=0, tolerance=1), "a criterion has a direction"),
        (lambda: Criterion("more", 0, 1), "one of above, below, within, but got 'more'"),
        (lambda: Criterion("above", tolerance=1), "a criterion has a size"),
        (lambda: Criterion("above", 0), "a criterion has a tolerance"),
        (lambda: Criterion("above", 0, -1), "a number >= 0 or 'margin', but got -1"),
        (
            lambda: Part("it is so", Difference("elu", "relu")),
            "has a criterion, written before anything runs",
        ),
        (lambda: Scale(1, proxy=True), "a proxy says what it changes"),
        (lambda: Scale(1, studies={"main": {**STUDY, "seeds": None}}), "fixes its number of seeds"),
        (lambda: Scale(1, studies={"main": {**STUDY, "sedes": 3}}), "did you mean 'seeds'"),
        (lambda: Scale(1, studies={"main": {**STUDY, "arms": "relu,elu"}}), "lists its arms"),
        (
            lambda: claim(Difference("gelu", "relu")),
            "unknown arm, read by claim 'mine', quick, 'it is so', 'gelu'",
        ),
        (lambda: claim(Difference("elu", "relu", "other")), "unknown study, read by claim 'mine'"),
        (lambda: claim(Difference("elu", "relu", norm="batch")), "unknown norm, read by claim 'mine'"),
        (lambda: claim(Interaction("elu", "relu")), "unknown norm, read by claim 'mine'"),
        (lambda: claim(TimeToTarget("elu", "relu")), "study 'main' has no target"),
        (lambda: claim(Trend("elu", "relu", ((2, "main"), (4, "deep")))), "unknown study"),
        (lambda: claim(Computed(one)), "calls one with the settings: missing a required argument: 'points'"),
        (lambda: claim(name="My Claim"), "a claim's name is lower-case words"),
        (lambda: claim(source=""), "needs a source"),
        (lambda: claim(decides=False), "no part with a criterion that decides it"),
        (lambda: claim(scales={}), "has scales among quick, desk, full"),
    ],
)
def test_what_cannot_fail_is_no_claim(make: Any, said: str) -> None:
    with pytest.raises(ArgumentError, match=said) as error:
        make()
    assert "\n" not in str(error.value)


def claim(reads: Any = None, *, decides: bool = True, **changed: Any) -> Claim:
    part = Part("it is so", reads or Difference("elu", "relu"), Criterion("above", 0, 0), decides)
    usual = {
        "name": "mine",
        "title": "ELU is better",
        "statement": "It is.",
        "source": "Me 2026",
        "parts": (part,),
        "scales": {"quick": Scale(1, studies={"main": STUDY})},
    }
    return Claim(**{**usual, **changed})


def one(points: int) -> float:
    return 1.0


def test_the_hash_covers_criteria_plans_and_code_but_no_prose() -> None:
    same = claim().hash("quick")
    assert claim(title="Another", statement="Words.", remarks="More.").hash("quick") == same
    assert claim(Difference("elu", "relu", quantity="train_loss")).hash("quick") != same
    assert claim(scales={"quick": Scale(1, studies={"main": {**STUDY, "seeds": 3}})}).hash("quick") != same
    assert claim(scales={"quick": Scale(1, "much", True, {"main": STUDY})}).hash("quick") != same
    exact = claim(Computed(one), scales={"quick": Scale(1, settings={"points": 3})})
    assert exact.plan("quick")["parts"][0][1][1].startswith("one:")


def test_an_unknown_scale_is_told_with_the_known_ones() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown scale of claim 'mine' 'desk' \(known: quick\)"):
        claim().scale("desk")
