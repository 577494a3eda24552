"""Independent runs: against scipy's Welch test, and at its edges."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from rectifiers.errors import ArgumentError
from rectifiers.evidence import paired
from rectifiers.evidence.unpaired import compare


@pytest.mark.parametrize("n, m", [(2, 2), (4, 4), (3, 9), (20, 5)])
@pytest.mark.parametrize("alpha", [0.05, 0.05 / 6])
def test_interval_is_welchs(n: int, m: int, alpha: float) -> None:
    random = np.random.default_rng(n)
    arm, control = random.normal(1.0, 0.5, n), random.normal(0.0, 2.0, m)
    found = compare(arm, control, margin=0.2, alpha=alpha)
    expected = stats.ttest_ind(arm, control, equal_var=False).confidence_interval(1 - alpha)
    assert (found.low, found.high) == (pytest.approx(expected.low), pytest.approx(expected.high))
    assert found.difference == pytest.approx(arm.mean() - control.mean())
    assert found.sd == pytest.approx(np.sqrt(arm.var(ddof=1) + control.var(ddof=1)))
    assert (found.n, found.correlation, found.e_value, found.decided_at) == (min(n, m), None, None, None)


def test_four_runs_against_four_can_be_decided() -> None:
    found = compare([97.5, 97.6, 97.4, 97.5], [96.5, 96.6, 96.4, 96.5], margin=0.2, alpha=0.05)
    assert (found.verdict, found.more_seeds) == ("better", 0)


@pytest.mark.parametrize("n, m", [(0, 0), (1, 1), (1, 5), (5, 0)])
def test_below_two_runs_of_each_nothing_is_decided(n: int, m: int) -> None:
    found = compare(np.arange(n), np.arange(m), margin=0.2, alpha=0.05)
    assert (found.low, found.high, found.verdict, found.more_seeds) == (None, None, "undecided", None)
    assert (found.difference is None) == (min(n, m) == 0)


def test_equal_values_are_no_certainty_when_the_metric_moves_in_steps() -> None:
    arm, control = [97.5] * 4, [97.0] * 4
    assert compare(arm, control, margin=0.2, alpha=0.05).low == pytest.approx(0.5)
    stepped = compare(arm, control, margin=0.2, alpha=0.05, resolution=0.5)
    half = stats.t.ppf(0.975, 6) * 0.25 * np.sqrt(2 / 4)
    assert stepped.high == pytest.approx(0.5 + half)
    assert stepped.sd == 0.0


def test_further_seeds_is_the_first_number_that_decides() -> None:
    random = np.random.default_rng(3)
    arm, control = random.normal(0.5, 1.0, 6), random.normal(0.0, 2.0, 9)
    found = compare(arm, control, margin=0.1, alpha=0.05)
    assert found.more_seeds

    def verdict(more: int) -> str:
        (a, n), (b, m) = ((x.var(ddof=1), x.size + more) for x in (arm, control))
        v = a / n + b / m
        freedom = v**2 / ((a / n) ** 2 / (n - 1) + (b / m) ** 2 / (m - 1))
        half = stats.t.ppf(0.975, freedom) * np.sqrt(v)
        mean = arm.mean() - control.mean()
        return paired.decide(mean - half, mean + half, 0.1)

    assert verdict(found.more_seeds) != "undecided"
    assert verdict(found.more_seeds - 1) == "undecided"


def test_values_outside_their_rule() -> None:
    with pytest.raises(ArgumentError, match="finite"):
        compare([1.0, float("nan")], [1.0, 2.0], margin=0.1, alpha=0.05)
    with pytest.raises(ArgumentError, match="margin"):
        compare([1.0, 3.0], [1.0, 2.0], margin=-0.1, alpha=0.05)
