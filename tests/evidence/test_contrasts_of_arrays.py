"""Interactions, trends and shares: intervals that hold as often as they say."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from rectifiers.errors import ArgumentError, ShapeError
from rectifiers.evidence import interaction, share
from rectifiers.evidence.trend import trend


def test_an_interaction_is_the_difference_of_differences() -> None:
    random = np.random.default_rng(0)
    arm, control, arm_n, control_n = random.normal(0, 1, (4, 12))
    found = interaction.compare(arm_n, control_n, arm, control, margin=0, alpha=0.05)
    gains = (arm_n - control_n) - (arm - control)
    expected = stats.ttest_1samp(gains, 0).confidence_interval(0.95)
    assert found.difference == pytest.approx(gains.mean())
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


def test_a_factor_that_helps_both_alike_is_no_interaction() -> None:
    base = np.arange(8.0)
    found = interaction.compare(base + 6, base + 5, base + 1, base, margin=0.1, alpha=0.05)
    assert found.verdict == "equivalent"


def test_cells_must_pair_up() -> None:
    with pytest.raises(ShapeError, match="got 3 and 2 values"):
        interaction.compare([1, 2, 3], [1, 2, 3], [1, 2], [1, 2], margin=0, alpha=0.05)


def test_a_trend_is_found_and_covers_as_often_as_it_says() -> None:
    random = np.random.default_rng(1)
    along = np.log2([2, 4, 8, 16])
    missed = 0
    for _ in range(1000):
        seeds = random.normal(0, 1, 8)  # shared by all levels: cancels out of a slope
        noise = random.normal(0, 0.3, (4, 8))
        found = trend(-0.5 * along[:, None] + seeds + noise, along, alpha=0.1)
        assert found.low is not None
        assert found.high is not None
        missed += not found.low <= -0.5 <= found.high
    assert 0.07 < missed / 1000 < 0.13


@pytest.mark.parametrize(
    "differences, along, said",
    [
        ([[1.0], [2.0]], [1, 2, 3], "one row per value"),
        ([[1.0], [2.0]], [3, 3], "two different values"),
        ([[1.0], [float("nan")]], [1, 2], "finite"),
    ],
)
def test_what_has_no_trend_is_refused(differences: list[list[float]], along: list[float], said: str) -> None:
    with pytest.raises(ArgumentError, match=said):
        trend(differences, along, alpha=0.05)


@pytest.mark.parametrize("successes, n", [(0, 5), (3, 10), (20, 20), (50, 100)])
def test_a_share_has_the_exact_interval(successes: int, n: int) -> None:
    expected = stats.binomtest(successes, n).proportion_ci(0.95, "exact")
    assert share.interval(successes, n, alpha=0.05) == pytest.approx((expected.low, expected.high))


def test_a_share_of_nothing_is_refused() -> None:
    with pytest.raises(ArgumentError, match="must hold, but got successes=0, n=0"):
        share.interval(0, 0, alpha=0.05)
