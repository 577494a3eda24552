"""The picture of a check: a function, its derivative as given, and the true one."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from rectifiers.errors import ArgumentError
from rectifiers.records.values import ArmSpec
from rectifiers.report import _arm_lines, colours, files
from rectifiers.report._arm_lines import Line
from rectifiers.report._looks import on_paper
from rectifiers.report.charts import Chart

__all__ = ["draw"]


def draw(name: str, curves: Mapping[str, list[Any]], path: str | Path) -> Path:
    """Draw a function with the derivative as given and the true one, as an ``.svg`` or ``.png`` file."""
    place = Path(path)
    if place.suffix.lower() not in (".svg", ".png"):
        raise ArgumentError(f"a drawing is an .svg or .png file, but got {str(path)!r}")
    lines = [Line(label, curves["x"], values) for label, values in curves.items() if label != "x"]
    look = on_paper(colours.styles(ArmSpec(line.arm, line.arm, "", 1.0) for line in lines))
    reach = _arm_lines.reach(value for line in lines for value in line.y)
    drawing = partial(_arm_lines.functions, "derivative", lines, "value", reach)
    chart = Chart("derivative", "functions", name, f"{name} and derivatives", drawing)
    return files.save(chart.draw(look), place)
