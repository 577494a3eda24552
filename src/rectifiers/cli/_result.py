"""How commands end: with the verdict first, or with one JSON object."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from rectifiers.report.result import Result

__all__ = ["end"]

_INVALID = 3


def end(result: Result, *, as_json: bool) -> None:
    """Print a result on standard output, and exit with 3 where a validity check withheld its verdict."""
    if as_json:
        typer.echo(json.dumps(result.to_json(), indent=2, ensure_ascii=False, allow_nan=False))
    else:
        from rectifiers.report import terminal

        terminal.show(terminal.output(), result.summary, result.places)
    if result.recommendation.status == "invalid":
        raise typer.Exit(_INVALID)
