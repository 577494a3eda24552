"""A record as lines of text, and its numbers as they are written everywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rectifiers.claims._record import PartRecord, Record

__all__ = ["lines", "numbers", "short"]


def lines(record: Record) -> list[str]:
    """Return a record as lines of text: the verdict first, then its parts."""
    told = [f"{record.claim}: {record.text}, at scale {record.scale}"]
    for part in record.parts:
        aside = "" if part.decides else " [does not decide]"
        told.append(f"  {part.verdict:<14}  {part.says}: {numbers(part)} (needs {part.criterion}){aside}")
        if part.note:
            told.append(f"                  {part.note}")
    return told


def numbers(part: PartRecord) -> str:
    """Return a measured value with its interval."""
    if part.n == 0 and part.value is not None:
        return short(part.value)
    low = "unbounded" if part.low is None else short(part.low)
    high = "unbounded" if part.high is None else short(part.high)
    if part.value is None and part.low is None and part.high is None:
        return "nothing"
    return f"{short(part.value)} ({low} to {high})"


def short(value: float | None) -> str:
    """Return a number with three digits that count."""
    return "?" if value is None else f"{value:.3g}".replace("-", "\N{MINUS SIGN}")
