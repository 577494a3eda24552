"""Failures: the tests against scipy and integration, and the verdicts that failures forbid."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate
from scipy.stats import binomtest, fisher_exact

from rectifiers.errors import ArgumentError, ShapeError
from rectifiers.evidence.divergence import (
    exceeds,
    fisher,
    gate,
    share_e_process,
    sign_e_process,
    sign_test,
)

_FLAGS = st.lists(st.tuples(st.booleans(), st.booleans()), max_size=30)


def test_p_values_are_scipys() -> None:
    for n, m in itertools.product((1, 3, 5, 12), repeat=2):
        for a, b in itertools.product(range(n + 1), range(m + 1)):
            expected = fisher_exact([[a, n - a], [b, m - b]]).pvalue
            assert fisher(a, n, b, m, alpha=0.05).p_value == pytest.approx(expected, abs=1e-12), (a, n, b, m)


@pytest.mark.parametrize(
    "counts, more_often",
    [
        ((5, 5, 0, 5), True),
        ((0, 5, 5, 5), False),
        ((4, 5, 0, 5), True),
        ((3, 5, 0, 5), None),
        ((0, 5, 0, 5), None),
    ],
)
def test_who_fails_more_often(counts: tuple[int, int, int, int], more_often: bool | None) -> None:
    assert fisher(*counts, alpha=0.05).more_often is more_often


def test_without_runs_nothing_is_known() -> None:
    assert fisher(0, 0, 2, 5, alpha=0.05).p_value == 1.0


@pytest.mark.parametrize("counts", [(-1, 5, 0, 5), (6, 5, 0, 5), (0, 5, 6, 5)])
def test_counts_outside_their_rule(counts: tuple[int, int, int, int]) -> None:
    with pytest.raises(ArgumentError, match="runs"):
        fisher(*counts, alpha=0.05)


@pytest.mark.parametrize(
    "verdict, arm_failed, control_failed, expected",
    [
        ("better", [], [], "better"),
        ("better", [1], [], "undecided"),
        ("better", [], [1], "undecided"),
        ("equivalent", [1], [], "undecided"),
        ("equivalent", [], [1], "undecided"),
        ("equivalent", [1, 2], [2, 3], "undecided"),
        ("worse", [1], [], "worse"),  # its missing seeds can only have been worse
        ("worse", [], [1], "undecided"),
        ("worse", [1], [2], "undecided"),
        ("better", [1, 2], [2, 1], "better"),  # the same seeds are missing on both sides
        ("undecided", [1], [], "undecided"),
    ],
)
def test_gate(verdict: str, arm_failed: list[int], control_failed: list[int], expected: str) -> None:
    found, note = gate(verdict, arm_failed, control_failed)  # type: ignore[arg-type]
    assert found == expected
    assert bool(note) == bool(arm_failed or control_failed)
    assert ("withheld" in note) == (found != verdict)


@pytest.mark.parametrize("n", [0, 1, 3, 5, 12])
@pytest.mark.parametrize("alpha", [0.05, 0.05 / 6])
def test_exceeding_a_share_is_the_binomial_test(n: int, alpha: float) -> None:
    for failed in range(n + 1):
        expected = failed > 0 and binomtest(failed, n, 0.2, alternative="greater").pvalue <= alpha
        assert exceeds(failed, n, alpha=alpha) == expected, failed


def test_sign_e_process_is_the_averaged_likelihood_ratio() -> None:
    random = np.random.default_rng(0)
    arm, control = random.random((2, 14)) < 0.5
    values = sign_e_process(arm, control)
    for n in range(1, 15):
        a, b = (arm & ~control)[:n].sum(), (control & ~arm)[:n].sum()
        expected = integrate.quad(lambda p, a=a, b=b: (2 * p) ** a * (2 * (1 - p)) ** b, 0, 1)[0]
        assert values[n - 1] == pytest.approx(expected)


@pytest.mark.parametrize("share", [0.05, 0.2, 0.7])
@pytest.mark.parametrize("rate", [0.0, 0.2, 1.0])
def test_share_e_process_is_the_averaged_likelihood_ratio(share: float, rate: float) -> None:
    failed = np.random.default_rng(1).random(15) < rate
    values = share_e_process(failed, share)
    for n in range(1, 16):
        k = failed[:n].sum()

        def ratio(p: float, k: int = k, m: int = n - failed[:n].sum()) -> float:
            return (p / share) ** k * ((1 - p) / (1 - share)) ** m / (1 - share)

        assert values[n - 1] == pytest.approx(integrate.quad(ratio, share, 1)[0])


@pytest.mark.parametrize("chance", [0.0, 0.1, 0.2])
def test_share_e_process_is_expected_to_stay_below_1(chance: float) -> None:
    """By enumeration of all outcomes of 12 runs that fail with at most the share."""
    mean = 0.0
    for failed in itertools.product((False, True), repeat=12):
        weight = chance ** sum(failed) * (1 - chance) ** (12 - sum(failed))
        mean += weight * share_e_process(failed)[-1] if weight else 0.0
    assert mean <= 1.0 + 1e-9
    assert mean == pytest.approx(1.0) or chance < 0.2


def test_thousands_of_runs_overflow_nothing() -> None:
    assert share_e_process([False] * 5000)[-1] == 0.0
    assert share_e_process([True] * 300)[-1] > 1e100


@pytest.mark.parametrize("alpha, seeds", [(0.05, 8), (0.05 / 6, 11)])
def test_sign_test_in_one_direction(alpha: float, seeds: int) -> None:
    for n in range(seeds + 3):
        found = sign_test([True] * n, [False] * n, alpha=alpha)
        assert found.more_often is (True if n >= seeds else None)
        assert sign_test([False] * n, [True] * n, alpha=alpha).more_often is (False if n >= seeds else None)
        assert (found.failed, found.n, found.control_failed, found.control_n) == (n, n, 0, n)


@given(_FLAGS)
def test_sign_test_stays_decided(flags: list[tuple[bool, bool]]) -> None:
    arm, control = [a for a, _ in flags], [b for _, b in flags]
    found = [sign_test(arm[:n], control[:n], alpha=0.3) for n in range(len(flags) + 1)]
    for before, after in itertools.pairwise(found):
        assert after.p_value <= before.p_value
        assert before.more_often is None or after.more_often is before.more_often
    for one in found:
        assert (one.more_often is not None) == (one.p_value <= 0.3)


@pytest.mark.parametrize(
    "call, error",
    [
        (lambda: sign_e_process([True], []), ShapeError),
        (lambda: share_e_process([[True]]), ShapeError),  # type: ignore[list-item]
        (lambda: exceeds(3, 2, alpha=0.05), ArgumentError),
        (lambda: sign_test([True], [True], alpha=0.0), ArgumentError),
    ],
)
def test_failures_outside_their_rule(call: object, error: type) -> None:
    with pytest.raises(error):
        call()  # type: ignore[operator]
