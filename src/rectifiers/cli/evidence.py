"""``rectifiers evidence``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from rectifiers.cli._result import end

__all__ = ["evidence"]

_TABLE = "What is in the table"
_DECIDE = "How it is decided"
_OUT = "Where it goes"


def _option(panel: str, help: str, *names: str, metavar: str | None = None) -> Any:
    return typer.Option(*names, rich_help_panel=panel, help=help, metavar=metavar, show_default=False)


def evidence(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", show_default=False, help="CSV, JSON lines (*.jsonl) or *.parquet."),
    ],
    arm_column: Annotated[
        str | None, _option(_TABLE, "What was compared. [default: arm, activation, ...]", metavar="NAME")
    ] = None,
    seed_column: Annotated[
        str | None, _option(_TABLE, "Which runs belong together. [default: seed, run, ...]", metavar="NAME")
    ] = None,
    value_column: Annotated[
        str | None, _option(_TABLE, "What was measured. [default: value, accuracy, ...]", metavar="NAME")
    ] = None,
    wide: Annotated[bool, _option(_TABLE, "Every column but that of the seed is an arm.", "--wide")] = False,
    metric: Annotated[
        str | None, _option(_TABLE, "Name of the metric. [default: of its column]", metavar="NAME")
    ] = None,
    unit: Annotated[str, _option(_TABLE, "Unit of the metric, e.g. %.", metavar="UNIT")] = "",
    lower_is_better: Annotated[
        bool, _option(_TABLE, "The metric is a loss: its negative is compared.", "--lower-is-better")
    ] = False,
    control: Annotated[
        str | None,
        _option(_DECIDE, "The arm all others are compared with. [default: the first]", metavar="ARM"),
    ] = None,
    margin: Annotated[
        str,
        _option(
            _DECIDE,
            "Smallest difference worth caring about, in units of the metric; auto: half the standard "
            "deviation of the control's runs.",
            metavar="X",
        ),
    ] = "auto",
    confidence: Annotated[float, _option(_DECIDE, "Of all intervals together.", metavar="X")] = 0.95,
    sequential: Annotated[
        bool,
        _option(
            _DECIDE,
            "Somebody looked at the results while they came in: valid whenever one looks.",
            "--sequential",
        ),
    ] = False,
    allow: Annotated[
        str | None,
        _option(_DECIDE, "Overrule checks of validity by their codes; the report says so.", metavar="CODES"),
    ] = None,
    out: Annotated[Path | None, _option(_OUT, "Directory for report.html.", metavar="DIR")] = None,
    as_json: Annotated[bool, _option(_OUT, "Print one JSON object on standard output.", "--json")] = False,
) -> None:
    """Decide between arms by results that came from anywhere: one row per run, with arm, seed and value.

    The same recommendation, verdicts and report as of `rectifiers compare`; nothing is trained.
    """
    from rectifiers.judging import judge

    result = judge(
        file,
        control=control,
        margin=margin,
        confidence=confidence,
        arm=arm_column,
        seed=seed_column,
        value=value_column,
        wide=wide,
        sequential=sequential,
        metric=metric,
        unit=unit,
        lower_is_better=lower_is_better,
        allow=allow or (),
    )
    if out is not None:
        result = result.write(out)
    typer.echo(result.taken, err=True)
    end(result, as_json=as_json)
