"""`anytime.compare`: against a slow direct race, and what must never change its outcome."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rectifiers.errors import ArgumentError, ShapeError
from rectifiers.evidence import paired
from rectifiers.evidence.anytime import PRECISION, compare, intervals, t_e_process

_VALUES = st.lists(st.tuples(*[st.floats(-100, 100)] * 2), max_size=25)
_STEPS = st.lists(st.integers(-3, 5), min_size=2, max_size=25)


def slow(differences: np.ndarray, margin: float, alpha: float, resolution: float, first: int) -> tuple:
    """Return verdict, seeds and interval by the two-sided test of every mean, seed by seed."""
    for n in range(first, differences.size + 1):
        values = differences[:n]
        spread = max(values.std(ddof=1), resolution / 2)
        t = PRECISION / (PRECISION + n)
        w = (t * alpha**2) ** (1 / n)
        if w <= t:
            continue
        half = spread / n**0.5 * ((n - 1) * (1 - w) / (w - t)) ** 0.5
        low, high = values.mean() - half, values.mean() + half
        if -margin < low and high < margin:
            return "equivalent", n, low, high
        if low > 0 or high < 0:
            return ("better" if low > 0 else "worse"), n, low, high
    return "undecided", differences.size, None, None


@pytest.mark.parametrize("resolution", [0.0, 3.0])
@pytest.mark.parametrize("effect", [0.0, 0.6, -1.0, 3.0])
@pytest.mark.parametrize("first", [2, 12])
def test_a_race_decides_as_the_slow_one_does(effect: float, resolution: float, first: int) -> None:
    verdicts = set()
    for seed in range(12):
        random = np.random.default_rng(seed)
        arm, control = random.normal(effect, 0.7, 40), random.normal(0.0, 0.7, 40)
        found = compare(arm, control, margin=0.8, alpha=0.05, resolution=resolution, first=first)
        verdict, n, low, high = slow(arm - control, 0.8, 0.05, resolution, first)
        assert (found.verdict, found.n) == (verdict, n)
        assert found.decided_at == (None if verdict == "undecided" else n)
        if low is not None:
            assert (found.low, found.high) == (pytest.approx(low), pytest.approx(high))
        assert found.difference == pytest.approx((arm - control)[:n].mean())
        assert found.sd == pytest.approx((arm - control)[:n].std(ddof=1))
        assert found.correlation == pytest.approx(np.corrcoef(arm[:n], control[:n])[0, 1])
        verdicts.add(verdict)
    assert verdicts != {"undecided"} or resolution


def test_seeds_after_the_decision_change_nothing() -> None:
    random = np.random.default_rng(1)
    arm, control = random.normal(1.0, 0.5, 60), random.normal(0.0, 0.5, 60)
    found = compare(arm, control, margin=0.1, alpha=0.01)
    at = found.decided_at
    assert at is not None
    assert found.verdict == "better"
    assert compare(arm[:at], control[:at], margin=0.1, alpha=0.01) == found
    later = random.permutation(np.arange(at, 60))
    order = np.concatenate([np.arange(at), later])
    assert compare(arm[order], control[order], margin=0.1, alpha=0.01) == found
    arm[at:] = -1e6
    assert compare(arm, control, margin=0.1, alpha=0.01) == found
    before = compare(arm[: at - 1], control[: at - 1], margin=0.1, alpha=0.01)
    assert (before.verdict, before.decided_at, before.n) == ("undecided", None, at - 1)


@given(_VALUES, st.floats(0.001, 0.4), st.floats(0, 5), st.floats(0, 3))
def test_growing_a_race_never_takes_a_decision_back(
    values: list[tuple[float, float]], alpha: float, margin: float, resolution: float
) -> None:
    arm, control = np.array(values).reshape(-1, 2).T
    rule = {"margin": margin, "alpha": alpha, "resolution": resolution}
    found = [compare(arm[:n], control[:n], **rule) for n in range(arm.size + 1)]
    decided = next((one for one in found if one.verdict != "undecided"), None)
    if decided is not None:
        assert found[decided.n :] == [decided] * (len(found) - decided.n)
    for n, one in enumerate(found):
        assert (one.decided_at is None) == (one.verdict == "undecided")
        assert one.n == (one.decided_at or n)


@given(_STEPS, st.sampled_from([0.05, 0.01, 0.3]), st.sampled_from([0.0, 0.5, 1.0, 4.0]))
def test_the_e_value_reaches_its_level_exactly_where_the_interval_leaves_out_0(
    steps: list[int], alpha: float, resolution: float
) -> None:
    differences = np.array(steps, dtype=float)
    e_values = t_e_process(differences, resolution=resolution)
    ends = np.transpose(intervals(differences, alpha, resolution=resolution))
    for n in range(2, differences.size + 1):
        low, high = ends[n - 1]
        outside = low > 0.0 or high < 0.0
        if abs(math.log(e_values[n - 1] * alpha)) > 1e-9:  # not on the very edge
            assert (e_values[n - 1] > 1.0 / alpha) == outside
        found = compare(differences[:n], np.zeros(n), margin=0.0, alpha=alpha, resolution=resolution, first=n)
        assert found.e_value == pytest.approx(e_values[n - 1])
        assert (found.low, found.high) == ((low, high) if np.isfinite(low) else (None, None))


@given(_VALUES, st.floats(0.001, 0.4), st.floats(0, 5))
def test_swapping_the_arms_mirrors_everything(
    values: list[tuple[float, float]], alpha: float, margin: float
) -> None:
    arm, control = np.array(values).reshape(-1, 2).T
    one = compare(arm, control, margin=margin, alpha=alpha)
    other = compare(control, arm, margin=margin, alpha=alpha)
    assert other.verdict == {"better": "worse", "worse": "better"}.get(one.verdict, one.verdict)
    assert (one.n, one.more_seeds, one.e_value) == (other.n, other.more_seeds, other.e_value)
    assert one.low == (None if other.high is None else -other.high)


@pytest.mark.parametrize("n", [0, 1])
def test_below_two_pairs_nothing_is_decided(n: int) -> None:
    found = compare([98.0] * n, [97.0] * n, margin=0.2, alpha=0.05)
    assert found == paired.compare([98.0] * n, [97.0] * n, margin=0.2, alpha=0.05)
    assert (found.n, found.low, found.e_value, found.decided_at) == (n, None, None, None)


def test_while_the_interval_is_unbounded_it_is_none() -> None:
    found = compare([1.0, 1.1], [0.0, 0.0], margin=0.1, alpha=0.05)
    assert (found.low, found.high, found.verdict) == (None, None, "undecided")
    assert found.more_seeds == 4  # the first bounded one, at 6 seeds


def test_equal_differences_decide_only_where_the_metric_has_no_steps() -> None:
    arm, control = [97.5] * 6, [97.0] * 6
    found = compare(arm, control, margin=0.2, alpha=0.05)
    assert (found.verdict, found.decided_at, found.low, found.high) == ("better", 6, 0.5, 0.5)
    stepped = compare(arm, control, margin=0.2, alpha=0.05, resolution=1.0)
    assert (stepped.verdict, stepped.sd) == ("undecided", 0.0)
    many = compare([97.5] * 3000, [97.0] * 3000, margin=0.0, alpha=0.05, first=3000)
    assert math.isfinite(many.e_value)  # type: ignore[arg-type]


def test_a_large_offset_costs_no_digits() -> None:
    noise = np.random.default_rng(0).normal(0.0, 1.0, 30)
    near = compare(noise, np.zeros(30), margin=0.0, alpha=0.05)
    far = compare(noise + 1e6, np.full(30, 1e6), margin=0.0, alpha=0.05)
    assert far.sd == pytest.approx(near.sd, rel=1e-8)


def test_further_seeds_is_the_first_number_that_decides() -> None:
    values = np.random.default_rng(4).normal(0.5, 1.0, 10)
    found = compare(values, np.zeros(10), margin=0.1, alpha=0.01)
    assert found.verdict == "undecided"
    assert found.more_seeds is not None
    mean, sd = values.mean(), values.std(ddof=1)

    def verdict(n: int) -> str:
        t = PRECISION / (PRECISION + n)
        w = (t * 0.01**2) ** (1 / n)
        half = sd / n**0.5 * ((n - 1) * (1 - w) / (w - t)) ** 0.5
        return paired.decide(mean - half, mean + half, 0.1)

    assert verdict(10 + found.more_seeds) != "undecided"
    assert verdict(10 + found.more_seeds - 1) == "undecided"


def test_further_seeds_is_none_when_no_number_would_do() -> None:
    values = np.array([1.0, -1.0] * 5)
    assert compare(values, np.zeros(10), margin=0.0, alpha=0.05).more_seeds is None


def test_a_fixed_number_of_seeds_has_no_race() -> None:
    found = paired.compare([5.0, 5.1, 5.2], [0.0, 0.1, 0.1], margin=0.2, alpha=0.05)
    assert (found.e_value, found.decided_at) == (None, None)
    assert [field.name for field in dataclasses.fields(found)][-2:] == ["e_value", "decided_at"]


@pytest.mark.parametrize(
    "arm, control, keywords, error",
    [
        ([1.0, float("nan")], [1.0, 2.0], {}, ArgumentError),
        ([1.0, 2.0], [1.0, float("inf")], {}, ArgumentError),
        ([1.0, 2.0], [1.0], {}, ShapeError),
        ([1.0, 2.0], [1.0, 2.0], {"alpha": 1.0}, ArgumentError),
        ([1.0, 2.0], [1.0, 2.0], {"margin": -1.0}, ArgumentError),
        ([1.0, 2.0], [1.0, 2.0], {"resolution": -1.0}, ArgumentError),
        ([1.0, 2.0], [1.0, 2.0], {"first": 0}, ArgumentError),
    ],
)
def test_values_outside_their_rule(arm: list, control: list, keywords: dict, error: type) -> None:
    with pytest.raises(error):
        compare(arm, control, **{"margin": 0.1, "alpha": 0.05, **keywords})
