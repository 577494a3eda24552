"""``rectifiers report``."""

from __future__ import annotations

from json import dumps
from pathlib import Path
from typing import Annotated

import typer

from rectifiers.cli._options import argument, takes
from rectifiers.cli._result import end
from rectifiers.records.options import OUT, Option

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

    Several studies of the same arms are put side by side, printed and as tasks.html: every arm's difference
    from the control on each task, and over all of them.
    """
    from rectifiers.comparison import ComparisonResult

    found = [ComparisonResult.load(directory) for directory in directories]
    if len(found) == 1:
        end(found[0].write(out, svg=svg, png=png), as_json=json)
        return
    from rectifiers.report import tasks, tasks_page

    studies = [one.study for one in found]
    result = tasks.together(studies)
    typer.echo(dumps(result.to_json(), indent=2, ensure_ascii=False) if json else f"{result}\n")
    page = tasks_page.write(result, studies[0].plan.arms, out or ".", svg=svg, png=png)
    typer.echo(f"report  {page}", err=json)
