"""Failures: Fisher's test against scipy, and the verdicts that failures forbid."""

from __future__ import annotations

import itertools

import pytest
from scipy.stats import fisher_exact

from rectifiers.errors import ArgumentError
from rectifiers.evidence.divergence import fisher, gate


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
