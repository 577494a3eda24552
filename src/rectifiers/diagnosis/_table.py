"""The table of a watch: a line per site, the worst first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rectifiers.call_sites import aligned
from rectifiers.diagnosis.quantities import ALL

__all__ = ["share", "table"]

_SHOWN = {quantity.name: quantity.title for quantity in ALL if quantity.title}
_COLUMNS = {**_SHOWN, "gradient_ratio": "of the last"}
_SHARES = {quantity.name for quantity in ALL if quantity.share}
_WORST = ("dead", "rounding", "linear", "dormant")


def table(rows: Sequence[Mapping[str, Any]], steps: int, every: int) -> str:
    """Return the figures of all sites as text, those with the most dead units first."""
    ordered = sorted(rows, key=lambda row: tuple(row[name] or 0.0 for name in _WORST), reverse=True)
    lines = [
        [row["site"], row["activation"], str(row["units"]), *(_cell(row, name) for name in _COLUMNS)]
        for row in ordered
    ]
    seen = [row for row in rows if row["seen"]]
    first, last = min(row["first_step"] for row in seen), max(row["last_step"] for row in seen)
    head = f"watch: {steps} training steps, every {every}. watched; figures of steps {first} to {last}"
    return f"{head}\n\n{aligned(('site', 'activation', 'units', *_COLUMNS.values()), lines)}"


def _cell(row: Mapping[str, Any], name: str) -> str:
    value = row[name]
    return "-" if value is None else share(value) if name in _SHARES else f"{value:.2g}"


def share(value: float) -> str:
    """Return a number between 0 and 1 in percent."""
    return f"{100 * value:.0f} %" if value == 0 or value >= 0.01 else "< 1 %"
