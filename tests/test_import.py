"""What importing and starting costs, by the modules that come along and never by the clock."""

from __future__ import annotations

import json
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import rectifiers

HEAVY = (
    "torch",
    "llvmlite",
    "triton",
    "scipy",
    "pandas",
    "altair",
    "vl_convert",
    "jinja2",
    "pooch",
    "IPython",
)


def loaded(*steps: str, cwd: Path | None = None) -> list[set[str]]:
    """Top-level names of the modules that are there after each step of a fresh interpreter."""
    report = "import sys as _s, json as _j\n_s.stderr.write(_j.dumps(sorted(_s.modules)) + '\\n')"
    found = subprocess.run(
        [sys.executable, "-c", "\n".join(f"{step}\n{report}" for step in steps)],
        capture_output=True,
        text=True,
        check=True,
        cwd=cwd,
    )
    told = [line for line in found.stderr.splitlines() if line.startswith("[")]
    assert len(told) == len(steps)
    return [{name.partition(".")[0] for name in json.loads(line)} for line in told]


def command(code: int, *arguments: str) -> str:
    return f"from rectifiers.cli import main\nassert main({list(arguments)!r}) == {code}"


def modules(room: str) -> list[str]:
    paths = [str(Path(rectifiers.__path__[0]) / room)]
    return [found.name for found in pkgutil.walk_packages(paths, f"rectifiers.{room}.")]


def test_help_and_mistakes_load_neither_torch_nor_rich(tmp_path: Path) -> None:
    calls = [[], ["--help"], ["--version"], ["compare", "--help"], ["report", "-h"]]
    package, face, *helps, option, study = loaded(
        "import rectifiers",
        "assert {'nn', 'compare'} <= set(dir(rectifiers))",
        *(command(0, *arguments) for arguments in calls),
        command(2, "compare", "--sedes", "3"),
        command(2, "report", "nowhere"),
        cwd=tmp_path,
    )
    assert not (package | face) & {*HEAVY, "numpy", "rich", "typer"}
    for arguments, names in zip(calls, helps, strict=True):
        assert not names & {*HEAVY, "numpy", "rich"}, arguments
    assert not option & set(HEAVY)  # a wrong option
    assert not study & set(HEAVY)  # a mistake in the name of a study


# what draws on a terminal
TERMINAL = {f"rectifiers.report.{name}" for name in ("terminal", "notebook", "live", "_live_table")}


def test_rooms_of_numbers_and_the_report_load_nothing_heavy() -> None:
    rooms = {room: [f"rectifiers.{room}", *modules(room)] for room in ("records", "evidence")}
    rooms["report"] = sorted(set(modules("report")) - TERMINAL)  # loads what it draws with only to draw
    found = loaded(*("\n".join(f"import {name}" for name in names) for names in rooms.values()))
    for room, names in zip(rooms, found, strict=True):
        assert not names & {*HEAVY, "rich", "typer"}, room


def test_torch_comes_with_what_needs_it_and_a_study_does_not_load_its_compiler() -> None:
    """The compiler takes longer than all else, in each worker; sympy comes along with it."""
    before, after, study = loaded("import rectifiers", "rectifiers.nn", "import rectifiers.study")
    assert "torch" not in before
    assert "torch" in after
    assert not study & {"sympy", "triton"}


def test_everything_public_resolves() -> None:
    for name in rectifiers.__all__:
        assert getattr(rectifiers, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        rectifiers.nothing  # noqa: B018
