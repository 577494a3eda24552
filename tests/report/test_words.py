"""Numbers and names as they are written."""

from __future__ import annotations

import pytest

from rectifiers.report import words


@pytest.mark.parametrize(
    "margin, digits", [(0.2, 2), (1.0, 1), (0.05, 3), (0.1, 2), (5.0, 1), (0.0, 2), (1e-9, 10)]
)
def test_decimals_show_a_tenth_of_the_margin(margin: float, digits: int) -> None:
    assert words.decimals(margin) == digits


@pytest.mark.parametrize("margin, digits", [(0.2, 2), (1.06, 2), (1.04, 1), (0.742, 2), (0.746, 3)])
def test_no_interval_inside_the_margin_seems_to_leave_it(margin: float, digits: int) -> None:
    assert words.finer(margin) == digits
    assert float(f"{margin - 1e-6:.{digits}f}") <= margin


def test_ranges_claim_no_more_than_they_are() -> None:
    assert words.outward(0.57, 1.91, 1) == (0.5, 2.0)
    assert words.outward(0.6, 1.9, 1) == (0.6, 1.9)
    assert words.outward(0.04, 0.3, 1) == (0.0, 0.3)


@pytest.mark.parametrize(
    "value, plain, signed",
    [
        (1.234, "1.23", "+1.23"),
        (-0.5, "−0.50", "−0.50"),
        (-0.001, "0.00", "+0.00"),
        (0.0, "0.00", "+0.00"),
        (None, "–", "–"),
    ],
)
def test_numbers(value: float | None, plain: str, signed: str) -> None:
    assert words.number(value, 2) == plain
    assert words.signed(value, 2) == signed


def test_an_open_interval_is_unbounded() -> None:
    assert words.between(None, None, 2) == "unbounded"
    assert words.between(-0.1, 0.7, 2) == "−0.10 to +0.70"


@pytest.mark.parametrize(
    "seconds, text",
    [
        (0.312, "0.31 s"),
        (12.34, "12.3 s"),
        (59.96, "60.0 s"),
        (250.4, "4 min 10 s"),
        (7500.0, "2 h 05 min"),
        (None, "–"),
    ],
)
def test_durations(seconds: float | None, text: str) -> None:
    assert words.duration(seconds) == text


@pytest.mark.parametrize(
    "count, text",
    [(512, "512 B"), (2048, "2.0 KiB"), (5 << 20, "5.0 MiB"), (3 << 30, "3.00 GiB"), (None, "–")],
)
def test_bytes(count: int | None, text: str) -> None:
    assert words.bytes_text(count) == text


@pytest.mark.parametrize(
    "names, text", [([], ""), (["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")]
)
def test_enumerations(names: list[str], text: str) -> None:
    assert words.enumerate_names(names) == text


@pytest.mark.parametrize(
    "rate, text", [(0.1, "0.1"), (0.0316227766, "0.0316"), (1.0, "1"), (1e-5, "1e-05"), (None, "–")]
)
def test_rates(rate: float | None, text: str) -> None:
    assert words.rate_text(rate) == text
