"""How commands end: with the verdict first, or with one JSON object."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from rectifiers.comparison import ComparisonResult
    from rectifiers.judging import Judgement

__all__ = ["INVALID", "print_result"]

INVALID = 3  # exit code of a study that has no verdict because a validity check withheld it


def print_result(result: ComparisonResult | Judgement, *, as_json: bool) -> None:
    """Print a result on standard output."""
    if as_json:
        typer.echo(json.dumps(result.to_json(), indent=2, ensure_ascii=False, allow_nan=False))
        return
    from rectifiers.report import terminal

    terminal.show(terminal.output(), result.summary, result.study.plan.arms, result.places)
