"""``plan.toml``: what a study was asked, as a file beside it that ``rectifiers compare`` takes again."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Container, Mapping
from pathlib import Path
from typing import Any

from rectifiers.errors import ArgumentError
from rectifiers.records.plan import OBJECT, Plan
from rectifiers.records.saving import save

__all__ = ["NAME", "named", "read", "text", "unnamed", "write"]

NAME = "plan.toml"
_UNNAMED = "unnamed"


def named(code: str) -> str:
    """Return a piece as it is written on a command line: a name, or a path without the hash of its code."""
    return re.split(r"@[0-9a-f]{64}", code)[0]


def unnamed(plan: Plan) -> list[str]:
    """Return which pieces have no name that another session could find: objects of a script or notebook."""
    return [name for name, code in plan.pieces.items() if code.startswith(OBJECT) or "__main__:" in code]


def text(plan: Plan, options: Mapping[str, Any] | None) -> str:
    """Return the file's text.

    Parameters
    ----------
    plan : Plan
    options : mapping of str, or None
        Of the command that reproduces the study; None where none can.
    """
    if options is None:
        pieces = unnamed(plan) or (["arms"] if plan.kind == "loop" else ["train"])
        why = "# These came as objects of a script or notebook: that repeats the study."
        return f"{why}\n{_UNNAMED} = {json.dumps(pieces)}\n"
    # what JSON makes of texts, numbers and truth is TOML as well
    said = {name: json.dumps(value, ensure_ascii=False) for name, value in options.items()}
    if said.pop("lower-is-better", None):
        said["higher-is-better"] = "false"
    lines = (f"{name} = {value}" for name, value in said.items())
    return "\n".join((f"# rectifiers compare {NAME}", *lines)) + "\n"


def write(directory: Path, plan: Plan, options: Mapping[str, Any] | None) -> None:
    """Write the file into a study's directory."""
    save(text(plan, options), directory / NAME)


def read(path: Path, known: Container[str]) -> dict[str, Any]:
    """Read a file back: the options of the command line by their names, with ``_`` for ``-``.

    Raises
    ------
    ArgumentError
        It is not there, no TOML, has an option that is not known, or a piece that only a script has.
    """
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ArgumentError(f"cannot read {path}: {error.strerror or error}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ArgumentError(f"{path} is not a plan: {error}") from None
    if _UNNAMED in found:
        raise ArgumentError(
            f"{path}: {', '.join(found[_UNNAMED])} came as objects of a script or notebook: repeat the study "
            "there, or put them into a module and name them 'module:name'"
        )
    options = {name.replace("-", "_"): value for name, value in found.items()}
    for name in options:
        if name not in known:
            raise ArgumentError(f"{path}: a plan has the options of `rectifiers compare`, but got {name!r}")
    return options
