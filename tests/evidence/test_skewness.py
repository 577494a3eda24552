"""Skewness of differences: known values, and who is warned."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rectifiers.evidence.skewness import FEWEST, l_skewness, skewed


@pytest.mark.parametrize(
    "name, expected",
    [("exponential", 1 / 3), ("normal", 0.0), ("uniform", 0.0), ("gumbel", 0.1699)],
)
def test_l_skewness_of_known_distributions(name: str, expected: float) -> None:
    draw = getattr(np.random.default_rng(0), name)
    assert l_skewness(draw(size=100_000)) == pytest.approx(expected, abs=0.01)


def test_l_skewness_by_its_definition() -> None:
    """From all triples: the middle one's distance to both ends, over half the mean range of pairs."""
    values = np.array([0.1, 0.3, 0.35, 1.2, 4.0])
    triples = [sorted(values[[i, j, k]]) for i in range(5) for j in range(i) for k in range(j)]
    third = np.mean([high - 2 * middle + low for low, middle, high in triples]) / 3
    second = np.mean([abs(values[i] - values[j]) for i in range(5) for j in range(i)]) / 2
    assert l_skewness(values) == pytest.approx(third / second)


@given(st.lists(st.floats(-100, 100), min_size=3, max_size=30))
def test_l_skewness_mirrors_and_is_bounded(values: list[float]) -> None:
    found = l_skewness(values)
    assert found is None or -1.0 <= found <= 1.0
    mirrored = l_skewness([-value for value in values])
    assert (found is None) == (mirrored is None)


@pytest.mark.parametrize("values", [[], [1.0, 2.0], [3.0] * 20])
def test_l_skewness_is_none_where_it_is_undefined(values: list[float]) -> None:
    assert l_skewness(values) is None
    assert not skewed(values)


def share(draw: object, n: int) -> float:
    random = np.random.default_rng(5)
    return float(np.mean([skewed(draw(random, n)) for _ in range(400)]))  # type: ignore[operator]


@pytest.mark.parametrize("n", [15, 30, 100])
@pytest.mark.parametrize("name", ["Gaussian", "t3", "uniform"])
def test_symmetric_differences_are_rarely_warned_of(name: str, n: int) -> None:
    draws = {
        "Gaussian": lambda random, n: random.normal(size=n),
        "t3": lambda random, n: random.standard_t(3, n),
        "uniform": lambda random, n: random.random(n),
    }
    assert share(draws[name], n) <= 0.08


@pytest.mark.parametrize("sign", [1, -1])
def test_exponential_differences_mostly_are(sign: int) -> None:
    assert share(lambda random, n: sign * random.exponential(size=n), 30) >= 0.55
    assert share(lambda random, n: sign * random.exponential(size=n), 100) >= 0.85


def test_few_differences_say_nothing() -> None:
    values = np.array([0.0] * (FEWEST - 2) + [5.0])
    assert not skewed(values)
    assert skewed(np.random.default_rng(0).exponential(size=60))
