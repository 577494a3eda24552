"""The t e-process and its intervals: against their definitions, by integration."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, optimize, stats

from rectifiers.errors import ArgumentError
from rectifiers.evidence.anytime import PRECISION, intervals, t_e_process


def interval(
    values: object, alpha: float, g: float = PRECISION, resolution: float = 0.0
) -> tuple[float, float]:
    lows, highs = intervals(np.asarray(values), alpha, g, resolution)
    return float(lows[-1]), float(highs[-1])


@pytest.mark.parametrize("g", [0.3, 1.0, 4.0])
@pytest.mark.parametrize("n", [2, 5, 9])
def test_t_e_process_is_the_averaged_likelihood_ratio(n: int, g: float) -> None:
    """Under the right Haar prior 1/sigma, with effect mean / SD ~ N(0, 1/g) against effect 0."""
    values = np.random.default_rng(n).normal(0.4, 1.3, n)

    # A grid wide enough that nothing is left outside: the trapezoid rule is then as good as exact.
    log_sigma, effect = np.linspace(-4, 6, 1001), np.linspace(-12, 12, 1201)[:, None]

    def likelihood(effect: np.ndarray) -> np.ndarray:
        z = values[:, None, None] / np.exp(log_sigma) - effect
        return np.exp(-0.5 * (z**2).sum(axis=0) - n * log_sigma)

    prior = stats.norm(0.0, g**-0.5).pdf(effect)
    alternative = integrate.trapezoid(
        integrate.trapezoid(likelihood(effect) * prior, log_sigma), effect[:, 0]
    )
    null = integrate.trapezoid(likelihood(np.zeros((1, 1)))[0], log_sigma)
    assert t_e_process(values, g)[-1] == pytest.approx(alternative / null, rel=1e-5)


def test_t_e_process_starts_with_one_and_knows_no_unit() -> None:
    values = np.random.default_rng(0).normal(1.0, 2.0, 12)
    assert t_e_process(values)[0] == pytest.approx(1.0)
    np.testing.assert_allclose(t_e_process(values), t_e_process(-1000.0 * values), rtol=1e-9)


def test_t_e_process_of_arms_that_never_differ_falls() -> None:
    np.testing.assert_allclose(t_e_process(np.zeros(4)), np.sqrt(2.0 / (2.0 + np.arange(1, 5))))
    np.testing.assert_allclose(t_e_process(np.zeros(4), g=1.0), np.sqrt(1.0 / (1.0 + np.arange(1, 5))))


@pytest.mark.parametrize("alpha", [0.05, 0.005])
@pytest.mark.parametrize("n", [8, 12, 40])
def test_interval_ends_where_the_e_process_rejects(n: int, alpha: float) -> None:
    values = np.random.default_rng(n).normal(0.3, 1.0, n)
    low, high = interval(values, alpha)

    def excess(mean: float) -> float:
        return float(np.log(t_e_process(values - mean)[-1]) + np.log(alpha))

    centre = values.mean()
    assert low == pytest.approx(optimize.brentq(excess, centre - 50, centre), rel=1e-6)
    assert high == pytest.approx(optimize.brentq(excess, centre, centre + 50), rel=1e-6)


@pytest.mark.parametrize("alpha, g, first", [(0.05, 1, 5), (0.005, 1, 7), (0.05, 2, 6), (0.005, 2, 8)])
def test_interval_is_first_finite_at(alpha: float, g: float, first: int) -> None:
    values = np.random.default_rng(1).normal(size=first)
    assert interval(values[:-1], alpha, g) == (-np.inf, np.inf)
    assert np.isfinite(interval(values, alpha, g)).all()


def test_interval_of_a_metric_that_moves_in_steps_has_width() -> None:
    assert interval([0.5] * 8, 0.05) == (0.5, 0.5)
    low, high = interval([0.5] * 8, 0.05, resolution=0.5)
    assert low < 0.5 < high


def test_each_entry_depends_on_the_past_alone() -> None:
    values = np.random.default_rng(4).normal(size=10)
    np.testing.assert_allclose(t_e_process(values)[:6], t_e_process(values[:6]))


@pytest.mark.parametrize(
    "call, rule",
    [
        (lambda: t_e_process([1.0, float("nan")]), "finite"),
        (lambda: t_e_process([1.0, 2.0], g=0.0), "g > 0"),
        (lambda: interval([1.0, 2.0], 0.0), "alpha"),
    ],
)
def test_values_outside_their_rule(call: object, rule: str) -> None:
    with pytest.raises(ArgumentError, match=rule):
        call()  # type: ignore[operator]
