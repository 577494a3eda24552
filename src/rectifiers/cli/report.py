"""``rectifiers report``."""

from __future__ import annotations

from json import dumps
from pathlib import Path
from typing import Annotated

import typer

from rectifiers.cli._options import argument, takes
from rectifiers.cli._result import end
from rectifiers.records.options import OUT, Option
from rectifiers.records.store import make_directory

__all__ = ["report"]

_STUDIES = "Directory of a study, finished or not; several to see the same arms on several tasks."


@takes(
    Option("svg", OUT, "", "Every chart as SVG as well.", bool, False),
    Option("png", OUT, "", "Every chart as PNG as well.", bool, False),
    Option("out", OUT, "DIR", "Directory it is written to. [default: DIR; of several the current one]", Path),
    Option("json", OUT, "", "Print one JSON object on standard output.", bool, False),
)
def report(
    directories: Annotated[list[Path], argument("DIR...", _STUDIES)],
    *,
    svg: bool,
    png: bool,
    out: Path | None,
    json: bool,
) -> None:
    """Write the report of a study again, from its records; nothing is trained.

    Of several studies of the same arms it prints them side by side: every arm's difference from the control
    on each task, and over all of them. --svg and --png then write the performance profiles.
    """
    from rectifiers.comparison import ComparisonResult

    found = [ComparisonResult.load(directory) for directory in directories]
    if len(found) == 1:
        end(found[0].write(out, svg=svg, png=png), as_json=json)
        return
    from rectifiers.report.tasks import together

    studies = [one.study for one in found]
    result = together(studies)
    typer.echo(dumps(result.to_json(), indent=2, ensure_ascii=False) if json else str(result))
    if svg or png:
        from rectifiers.report import files

        place, chart = make_directory(out or "."), result.chart(studies[0].plan.arms)
        for ending in [".svg"] * svg + [".png"] * png:
            typer.echo(f"profiles  {files.save(chart, place / f'tasks{ending}')}", err=json)
