"""The paired comparison: against scipy, at its edges, and where metrics move in steps."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from rectifiers.errors import ArgumentError, ShapeError
from rectifiers.evidence.paired import compare, decide, half_width, seeds_until


@pytest.mark.parametrize("n", [2, 3, 5, 20])
@pytest.mark.parametrize("alpha", [0.05, 0.05 / 12, 0.3])
def test_interval_is_that_of_the_paired_t_test(n: int, alpha: float) -> None:
    random = np.random.default_rng(n)
    arm, control = random.normal(97.3, 0.3, n), random.normal(97.0, 0.3, n)
    found = compare(arm, control, margin=0.2, alpha=alpha)
    expected = stats.ttest_rel(arm, control).confidence_interval(1 - alpha)
    assert found.low == pytest.approx(expected.low, rel=1e-12)
    assert found.high == pytest.approx(expected.high, rel=1e-12)
    assert found.difference == pytest.approx(arm.mean() - control.mean())
    assert found.sd == pytest.approx(np.std(arm - control, ddof=1))
    assert found.n == n


def test_correlation_is_pearsons() -> None:
    random = np.random.default_rng(3)
    arm, control = random.normal(size=9), random.normal(size=9)
    found = compare(arm, control, margin=0.1, alpha=0.05)
    assert found.correlation == pytest.approx(stats.pearsonr(arm, control).statistic)


@pytest.mark.parametrize(
    "arm, control",
    [([1.0, 2.0], [2.0, 3.0]), ([1.0, 1.0, 1.0], [1.0, 2.0, 3.0]), ([1.0, 2.0, 3.0], [1.0, 1.0, 1.0])],
)
def test_correlation_is_none_where_it_is_undefined(arm: list[float], control: list[float]) -> None:
    assert compare(arm, control, margin=0.1, alpha=0.05).correlation is None


@pytest.mark.parametrize(
    "low, high, margin, verdict",
    [
        (0.1, 0.7, 0.2, "better"),  # a difference of .4 with margin .2
        (-0.7, -0.1, 0.2, "worse"),
        (-0.1, 0.1, 0.2, "equivalent"),
        (0.05, 0.15, 0.2, "equivalent"),  # not 0, but too small to care about
        (-0.1, 0.7, 0.2, "undecided"),
        (-0.3, 0.1, 0.2, "undecided"),
        (-0.2, 0.2, 0.2, "undecided"),  # the margin itself is not inside
        (0.0, 0.3, 0.2, "undecided"),
        (0.0, 0.0, 0.0, "undecided"),
    ],
)
def test_verdict_rule(low: float, high: float, margin: float, verdict: str) -> None:
    assert decide(low, high, margin) == verdict


@pytest.mark.parametrize("n", [0, 1])
def test_below_two_pairs_nothing_is_decided(n: int) -> None:
    found = compare([98.0] * n, [97.0] * n, margin=0.2, alpha=0.05)
    assert (found.low, found.high, found.sd, found.verdict) == (None, None, None, "undecided")
    assert found.difference == (1.0 if n else None)
    assert found.more_seeds is None


def test_equal_differences_are_no_certainty_when_the_metric_moves_in_steps() -> None:
    arm, control = [97.5] * 5, [97.0] * 5
    assert compare(arm, control, margin=0.2, alpha=0.05).low == pytest.approx(0.5)
    stepped = compare(arm, control, margin=0.2, alpha=0.05, resolution=0.5)
    half = stats.t.ppf(0.975, 4) * 0.25 / np.sqrt(5)
    assert stepped.low == pytest.approx(0.5 - half)
    assert stepped.high == pytest.approx(0.5 + half)
    assert stepped.sd == 0.0


def test_resolution_changes_nothing_where_differences_spread_wider() -> None:
    random = np.random.default_rng(0)
    arm, control = random.normal(size=8), random.normal(size=8)
    assert compare(arm, control, margin=0.1, alpha=0.05, resolution=0.01) == compare(
        arm, control, margin=0.1, alpha=0.05
    )


def test_further_seeds_is_the_first_number_that_decides() -> None:
    mean, sd, n, margin, alpha = 0.15, 0.3, 5, 0.2, 0.05 / 6
    more = seeds_until(lambda seeds: half_width(sd, seeds, alpha), mean, n, margin=margin)
    assert more is not None

    def verdict(seeds: int) -> str:
        half = stats.t.ppf(1 - alpha / 2, seeds - 1) * sd / np.sqrt(seeds)
        return decide(mean - half, mean + half, margin)

    assert verdict(n + more) != "undecided"
    assert verdict(n + more - 1) == "undecided"


def test_further_seeds_is_none_when_no_number_would_do() -> None:
    assert seeds_until(lambda seeds: half_width(1.0, seeds, 0.05), 0.0, 5, margin=0.0) is None


def test_a_decided_comparison_needs_no_further_seed() -> None:
    random = np.random.default_rng(1)
    found = compare(random.normal(5, 0.1, 6), random.normal(0, 0.1, 6), margin=0.2, alpha=0.05)
    assert (found.verdict, found.more_seeds) == ("better", 0)


@given(
    st.lists(st.tuples(*[st.floats(-100, 100)] * 2), min_size=2, max_size=12),
    st.floats(0.001, 0.5),
    st.floats(0, 5),
)
def test_swapping_the_arms_mirrors_everything(
    pairs: list[tuple[float, float]], alpha: float, margin: float
) -> None:
    arm, control = np.array(pairs).T
    one = compare(arm, control, margin=margin, alpha=alpha)
    other = compare(control, arm, margin=margin, alpha=alpha)
    assert one.low is not None
    assert other.high is not None
    assert one.low == -other.high
    mirrored = {"better": "worse", "worse": "better"}
    assert other.verdict == mirrored.get(one.verdict, one.verdict)
    assert one.more_seeds == other.more_seeds


@pytest.mark.parametrize(
    "arm, control, keywords, rule",
    [
        ([1.0, float("nan")], [1.0, 2.0], {}, "finite"),
        ([1.0, 2.0], [1.0, float("inf")], {}, "finite"),
        ([1.0, 2.0], [1.0, 2.0], {"alpha": 0.0}, "alpha"),
        ([1.0, 2.0], [1.0, 2.0], {"alpha": 1.5}, "alpha"),
        ([1.0, 2.0], [1.0, 2.0], {"margin": -0.1}, "margin"),
        ([1.0, 2.0], [1.0, 2.0], {"margin": float("nan")}, "margin"),
        ([1.0, 2.0], [1.0, 2.0], {"resolution": -1.0}, "resolution"),
    ],
)
def test_values_outside_their_rule(arm: list, control: list, keywords: dict, rule: str) -> None:
    with pytest.raises(ArgumentError, match=rule):
        compare(arm, control, **{"margin": 0.1, "alpha": 0.05, **keywords})


@pytest.mark.parametrize("arm, control", [([1.0, 2.0], [1.0]), ([[1.0, 2.0]], [[1.0, 2.0]])])
def test_shapes_that_do_not_pair(arm: list, control: list) -> None:
    with pytest.raises(ShapeError):
        compare(arm, control, margin=0.1, alpha=0.05)
