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


def _option(panel: str, metavar: str | None, help: str, *names: str) -> Any:
    return typer.Option(*names, rich_help_panel=panel, help=help, metavar=metavar, show_default=False)


def _argument(metavar: str, help: str) -> Any:
    return typer.Argument(metavar=metavar, show_default=False, help=help)


_Scale = Annotated[str, _option("How it is run", "SCALE", "quick (default), desk or full.", "--scale")]
_Jobs = Annotated[
    int | None, _option("How it is run", "N", "Worker processes. [default: the cores]", "--jobs")
]
_Out = Annotated[
    Path | None,
    _option(
        "Where it goes", "DIR", "For records and studies; goes on there. [default: runs/claims]", "--out"
    ),
]
_Json = Annotated[
    bool, _option("Where it goes", None, "Print one JSON object per claim, a line each.", "--json")
]


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
        found = "not run yet"
        for last in claims.recorded(name).values():
            found = f"{last.text}, {last.scale}, {last.seconds / 60:.1f} min"
        typer.echo(f"{name:<{width}}  {found:<42}  {claims.load(name).title}")
    typer.echo("\nrectifiers claims show NAME; rectifiers claims run NAME --scale quick")


@app.command("show", cls=Command)
def show(name: Annotated[str, _argument("NAME", "Of a claim.")]) -> None:
    """Say what was claimed, how it is tested, and what was found."""
    from rectifiers import claims
    from rectifiers.claims import _page

    typer.echo(_page.page(claims.load(name), claims.recorded(name)))


@app.command("run", cls=Command)
def run(
    names: Annotated[list[str], _argument("NAME...", "Claims, files such as mypaper.py, or all.")],
    scale: _Scale = "quick",
    jobs: _Jobs = None,
    out: _Out = None,
    as_json: _Json = False,
) -> None:
    """Run claims again and say whether they are reproduced."""
    from rectifiers import claims

    found = [claims.load(name) for name in (claims.names() if names == ["all"] else names)]
    for claim in found:
        if names == ["all"] and scale not in claim.scales:
            continue
        with contextlib.redirect_stdout(sys.stderr) if as_json else contextlib.nullcontext():
            record = claims.run(claim, scale, jobs=jobs, out=out)
        said = json.dumps(record.to_json(), ensure_ascii=False, allow_nan=False) if as_json else str(record)
        typer.echo(said)
