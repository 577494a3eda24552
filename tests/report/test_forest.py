"""Intervals as text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rectifiers.report.forest import Forest


def test_line_mark_zero_and_margin_stand_where_they_belong() -> None:
    forest = Forest([(0.5, 0.0, 1.0)], margin=1.0, width=21)
    assert forest
    assert forest.draw((0.5, 0.0, 1.0)) == " ┊        │────●────  ".replace("────  ", "────  ")[:21]


def test_without_an_interval_the_strokes_stand_alone() -> None:
    forest = Forest([(0.5, None, None)], margin=0.5, width=11)
    assert not forest
    assert forest.draw(None) == forest.draw((0.5, None, None)) == "┊    │    ┊"


def test_an_interval_out_of_all_proportion_ends_in_arrows() -> None:
    forest = Forest([(0.1, -90.0, 90.0)], margin=0.2)
    drawn = forest.draw((0.1, -90.0, 90.0))
    assert (drawn[0], drawn[-1]) == ("◂", "▸")


@given(
    st.floats(-1e3, 1e3), st.floats(0.0, 1e3), st.floats(0.0, 1e3), st.floats(0.0, 10.0), st.integers(3, 40)
)
def test_it_always_fits(middle: float, below: float, above: float, margin: float, width: int) -> None:
    ends = (middle, middle - below, middle + above)
    forest = Forest([ends], margin, width=width)
    assert len(forest.draw(ends)) == len(forest.draw(None)) == width | 1


@pytest.mark.parametrize("margin", [0.0, 1.0])
def test_nothing_at_all(margin: float) -> None:
    assert len(Forest([], margin).draw(None)) == 25
