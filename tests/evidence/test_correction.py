"""How many comparisons there are, and the share of the error each may take."""

from __future__ import annotations

import pytest

from rectifiers.errors import ArgumentError
from rectifiers.evidence.correction import comparisons, corrected


@pytest.mark.parametrize(
    "arms, against, families, expected",
    [
        (7, "control", 1, 6),
        (7, "control", 2, 12),
        (7, "leader", 1, 21),
        (7, "leader", 2, 42),
        (1, "control", 3, 1),
        (2, "leader", 1, 1),
    ],
)
def test_number_of_comparisons(arms: int, against: str, families: int, expected: int) -> None:
    assert comparisons(arms, against, families) == expected  # type: ignore[arg-type]


def test_shares_add_up() -> None:
    assert corrected(0.05, 12) * 12 == pytest.approx(0.05)


@pytest.mark.parametrize("arms, families", [(0, 1), (3, 0)])
def test_nothing_to_compare(arms: int, families: int) -> None:
    with pytest.raises(ArgumentError, match="must hold"):
        comparisons(arms, "control", families)


def test_no_comparison_to_correct_for() -> None:
    with pytest.raises(ArgumentError, match="count"):
        corrected(0.05, 0)
