"""The corrected resampled t interval."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from rectifiers.errors import ArgumentError
from rectifiers.evidence import paired
from rectifiers.evidence.new_data import interval


def test_interval_by_hand() -> None:
    values = np.array([0.3, 0.5, -0.1, 0.4, 0.2])
    half = stats.t.ppf(0.975, 4) * values.std(ddof=1) * np.sqrt(1 / 5 + 100 / 400)
    assert interval(values, alpha=0.05, train=400, test=100) == pytest.approx(
        (values.mean() - half, values.mean() + half)
    )


def test_more_splits_never_make_it_certain() -> None:
    values = np.tile([1.0, -1.0], 5000)
    low, high = interval(values, alpha=0.05, train=400, test=100)
    assert low is not None
    assert high == pytest.approx(1.96 * np.sqrt(0.25), rel=1e-2) == -low


def test_it_contains_the_interval_over_runs() -> None:
    values = np.random.default_rng(0).normal(size=9)
    low, high = interval(values, alpha=0.01, train=200, test=100)
    runs = paired.compare(values, np.zeros(9), margin=0.0, alpha=0.01)
    assert low < runs.low < runs.high < high  # type: ignore[operator]


def test_steps_have_a_floor() -> None:
    assert interval([0.5] * 4, alpha=0.05, train=9, test=9) == (0.5, 0.5)
    low, high = interval([0.5] * 4, alpha=0.05, train=9, test=9, resolution=1.0)
    assert low < 0.5 < high  # type: ignore[operator]


@pytest.mark.parametrize("values", [[], [1.0]])
def test_below_two_splits_it_is_unbounded(values: list[float]) -> None:
    assert interval(values, alpha=0.05, train=5, test=5) == (None, None)


@pytest.mark.parametrize("keywords", [{"train": 0}, {"test": 0}, {"alpha": 0.0}])
def test_values_outside_their_rule(keywords: dict) -> None:
    with pytest.raises(ArgumentError):
        interval([1.0, 2.0], **{"alpha": 0.05, "train": 5, "test": 5, **keywords})
