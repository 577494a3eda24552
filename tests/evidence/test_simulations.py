"""Small, seeded versions of benchmarks/simulate_evidence.py: do verdicts err as rarely as they promise?

A promise "at most p" is held against N simulated cases with the 99.99 % quantile of Binomial(N, p): a right
procedure would cross it for one seed in 10,000, and the seeds are fixed, so nothing flickers.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from scipy.stats import binom

_FILE = Path(__file__).parents[2] / "benchmarks" / "simulate_evidence.py"


@pytest.fixture(scope="module")
def simulate() -> ModuleType:
    if not _FILE.is_file():
        pytest.skip("the benchmarks are not part of this distribution")
    spec = importlib.util.spec_from_file_location("simulate_evidence", _FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def most(count: int, promise: float) -> float:
    """Return the largest share of `count` cases that is still in keeping with at most `promise`."""
    return float(binom.ppf(0.9999, count, promise)) / count


@pytest.mark.parametrize("noise", ["Gaussian", "t, 3 d.f.", "exponential"])
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
    "look, noise",
    [
        ("t e-process", "Gaussian"),
        ("t e-process", "t, 3 d.f."),
        ("normal mixture, rho = 5 SD^2", "Gaussian"),
        ("normal mixture, rho = 5 SD^2", "t, 3 d.f."),
    ],
)
def test_looking_after_every_seed(simulate: ModuleType, look: str, noise: str) -> None:
    share, _ = simulate.races(np.random.default_rng(5), 2000, look, noise=noise)
    assert share <= most(2000, 0.05)


def test_a_peeked_t_test_shows_that_the_simulation_can_fail(simulate: ModuleType) -> None:
    share, _ = simulate.races(np.random.default_rng(5), 500, "t-test peeked at from 5 seeds")
    assert share > 0.2


@pytest.mark.parametrize("effect, alpha, seeds", [(1.0, 0.05, 12), (1.0, 0.005, 19), (2.0, 0.05, 7)])
def test_seeds_a_race_takes(simulate: ModuleType, effect: float, alpha: float, seeds: int) -> None:
    _, median = simulate.races(
        np.random.default_rng(6), 1000, "t e-process", effect=effect, alpha=alpha, longest=100
    )
    assert abs(median - seeds) <= 1


def test_the_confidence_sequence_holds_at_every_look(simulate: ModuleType) -> None:
    assert 1.0 - simulate.covered_throughout(np.random.default_rng(2), 200) <= most(200, 0.05)


def test_same_seed_same_figures(simulate: ModuleType) -> None:
    first, second = (
        simulate.studies(np.random.default_rng(4), 20, seeds=5, effect=0.5, margin=1.0) for _ in range(2)
    )
    assert first == second
