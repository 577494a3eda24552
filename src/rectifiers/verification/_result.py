"""What a check found: rows of a table, and the likely cause of what is wrong."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rectifiers.errors import one_line

__all__ = ["CheckResult", "Row"]


@dataclass(frozen=True)
class Row:
    """One test: what was tried, on how many points, and how it ended.

    Attributes
    ----------
    test, tried : str
    outcome : {"right", "wrong", "note"}
        A note is no failure: what is unusual, or could not be tried.
    note : str
        What is wrong, or unusual.
    x : float or None
        The point that is wrong, where it is one; of all that are the one whose magnitude is nearest to 1.
    expected : tuple of float or None
        The smallest and the largest right value: equal but at kinks.
    got : float or None
    ulp : float or None
        Distance to the nearest right value in units of the last place of the dtype.
    dtype : str
    """

    test: str
    tried: str
    outcome: str = "right"
    note: str = ""
    x: float | None = None
    expected: tuple[float, float] | None = None
    got: float | None = None
    ulp: float | None = None
    dtype: str = ""

    @property
    def point(self) -> str:
        """Where, what is right there, and what was found instead; empty where it is no point."""
        if self.expected is None:
            return ""
        low, high = self.expected
        right = f"{low:.9g}" if low == high else f"{low:.9g} to {high:.9g}"
        off = "" if self.ulp is None else f", off by {self.ulp:.3g} ulp"
        return f"at x = {self.x:.9g} ({self.dtype}): expected {right}, got {self.got:.9g}{off}"


@dataclass(frozen=True)
class CheckResult:
    """The result of `rectifiers.check`; printed, it is the table.

    Attributes
    ----------
    name : str
        Of the functions.
    cause : str
        The likely cause of the first failure in words; empty where all is right.
    rows : tuple of Row
        All tests.
    kinks : tuple of float
        Where the function has kinks or jumps, as found by scanning.
    curves : dict of str to list
        For a picture: ``x``, and there the ``"f"``, ``"true derivative"`` and ``"derivative as given"``; None
        where not finite.
    """

    name: str
    cause: str
    rows: tuple[Row, ...]
    kinks: tuple[float, ...]
    curves: dict[str, list[Any]] = field(repr=False)

    @property
    def failures(self) -> tuple[Row, ...]:
        """What is wrong; the first is the one to read."""
        return tuple(row for row in self.rows if row.outcome == "wrong")

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.failures

    def __str__(self) -> str:
        width = max(len(row.test) for row in self.rows)
        lines = [f"{self.name}: {'right' if self.ok else f'WRONG: {self.cause}'}", ""]
        for failure in self.failures[:1]:
            lines += [f"  {failure.test}: {one_line(failure.note, 300)}"]
            lines += [f"  {failure.point}", ""] if failure.point else [""]
        signs = {"right": "ok   ", "wrong": "WRONG", "note": "note "}
        for row in self.rows:
            text = f"{row.test:<{width}}  {row.tried}"
            lines.append(f"  {signs[row.outcome]}  {text}" + (f": {row.note}" if row.note else ""))
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """Return everything but the curves as plain data that JSON holds: NaN and infinity are texts."""
        found = asdict(self)
        del found["curves"]
        for row in found["rows"]:
            if not math.isfinite(row["got"] or 0.0):
                row["got"] = str(row["got"])
        return {"ok": self.ok, **found}

    def plot(self, path: str | Path) -> Path:
        """Draw the function, the derivative as given and the true one.

        Parameters
        ----------
        path : path
            An ``.svg`` or ``.png`` file.

        Returns
        -------
        Path
            The file that was written.

        Raises
        ------
        ArgumentError
            Another suffix.
        StoreError
            The file cannot be written.
        """
        import importlib

        # the report draws; it is above this room, and loaded where something is drawn alone
        drawn: Path = importlib.import_module("rectifiers.report.derivative").draw(
            self.name, self.curves, path
        )
        return drawn
