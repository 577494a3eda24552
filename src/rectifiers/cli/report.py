"""``rectifiers report``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from rectifiers.cli._result import end
from rectifiers.records.store import make_directory

__all__ = ["report"]

_OUT = "Where it goes"


def report(
    directories: Annotated[
        list[Path],
        typer.Argument(
            metavar="DIR...",
            show_default=False,
            help="Directory of a study, finished or not; several to see the same arms on several tasks.",
        ),
    ],
    svg: Annotated[
        bool, typer.Option("--svg", rich_help_panel=_OUT, help="Every chart as SVG as well.")
    ] = False,
    png: Annotated[
        bool, typer.Option("--png", rich_help_panel=_OUT, help="Every chart as PNG as well.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="DIR",
            rich_help_panel=_OUT,
            show_default=False,
            help="Directory it is written to. [default: DIR; of several the current one]",
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", rich_help_panel=_OUT, help="Print one JSON object on standard output.")
    ] = False,
) -> None:
    """Write the report of a study again, from its records; nothing is trained.

    Of several studies of the same arms it prints them side by side: every arm's difference from the control
    on each task, and over all of them. --svg and --png then write the performance profiles.
    """
    from rectifiers.comparison import ComparisonResult

    found = [ComparisonResult.load(directory) for directory in directories]
    if len(found) == 1:
        end(found[0].write(out, svg=svg, png=png), as_json=as_json)
        return
    from rectifiers.report.tasks import together

    studies = [one.study for one in found]
    result = together(studies)
    typer.echo(json.dumps(result.to_json(), indent=2, ensure_ascii=False) if as_json else str(result))
    if svg or png:
        from rectifiers.report import files

        place, chart = make_directory(out or "."), result.chart(studies[0].plan.arms)
        for ending in [".svg"] * svg + [".png"] * png:
            typer.echo(f"profiles  {files.save(chart, place / f'tasks{ending}')}", err=as_json)
