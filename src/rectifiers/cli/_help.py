"""Help texts: options under headings, in plain text.

typer's own panels cost half of the 0.3 s in which help is to answer, because they load all of rich.
"""

from __future__ import annotations

import os
from typing import Any

import typer
from typer.core import TyperCommand

__all__ = ["Command"]


class Command(TyperCommand):
    """A command whose help groups the options by their ``rich_help_panel``."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write one section per heading, in the order in which the headings first come."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            if record is None:
                continue
            is_argument = param.param_type_name == "argument"
            heading = getattr(param, "rich_help_panel", None) or ("Arguments" if is_argument else "Other")
            name = param.metavar if is_argument and param.metavar else record[0]
            sections.setdefault(heading, []).append((name, record[1]))
        for heading, records in sections.items():
            with formatter.section(_bold(heading)):
                formatter.write_dl(records)


def _bold(text: str) -> str:
    # typer takes the codes away again where the output is no terminal.
    return text if os.environ.get("NO_COLOR") else typer.style(text, bold=True)
