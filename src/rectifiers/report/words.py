"""How numbers and names are written, alike in the terminal, the sentence and the HTML file."""

from __future__ import annotations

import math
from collections.abc import Sequence

__all__ = [
    "amount",
    "between",
    "bytes_text",
    "count",
    "decimals",
    "duration",
    "e_text",
    "enumerate_names",
    "failures",
    "finer",
    "norm_text",
    "number",
    "outward",
    "plural",
    "points",
    "rate_text",
    "rough_duration",
    "signed",
    "spread",
    "upper",
]

_MOST_DIGITS = 12
MINUS = "\N{MINUS SIGN}"
_SMALL = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven")
_NORMS = {"none": "without normalisation", "batch": "with batch normalisation"}


def decimals(margin: float) -> int:
    """Return how many decimals show a tenth of the margin, at least 1."""
    if margin <= 0.0:
        return 2
    return min(_MOST_DIGITS, max(1, 1 + math.ceil(-math.log10(margin))))


def finer(margin: float) -> int:
    """Return how many decimals a table needs: no interval inside the margin may seem to reach beyond it."""
    digits = decimals(margin)
    return digits + (round(margin, digits) > margin)


def outward(low: float, high: float, digits: int) -> tuple[float, float]:
    """Return two numbers >= 0 rounded down and up: a range that claims no more than they do."""
    scale = 10.0**digits
    return math.floor(low * scale + 1e-6) / scale, math.ceil(high * scale - 1e-6) / scale


def number(value: float | None, digits: int) -> str:
    """Return a value with `digits` decimals, a real minus sign, and a dash for nothing."""
    if value is None:
        return "–"
    text = f"{value:.{digits}f}"
    if float(text) == 0.0:
        text = text.lstrip("-")
    return text.replace("-", MINUS)


def signed(value: float | None, digits: int) -> str:
    """Return a difference with its sign."""
    text = number(value, digits)
    return text if value is None or text.startswith(MINUS) else f"+{text}"


def amount(difference: float, unit: str) -> str:
    """Return a difference such as the margin with its unit."""
    return f"{difference:.3g} {points(unit)}".rstrip()


def spread(mean: float | None, sd: float | None, digits: int) -> str:
    """Return mean and standard deviation as ``97.42 ± 0.31``."""
    return number(mean, digits) + ("" if sd is None else f" ± {number(sd, digits)}")


def failures(diverged: int, crashed: int) -> str:
    """Return ``2 diverged, 1 crashed``, or nothing."""
    counts = ((diverged, "diverged"), (crashed, "crashed"))
    return ", ".join(f"{count:,} {what}" for count, what in counts if count)


def between(low: float | None, high: float | None, digits: int) -> str:
    """Return an interval as ``0.10 to 0.70``."""
    if low is None or high is None:
        return "unbounded"
    # an interval that leaves out 0 must not look as if it touched it
    while digits < _MOST_DIGITS and any(end and not round(end, digits) for end in (low, high)):
        digits += 1
    return f"{signed(low, digits)} to {signed(high, digits)}"


def count(number: int) -> str:
    """Return a small number as a word."""
    return _SMALL[number] if number < len(_SMALL) else f"{number:,}"


def plural(number: int, noun: str) -> str:
    """Return ``1 seed`` or ``40 seeds``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def upper(text: str) -> str:
    """Return a text as the beginning of a sentence."""
    return text[:1].upper() + text[1:]


def points(unit: str) -> str:
    """Return what a difference is counted in: percentages differ by points."""
    return "points" if unit == "%" else unit


def norm_text(norm: str) -> str:
    """Return a normalisation as a phrase."""
    return _NORMS.get(norm, f"with {norm} normalisation")


def enumerate_names(names: Sequence[str]) -> str:
    """Return ``a``, ``a and b`` or ``a, b and c``."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def rate_text(rate: float | None) -> str:
    """Return a learning rate without needless digits."""
    return "–" if rate is None else f"{rate:.3g}"


def e_text(value: float | None) -> str:
    """Return an e-value with as many digits as it is worth."""
    if value is None:
        return "–"
    return f"{value:.2g}" if value < 10.0 else f"{value:,.0f}" if value < 1e5 else f"{value:.0e}"


def duration(seconds: float | None) -> str:
    """Return seconds as ``0.31 s``, ``12.3 s``, ``4 min 10 s`` or ``2 h 05 min``."""
    if seconds is None:
        return "–"
    if seconds < 60.0:
        return f"{seconds:.2f} s" if seconds < 9.95 else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min"


def rough_duration(seconds: float) -> str:
    """Return seconds as somebody would guess them: ``5 s``, ``35 s``, ``4 min``, ``2.5 h``."""
    if seconds < 10.0:
        return f"{max(1, round(seconds))} s"
    if seconds < 90.0:
        return f"{5 * round(seconds / 5.0)} s"
    return f"{round(seconds / 60.0)} min" if seconds < 5400.0 else f"{seconds / 3600.0:.1f} h"


def bytes_text(count: int | None) -> str:
    """Return bytes as ``12.3 MiB``."""
    if count is None:
        return "–"
    value = float(count)
    for unit in ("B", "KiB", "MiB"):
        if value < 1024.0:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024.0
    return f"{value:.2f} GiB"
