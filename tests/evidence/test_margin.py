"""Margins by what the test set resolves."""

from __future__ import annotations

import math

import numpy as np
import pytest

from rectifiers.errors import ArgumentError
from rectifiers.evidence.margin import of_accuracy, of_runs, of_standard_error


def test_accuracy_has_nearly_its_binomial_error() -> None:
    assert of_accuracy(93.0, 597) == pytest.approx(100 * math.sqrt(0.93 * 0.07 / 597), rel=0.03)
    assert of_accuracy(80.0, 100_000) == pytest.approx(100 * math.sqrt(0.8 * 0.2 / 100_000), rel=1e-3)


def test_two_successes_and_two_failures_are_added() -> None:
    assert of_accuracy(70.0, 10) == pytest.approx(100 * math.sqrt(9 / 14 * 5 / 14 / 14))


@pytest.mark.parametrize("n", [1, 20, 597, 10_000])
def test_no_level_gives_a_margin_of_0(n: int) -> None:
    assert 0.0 < of_accuracy(100.0, n) == pytest.approx(of_accuracy(0.0, n))
    assert of_accuracy(100.0, n) < of_accuracy(50.0, n)


def test_a_standard_error_goes_with_the_root_of_the_samples() -> None:
    assert of_standard_error(0.4, 100, 400) == pytest.approx(0.2)
    assert of_standard_error(0.0, 5, 5) == 0.0


def test_runs_give_half_their_standard_deviation() -> None:
    assert of_runs([1.0, 2.0, 4.0]) == pytest.approx(np.std([1, 2, 4], ddof=1) / 2)
    pooled = (2 * np.var([1, 2, 4], ddof=1) + np.var([50, 53], ddof=1)) / 3
    assert of_runs([1.0, 2.0, 4.0], [50.0, 53.0]) == pytest.approx(np.sqrt(pooled) / 2)


@pytest.mark.parametrize(
    "call, rule",
    [
        (lambda: of_accuracy(0.93, 0), "n >= 1"),
        (lambda: of_accuracy(101.0, 10), "100"),
        (lambda: of_accuracy(float("nan"), 10), "100"),
        (lambda: of_standard_error(-1.0, 5, 5), "standard_error >= 0"),
        (lambda: of_standard_error(1.0, 0, 5), "measured_on >= 1"),
        (lambda: of_runs([1.0]), "at least 2"),
        (lambda: of_runs([1.0, float("nan")]), "finite"),
    ],
)
def test_values_outside_their_rule(call: object, rule: str) -> None:
    with pytest.raises(ArgumentError, match=rule):
        call()  # type: ignore[operator]
