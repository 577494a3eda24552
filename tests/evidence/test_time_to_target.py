"""How many times sooner: ratios with runs that never reach the target."""

from __future__ import annotations

import numpy as np
import pytest

from rectifiers.errors import ArgumentError, ShapeError
from rectifiers.evidence.time_to_target import speedup


def test_without_censoring_it_is_the_median_ratio() -> None:
    found = speedup([10] * 7, [20, 30, 40, 50, 60, 70, 80], limit=100, alpha=0.05)
    assert (found.ratio, found.low, found.high) == (5.0, 2.0, 8.0)
    assert (found.unreached, found.control_unreached) == (0, 0)


def test_a_control_that_never_arrives_leaves_the_upper_end_open() -> None:
    found = speedup([10] * 6, [None] * 6, limit=60, alpha=0.05)
    assert (found.ratio, found.low, found.high) == (None, 6.0, None)
    assert found.control_unreached == 6


def test_an_arm_that_never_arrives_leaves_the_lower_end_open() -> None:
    found = speedup([None] * 6, [30] * 6, limit=60, alpha=0.05)
    assert (found.ratio, found.low, found.high) == (None, None, 0.5)


def test_a_pair_that_neither_reaches_says_nothing_and_is_not_dropped() -> None:
    six = speedup([10] * 6, [20] * 6, limit=100, alpha=0.05)
    assert (six.low, six.high) == (2.0, 2.0)
    seven = speedup([10] * 6 + [None], [20] * 6 + [None], limit=100, alpha=0.05)
    assert seven.n == 7
    assert (seven.low, seven.high) == (
        None,
        None,
    )  # the two extremes of seven, which the open pair is both of


def test_below_six_pairs_there_is_no_interval() -> None:
    assert speedup([1] * 5, [2] * 5, limit=10, alpha=0.05).low is None
    assert speedup([1] * 6, [2] * 6, limit=10, alpha=0.05).low == 2.0
    assert speedup([], [], limit=10, alpha=0.05).ratio is None


def test_it_covers_the_median_however_much_is_censored() -> None:
    random = np.random.default_rng(0)
    missed, races = 0, 2000
    for _ in range(races):
        ratios = np.exp(random.normal(1.0, 0.7, 15))  # their median is e
        arm = random.integers(50, 150, 15)
        control = [int(steps) if steps <= 400 else None for steps in np.ceil(arm * ratios)]
        found = speedup([int(a) for a in arm], control, limit=400, alpha=0.1)
        missed += not ((found.low or 0) <= np.e + 0.05 and np.e - 0.05 <= (found.high or np.inf))
    assert missed / races < 0.1


def test_bad_input_is_told() -> None:
    with pytest.raises(ShapeError, match="seed by seed"):
        speedup([1], [1, 2], limit=5, alpha=0.05)
    with pytest.raises(ArgumentError, match="`1 <= steps <= limit` must hold, but got steps=9, limit=5"):
        speedup([9], [1], limit=5, alpha=0.05)
