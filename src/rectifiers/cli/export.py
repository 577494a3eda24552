"""``rectifiers export``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["export"]


def export(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", show_default=False, help="Directory of a study, finished or not.")
    ],
    to: Annotated[
        str,
        typer.Option(
            "--to", metavar="KIND", show_default=False, help="csv, parquet, latex, markdown, pdf, svg or png."
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", show_default=False, help="Where to. [default: DIR]"),
    ] = None,
) -> None:
    """Write what a study found as tables, figures or a printed report; nothing is trained."""
    from rectifiers.comparison import ComparisonResult
    from rectifiers.report.export import export as write

    for path in write(ComparisonResult.load(directory), to, out or directory):
        typer.echo(path)
