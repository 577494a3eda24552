"""Commands whose options are declared in a table."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Annotated, Any

import typer

from rectifiers.records.options import Option

__all__ = ["STUDY", "argument", "takes"]


def takes(*options: Option) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Have typer hand a command these options, in the place of its keywords."""

    def with_options(command: Callable[..., None]) -> Callable[..., None]:
        signature = inspect.signature(command, eval_str=True)
        written = [p for p in signature.parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
        parameters = [*written, *map(_parameter, options)]
        command.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
        return command

    return with_options


def argument(metavar: str, help: str, **more: Any) -> Any:
    """Return what stands on the command line without a flag."""
    return typer.Argument(metavar=metavar, help=help, show_default=False, **more)


STUDY = argument("DIR", "Directory of a study, finished or not.")


def _parameter(option: Option) -> inspect.Parameter:
    shown = typer.Option(
        *(option.spelt.split() or [f"--{option.flag}"]),
        rich_help_panel=option.panel,
        help=option.help,
        metavar=option.metavar or None,
    )
    wanted: Any = option.type | None if option.default is None else option.type
    kind, annotation = inspect.Parameter.KEYWORD_ONLY, Annotated[wanted, shown]
    return inspect.Parameter(option.name, kind, default=option.default, annotation=annotation)
