"""Small, seeded versions of benchmarks/simulate_evidence.py: do verdicts err as rarely as they promise?

A promise "at most p" is held against N simulated cases with the 99.99 % quantile of Binomial(N, p): a right
procedure would cross it for one seed in 10,000, and the seeds are fixed, so nothing flickers.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from scipy import stats
from scipy.stats import binom

_FOLDER = Path(__file__).parents[2] / "benchmarks"


def load(name: str) -> ModuleType:
    if not (_FOLDER / f"{name}.py").is_file():
        pytest.skip("the benchmarks are not part of this distribution")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(_FOLDER)  # the benchmarks import each other
        return importlib.import_module(name)


@pytest.fixture(scope="module")
def simulate() -> ModuleType:
    return load("simulate_evidence")


@pytest.fixture(scope="module")
def race() -> ModuleType:
    return load("simulate_races")


def most(count: int, promise: float) -> float:
    """Return the largest share of `count` cases that is still in keeping with at most `promise`."""
    return float(binom.ppf(0.9999, count, promise)) / count


@pytest.mark.parametrize("noise", ["Gaussian", "t, 3 d.f.", "uniform", "exponential (skewness 2)"])
@pytest.mark.parametrize("seeds", [3, 8])
def test_equal_arms(simulate: ModuleType, noise: str, seeds: int) -> None:
    found = simulate.studies(
        np.random.default_rng(seeds), 300, seeds=seeds, effect=0.0, margin=2.0, noise=noise
    )
    assert found.wrong_direction <= most(300, 0.05)
    assert 1.0 - found.covered <= most(300, 0.05)


@pytest.mark.parametrize("step", [0.0, 0.5, 2.0])
def test_arms_that_differ_by_the_margin(simulate: ModuleType, step: float) -> None:
    found = simulate.studies(np.random.default_rng(7), 300, seeds=8, effect=2.0, margin=2.0, step=step)
    assert found.wrong_equivalence <= most(300, 0.05)
    assert found.wrong_direction <= most(300, 0.05)
    assert found.covered >= 1.0 - most(300, 0.05)
    assert found.better > 0.3  # it does decide


def test_coarse_steps_are_covered_too(simulate: ModuleType) -> None:
    found = simulate.studies(np.random.default_rng(8), 300, seeds=4, effect=0.7, margin=1.0, step=5.0)
    assert 1.0 - found.covered <= most(300, 0.05)


def test_equal_arms_are_found_equivalent_with_enough_seeds(simulate: ModuleType) -> None:
    found = simulate.studies(np.random.default_rng(9), 100, seeds=20, effect=0.0, margin=2.0)
    assert found.equivalent > 0.95


@pytest.mark.parametrize("alpha", [0.05, 0.05 / 6, 0.05 / 12])
def test_half_a_step_is_floor_enough_and_smaller_ones_are_not(simulate: ModuleType, alpha: float) -> None:
    """By enumeration, so the tolerances are no chance: they are what benchmarks/STATISTICS.md states."""

    def worst(floor: float) -> float:
        return min(simulate.two_point_coverage(n, alpha, floor) for n in range(2, simulate.MOST_SEEDS + 1))

    assert worst(0.5) >= 1.0 - 1.2 * alpha
    assert worst(6**-0.5) < 1.0 - 1.8 * alpha
    assert worst(0.0) < 0.01


def test_the_gate_stops_what_selective_failures_fake(simulate: ModuleType) -> None:
    plain, gated = simulate.selective_failures(np.random.default_rng(3), 400, 20, 0.2)
    assert plain > 0.1
    assert gated <= most(400, 0.025)


@pytest.mark.parametrize(
    "method, noise",
    [
        ("t e-process", "Gaussian"),
        ("t e-process", "t, 3 d.f."),
        ("normal mixture, rho = 5 SD^2", "Gaussian"),
        ("normal mixture, rho = 5 SD^2", "t, 3 d.f."),
    ],
)
def test_equal_arms_in_a_race(race: ModuleType, method: str, noise: str) -> None:
    assert race.false_alarms(np.random.default_rng(5), 1000, method, noise) <= most(1000, 0.05)


@pytest.mark.parametrize("world", [0, 1, 2, 5])
def test_races_err_as_rarely_as_they_promise(race: ModuleType, world: int) -> None:
    single, family = race.false_verdicts(np.random.default_rng(6), 1000, race.worlds()[world])
    assert single.shape == (6, 3)
    assert single.max() <= most(1000, 0.05)
    assert family.max() <= most(1000, 0.05)


def test_skewed_races_show_that_the_simulation_can_fail(race: ModuleType) -> None:
    worlds = {world.name: world for world in race.worlds()}
    _, family = race.false_verdicts(np.random.default_rng(6), 500, worlds["exponential (skewness 2)"])
    assert family[0] > 0.15


def test_a_repeated_t_test_shows_it_too(race: ModuleType) -> None:
    found = race.false_alarms(np.random.default_rng(5), 500, "t-test repeated from 5 seeds on")
    assert found > 0.2


def test_the_real_differences_are_centred(race: ModuleType) -> None:
    draws = list(race.worlds()[-1].draw(np.random.default_rng(0), 400))
    assert len(draws) == 6
    assert all(abs(one.mean()) < 0.02 and one.shape == (400, race.LONGEST) for one in draws)


@pytest.mark.parametrize(
    "effect, margin, alpha, seeds",
    [(1.0, 1.0, 0.05, 13), (1.0, 1.0, 0.05 / 6, 19), (2.0, 0.5, 0.05, 8), (0.0, 1.0, 0.05 / 6, 23)],
)
def test_seeds_a_race_takes(race: ModuleType, effect: float, margin: float, alpha: float, seeds: int) -> None:
    random = np.random.default_rng(6)
    found = race.seeds_to_decide(random, 1000, effect=effect, margin=margin, alpha=alpha)
    assert abs(np.median(found) - seeds) <= 1


@pytest.mark.parametrize("n, effect", [(5, 0.5), (20, 0.5), (9, 2.0)])
def test_power_at_a_fixed_number_of_seeds_is_noncentral_t(race: ModuleType, n: int, effect: float) -> None:
    critical, centre = stats.t.ppf(0.975, n - 1), effect * np.sqrt(n)
    expected = stats.nct.sf(critical, n - 1, centre) + stats.nct.cdf(-critical, n - 1, centre)
    assert race.fixed_power(n, effect=effect, margin=0.0, alpha=0.05) == pytest.approx(expected, abs=1e-3)


def test_power_counts_equivalence_too(race: ModuleType) -> None:
    values = np.random.default_rng(1).normal(0.3, 1.0, (20_000, 12))
    half = stats.t.ppf(0.975, 11) * values.std(axis=1, ddof=1) / np.sqrt(12)
    mean = np.abs(values.mean(axis=1))
    expected = ((mean > half) | (mean + half < 1.0)).mean()
    found = race.fixed_power(12, effect=0.3, margin=1.0, alpha=0.05)
    assert found == pytest.approx(expected, abs=0.015)


def test_the_floor_keeps_stepped_races_covered(race: ModuleType) -> None:
    assert race.stepped_coverage(0.05, 0.5) >= 0.95
    assert race.stepped_coverage(0.05, 0.0) < 0.1


def test_failures_in_races_raise_few_false_alarms(race: ModuleType) -> None:
    found = race.whole_races(np.random.default_rng(3), 300, rate=0.1, worst=True)
    assert found["better"] <= most(300, 0.025)
    assert found["worse"] <= most(300, 0.05)


def test_the_interval_for_new_data_covers_it() -> None:
    found = load("simulate_new_data").coverage_rows(np.random.default_rng(0), 120)
    over_runs, new = np.array([[float(row[3]), float(row[4])] for row in found]).T
    assert new.min() >= 1.0 - most(120, 0.05)
    assert over_runs.min() < 0.7


def test_same_seed_same_figures(simulate: ModuleType) -> None:
    first, second = (
        simulate.studies(np.random.default_rng(4), 20, seeds=5, effect=0.5, margin=1.0) for _ in range(2)
    )
    assert first == second
