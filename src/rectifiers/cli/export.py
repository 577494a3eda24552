"""``rectifiers export``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rectifiers.cli._options import STUDY, takes
from rectifiers.records.options import OUT, Option

__all__ = ["export"]


@takes(
    Option("to", OUT, "KIND", "csv, parquet, latex, markdown, pdf, svg or png.", default=...),
    Option("out", OUT, "DIR", "Where to. [default: DIR]", Path),
)
def export(directory: Annotated[Path, STUDY], *, to: str, out: Path | None) -> None:
    """Write what a study found as tables, figures or a printed report; nothing is trained."""
    from rectifiers.comparison import ComparisonResult
    from rectifiers.report.export import export as write

    for path in write(ComparisonResult.load(directory), to, out or directory):
        typer.echo(path)
