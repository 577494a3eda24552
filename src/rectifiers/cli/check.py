"""``rectifiers check``."""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["check"]

_WRONG = 1
_FUNCTION = "'package.module:name' or 'path/to/file.py:name': a function, module or autograd function."
_DERIVATIVE = "Its derivative; that of autograd by default."
_OF = "What the derivative is given: x, or the function of x."
_PLOT = "Draw function, derivative and true derivative (.svg or .png)."
_JSON = "Print one JSON object instead of the table."


def check(
    function: Annotated[str, typer.Argument(metavar="FUNCTION", show_default=False, help=_FUNCTION)],
    derivative: Annotated[str | None, typer.Argument(metavar="[DERIVATIVE]", help=_DERIVATIVE)] = None,
    of: Annotated[str, typer.Option(metavar="input|output", help=_OF)] = "input",
    plot: Annotated[Path | None, typer.Option(metavar="FILE", help=_PLOT)] = None,
    as_json: Annotated[bool, typer.Option("--json", help=_JSON)] = False,
) -> None:
    """Is this the derivative of that function? Exit code 0 right, 1 wrong, 2 could not run or be written."""
    import rectifiers
    from rectifiers.arms import load_object

    # What the user's code prints must not get between the JSON.
    with contextlib.redirect_stdout(sys.stderr) if as_json else contextlib.nullcontext():
        found = load_object(function)
        result = rectifiers.check(
            found,
            None if derivative is None else load_object(derivative),
            of=of,  # type: ignore[arg-type]  # checked there
        )
        drawn = None if plot is None else result.plot(plot)
    typer.echo(json.dumps(result.to_json(), indent=2, allow_nan=False) if as_json else str(result))
    if drawn is not None:
        typer.echo(drawn, err=as_json)
    if not result.ok:
        raise typer.Exit(_WRONG)
