"""``rectifiers claims``."""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from rectifiers.cli._help import Command

__all__ = ["app"]

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
_RUN, _OUT = "How it is run", "Where it goes"


def _option(panel: str, help: str, *names: str, metavar: str | None = None) -> Any:
    return typer.Option(*names, rich_help_panel=panel, help=help, metavar=metavar, show_default=False)


@app.callback(invoke_without_command=True)
def list_(context: typer.Context) -> None:
    """Run again what has been said about rectifiers, and say whether it is reproduced.

    Without a command it lists the claims: what was found here, at which scale, in how many minutes.
    """
    if context.invoked_subcommand is not None:
        return
    from rectifiers import claims

    width = max(map(len, claims.names()))
    for name in claims.names():
        claim, records = claims.get(name), claims.recorded(name)
        last = records[list(records)[-1]] if records else None
        found = f"{last.text}, {last.scale}, {last.seconds / 60:.1f} min" if last else "not run yet"
        typer.echo(f"{name:<{width}}  {found:<42}  {claim.title}")
    typer.echo("\nrectifiers claims show NAME; rectifiers claims run NAME --scale quick")


@app.command("show", cls=Command)
def show(
    name: Annotated[str, typer.Argument(metavar="NAME", show_default=False, help="Of a claim.")],
) -> None:
    """Say what was claimed, how it is tested, and what was found."""
    from rectifiers import claims
    from rectifiers.claims import _page

    claim = claims.load(name)
    typer.echo(_page.page(claim, claims.recorded(claim.name)))


@app.command("run", cls=Command)
def run(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME...", show_default=False, help="Claims, files such as mypaper.py, or all."
        ),
    ],
    scale: Annotated[
        str, _option(_RUN, "quick (default), desk or full.", "--scale", metavar="SCALE")
    ] = "quick",
    jobs: Annotated[int | None, _option(_RUN, "Worker processes. [default: the cores]", metavar="N")] = None,
    out: Annotated[
        Path | None,
        _option(_OUT, "For records and studies; goes on there. [default: runs/claims]", metavar="DIR"),
    ] = None,
    as_json: Annotated[
        bool, _option(_OUT, "Print one JSON object per claim, a line each.", "--json")
    ] = False,
) -> None:
    """Run claims again and say whether they are reproduced."""
    from rectifiers import claims

    found = [claims.load(name) for name in (claims.names() if names == ["all"] else names)]
    if names == ["all"]:
        found = [claim for claim in found if scale in claim.scales]
    for claim in found:
        with contextlib.redirect_stdout(sys.stderr) if as_json else contextlib.nullcontext():
            record = claims.run(claim, scale, jobs=jobs, out=out)
        said = json.dumps(record.to_json(), ensure_ascii=False, allow_nan=False) if as_json else str(record)
        typer.echo(said)
