"""``rectifiers claims``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from rectifiers.cli._help import Command
from rectifiers.cli._options import argument, takes
from rectifiers.cli._result import training
from rectifiers.records.options import OUT, Option

__all__ = ["app"]

app = typer.Typer()


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
def show(name: Annotated[str, argument("NAME", "Of a claim.")]) -> None:
    """Say what was claimed, how it is tested, and what was found."""
    from rectifiers import claims
    from rectifiers.claims import _page

    typer.echo(_page.page(claims.load(name), claims.recorded(name)))


@app.command("run", cls=Command)
@takes(
    Option("scale", "How it is run", "SCALE", "quick, desk or full.", str, "quick"),
    Option("jobs", "How it is run", "N", "Worker processes. [default: the cores]", int),
    Option("device", "How it is run", "DEVICE", "Where studies are trained, e.g. cuda.", str, "cpu"),
    Option("out", OUT, "DIR", "For records and studies; goes on there. [default: runs/claims]", Path),
    Option("json", OUT, "", "Print one JSON object per claim, a line each.", bool, False),
)
def run(
    names: Annotated[list[str], argument("NAME...", "Claims, files such as mypaper.py, or all.")],
    **given: Any,
) -> None:
    """Run claims again and say whether they are reproduced."""
    from rectifiers import claims

    as_json, scale = given.pop("json"), given["scale"]
    found = [claims.load(name) for name in (claims.names() if names == ["all"] else names)]
    for claim in found:
        if names == ["all"] and scale not in claim.scales:
            continue
        with training(as_json=as_json):
            record = claims.run(claim, **given)
        typer.echo(json.dumps(record.to_json(), ensure_ascii=False) if as_json else str(record))
