"""The picture of a check: a function, its derivative as given, and the true one."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple, Protocol

from rectifiers.errors import ArgumentError
from rectifiers.report import _arm_lines, _page, colours, files
from rectifiers.report._arm_lines import Line
from rectifiers.report._looks import on_paper
from rectifiers.report.charts import Chart

__all__ = ["Curves", "draw"]


class Curves(Protocol):
    """What is drawn: values at the points `x`, None where not finite."""

    @property
    def x(self) -> Sequence[float]:
        """Points."""
        ...

    @property
    def f(self) -> Sequence[float | None]:
        """The function."""
        ...

    @property
    def claimed(self) -> Sequence[float | None]:
        """The derivative as given."""
        ...

    @property
    def true(self) -> Sequence[float | None]:
        """The true derivative."""
        ...


class _Named(NamedTuple):
    label: str
    name: str


def draw(name: str, curves: Curves, path: str | Path) -> Path:
    """Draw a function with the derivative as given and the true one, as an ``.svg`` or ``.png`` file."""
    place = Path(path)
    if place.suffix.lower() not in (".svg", ".png"):
        raise ArgumentError(f"a drawing is an .svg or .png file, but got {str(path)!r}")
    parts = {"f": curves.f, "true derivative": curves.true, "derivative as given": curves.claimed}
    lines = [Line(label, curves.x, values) for label, values in parts.items()]
    look = on_paper(colours.styles(_Named(label, "") for label in parts))
    reach = _arm_lines.reach(value for line in lines for value in line.y)
    drawing = partial(_arm_lines.functions, "derivative", lines, "value", reach)
    picture = files.to_svg(
        Chart("derivative", "functions", name, f"{name} and derivatives", drawing).draw(look)
    )
    return _page.save(picture if place.suffix.lower() == ".svg" else files.to_png(picture), place)
