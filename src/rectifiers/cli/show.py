"""``rectifiers show``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

import typer

from rectifiers.cli._options import argument, takes
from rectifiers.records.options import OUT, Option

__all__ = ["show"]


@takes(
    Option("out", OUT, "FILE", "An .html (with sliders), .svg or .png file. [default: NAMES.html]", Path),
    Option("open", OUT, "", "Open it in the browser.", bool, False),
)
def show(
    activations: Annotated[list[str], argument("ACTIVATION...", "Names, e.g. elu 'leaky_relu(0.1)'.")],
    **given: Any,
) -> None:
    """Draw activations and their derivatives."""
    import rectifiers

    file = given["out"] or Path(re.sub(r"[^\w.-]+", "_", "-".join(activations)).strip("_") + ".html")
    path = rectifiers.show(*activations).save(file)
    typer.echo(path)
    if given["open"]:
        typer.launch(str(path))
