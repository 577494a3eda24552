"""The application: what is common to the commands, and the list of them."""

from __future__ import annotations

from typing import Annotated

import typer

from rectifiers import __version__
from rectifiers.cli import check, claims, compare, evidence, export, listing, report, show
from rectifiers.cli._help import Command

__all__ = ["app"]

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
_COMMANDS = (
    ("compare", compare.compare, "Find out which activation a network should use."),
    ("report", report.report, "Write a study's report again."),
    ("export", export.export, "Write a study as tables, figures or a printed report."),
    ("evidence", evidence.evidence, "Decide by results that were measured anywhere."),
    ("check", check.check, "Check a derivative against its function."),
    ("list", listing.list_, "Name every activation, and when it is used."),
    ("show", show.show, "Draw activations and derivatives."),
)
for name, command, help_ in _COMMANDS:
    app.command(name, cls=Command, short_help=help_)(command)
app.add_typer(claims.app, name="claims", short_help="Run again what has been said about rectifiers.")


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"rectifiers {__version__}")
        raise typer.Exit


@app.callback()
def _rectifiers(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """ReLU and its whole family for PyTorch, and the evidence for which one a network needs."""
