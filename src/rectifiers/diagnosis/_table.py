"""The table of a watch: a line per site, the worst first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rectifiers.call_sites import aligned

__all__ = ["table", "worst_first"]

_COLUMNS = {
    "dead": "dead",
    "linear": "linear",
    "saturation": "flat",
    "sparsity": "zeros",
    "dormant": "dormant",
    "mean": "mean",
    "deviation": "std",
    "output_mean": "output mean",
    "gradient": "gradient RMS",
    "gradient_ratio": "of the last",
    "rounding": "lost",
}
_SHARES = ("dead", "linear", "saturation", "sparsity", "dormant", "rounding")


def worst_first(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return rows with the most dead units first, then by linear and dormant ones."""

    def badness(row: Mapping[str, Any]) -> tuple[float, ...]:
        return tuple(row[key] or 0.0 for key in ("dead", "rounding", "linear", "dormant"))

    return sorted(rows, key=badness, reverse=True)


def table(rows: Sequence[Mapping[str, Any]], steps: int, every: int) -> str:
    """Return the figures of all sites as text."""
    lines = [
        [row["site"], row["activation"], str(row["units"]), *(_cell(row, key) for key in _COLUMNS)]
        for row in worst_first(rows)
    ]
    first, last = min(row["first_step"] for row in rows), max(row["last_step"] for row in rows)
    head = f"watch: {steps} training steps, every {every}. watched; figures of steps {first} to {last}"
    return f"{head}\n\n{aligned(('site', 'activation', 'units', *_COLUMNS.values()), lines)}"


def _cell(row: Mapping[str, Any], key: str) -> str:
    value = row[key]
    if value is None:
        return "-"
    if key in _SHARES:
        return f"{100 * value:.0f} %" if value == 0 or value >= 0.01 else "< 1 %"
    return f"{value:.2g}"
