"""How commands that train end: with the verdict first, with one JSON object, or stopped."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from rectifiers.report.result import Result

__all__ = ["end", "training"]

_INVALID, _INTERRUPTED = 3, 130


def end(result: Result, *, as_json: bool) -> None:
    """Print a result on standard output, and exit with 3 where a validity check withheld its verdict."""
    if as_json:
        typer.echo(json.dumps(result.to_json(), indent=2, ensure_ascii=False, allow_nan=False))
    else:
        from rectifiers.report import terminal

        terminal.show(terminal.output(), result.summary, result.places)
    if result.recommendation.status == "invalid":
        raise typer.Exit(_INVALID)


@contextlib.contextmanager
def training(*, as_json: bool) -> Iterator[None]:
    """Keep what the user's code prints out of the JSON, and say what is kept where a training is stopped."""
    with contextlib.redirect_stdout(sys.stderr) if as_json else contextlib.nullcontext():
        try:
            yield
        except KeyboardInterrupt as stop:  # `Interrupted` says what is kept; before training there is nothing
            typer.echo(str(stop) or "stopped", err=True)
            raise typer.Exit(_INTERRUPTED) from None
