"""Where things go in a chart."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rectifiers.report import _layout


@given(st.lists(st.floats(0.1, 10.0), min_size=1, max_size=20), st.booleans())
def test_labels_keep_clear_of_each_other_and_in_their_order(values: list[float], logarithmic: bool) -> None:
    scale = math.log if logarithmic else float
    places = _layout.spread(values, (0.1, 10.0), 300.0, logarithmic)
    pixels = [(scale(y) - scale(0.1)) / (scale(10.0) - scale(0.1)) * 300 for y in places]
    assert all(-1e-6 <= pixel <= 300 + 1e-6 for pixel in pixels)
    ordered = sorted(pixels)
    gap = min(14.0, 300 / len(values))
    assert all(b - a >= gap - 1e-6 for a, b in itertools.pairwise(ordered))
    for (v, p), (w, q) in itertools.combinations(zip(values, pixels, strict=True), 2):
        assert v == w or (v < w) == (p < q)


def test_a_label_alone_stays_where_it_belongs() -> None:
    assert _layout.spread([2.0, 8.0], (0.0, 10.0), 300.0, False) == pytest.approx([2.0, 8.0])


def test_reach_fits_every_interval_in_proportion_and_cuts_the_others() -> None:
    assert _layout.reach([(0.4, 0.1, 0.7), (-0.2, -0.4, 0.0)], 0.2) == pytest.approx(1.08 * 0.7)
    assert _layout.reach([(0.4, -60.0, 60.8)], 0.2) == pytest.approx(2.0)
    assert _layout.reach([(0.4, None, None)], 0.2) == pytest.approx(1.08 * 0.4)
    assert _layout.reach([], 0.0) > 0.0


@pytest.mark.parametrize(
    "low, high, logarithmic", [(0.0, 0.0, False), (5.0, 5.0, False), (2.0, 2.0, True), (0.01, 3.0, True)]
)
def test_a_range_has_room_around_it(low: float, high: float, logarithmic: bool) -> None:
    bottom, top = _layout.padded(low, high, logarithmic)
    assert bottom <= low <= high <= top
    if low != high or not logarithmic:
        assert bottom < top


def test_a_loss_down_to_nought_starts_at_nought() -> None:
    assert _layout.padded(0.0, 3.0, logarithmic=False)[0] == 0.0


def test_decades() -> None:
    assert _layout.decades(0.015, 2.5) == pytest.approx([0.02, 0.05, 0.1, 0.2, 0.5, 1, 2])
    assert _layout.decades(1e-6, 1.0) == pytest.approx([1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1.0])
