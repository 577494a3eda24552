"""``rectifiers evidence``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from rectifiers.cli._options import argument, takes
from rectifiers.cli._result import end
from rectifiers.records.options import DECIDE, OUT, Option

__all__ = ["evidence"]

_TABLE = "What is in the table"
_OPTIONS = (
    Option("arm-column", _TABLE, "NAME", "What was compared. [default: arm, activation, ...]",
           argument="arm"),
    Option("seed-column", _TABLE, "NAME", "Which runs belong together. [default: seed, run, ...]",
           argument="seed"),
    Option("value-column", _TABLE, "NAME", "What was measured. [default: value, accuracy, ...]",
           argument="value"),
    Option("metric", _TABLE, "NAME", "Name of the metric. [default: of its column]"),
    Option("unit", _TABLE, "UNIT", "Unit of the metric, e.g. %.", str, ""),
    Option("lower-is-better", _TABLE, "", "The metric is a loss: its negative is compared.", bool, False),
    Option("control", DECIDE, "ARM", "The arm all others are compared with. [default: the first]"),
    Option("margin", DECIDE, "X",
           "Smallest difference worth caring about, in units of the metric; auto: half the standard "
           "deviation of the control's runs.", str, "auto"),
    Option("confidence", DECIDE, "X", "Of all intervals together.", float, 0.95),
    Option("sequential", DECIDE, "",
           "Somebody looked at the results while they came in: valid whenever one looks.", bool, False),
    Option("allow", DECIDE, "CODES", "Overrule checks of validity by their codes; the report says so.",
           str, ""),
    Option("out", OUT, "DIR", "Directory for report.html.", Path),
    Option("json", OUT, "", "Print one JSON object on standard output.", bool, False),
)  # fmt: skip


@takes(*_OPTIONS)
def evidence(
    file: Annotated[Path, argument("FILE", "CSV, JSON lines (*.jsonl) or *.parquet.")], **given: Any
) -> None:
    """Decide between arms by results that came from anywhere: one row per run, with arm, seed and value.

    The same recommendation, verdicts and report as of `rectifiers compare`; nothing is trained.
    """
    from rectifiers.judging import judge

    out, as_json = given.pop("out"), given.pop("json")
    asked = {option.argument or option.name: given[option.name] for option in _OPTIONS[:-2]}
    result = judge(file, **asked)
    if out is not None:
        result = result.write(out)
    typer.echo(result.taken, err=True)
    end(result, as_json=as_json)
