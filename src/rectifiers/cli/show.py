"""``rectifiers show``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["show"]


def show(
    activations: Annotated[
        list[str],
        typer.Argument(
            metavar="ACTIVATION...", show_default=False, help="Names, e.g. elu 'leaky_relu(0.1)'."
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="FILE",
            rich_help_panel="Where it goes",
            show_default=False,
            help="An .html (with sliders), .svg or .png file. [default: NAMES.html]",
        ),
    ] = None,
    open_: Annotated[
        bool, typer.Option("--open", rich_help_panel="Where it goes", help="Open it in the browser.")
    ] = False,
) -> None:
    """Draw activations and their derivatives."""
    import rectifiers

    file = out or Path(re.sub(r"[^\w.-]+", "_", "-".join(activations)).strip("_") + ".html")
    path = rectifiers.show(*activations).save(file)
    typer.echo(path)
    if open_:
        typer.launch(str(path))
