"""``rectifiers report``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rectifiers.cli._result import end

__all__ = ["report"]

_OUT = "Where it goes"


def report(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", show_default=False, help="Directory of a study, finished or not.")
    ],
    svg: Annotated[
        bool, typer.Option("--svg", rich_help_panel=_OUT, help="Every chart as SVG as well.")
    ] = False,
    png: Annotated[
        bool, typer.Option("--png", rich_help_panel=_OUT, help="Every chart as PNG as well.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="DIR",
            rich_help_panel=_OUT,
            show_default=False,
            help="Directory it is written to. [default: DIR]",
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", rich_help_panel=_OUT, help="Print one JSON object on standard output.")
    ] = False,
) -> None:
    """Write the report of a study again, from its records; nothing is trained."""
    from rectifiers.comparison import ComparisonResult

    result = ComparisonResult.load(directory).write(out, svg=svg, png=png)
    end(result, as_json=as_json)
