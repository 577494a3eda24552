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


def loaded(code: str, *arguments: str, cwd: Path | None = None) -> set[str]:
    """Top-level names of the modules that are there after running code in a fresh interpreter."""
    report = "import sys as _s, json as _j\n_s.stderr.write(_j.dumps(sorted(_s.modules)))"
    found = subprocess.run(
        [sys.executable, "-c", f"{code}\n{report}", *arguments],
        capture_output=True,
        text=True,
        check=True,
        cwd=cwd,
    )
    return {name.partition(".")[0] for name in json.loads(found.stderr.splitlines()[-1])}


def command(*arguments: str) -> str:
    return f"from rectifiers.cli import main\nassert main({list(arguments)!r}) == 0"


def modules(room: str) -> list[str]:
    paths = [str(Path(rectifiers.__path__[0]) / room)]
    return [found.name for found in pkgutil.walk_packages(paths, f"rectifiers.{room}.")]


def test_the_package_alone_costs_nothing() -> None:
    names = loaded("import rectifiers")
    assert not names & {*HEAVY, "numpy", "rich", "typer"}


def test_the_public_face_is_complete_without_loading_anything() -> None:
    names = loaded("import rectifiers; assert {'nn', 'compare'} <= set(dir(rectifiers))")
    assert not names & {*HEAVY, "numpy"}


def test_torch_comes_with_what_needs_it() -> None:
    assert "torch" in loaded("import rectifiers; rectifiers.nn")


def test_a_study_does_not_load_the_compiler_of_torch() -> None:
    """It takes longer than all else, in each worker; sympy comes along with it."""
    assert not loaded("import rectifiers.study") & {"sympy", "triton"}


@pytest.mark.parametrize(
    "arguments", [[], ["--help"], ["--version"], ["compare", "--help"], ["report", "-h"]]
)
def test_help_loads_neither_torch_nor_rich(arguments: list[str]) -> None:
    assert not loaded(command(*arguments)) & {*HEAVY, "numpy", "rich"}


@pytest.mark.parametrize("room", ["records", "evidence"])
def test_a_room_of_numbers_loads_nothing_heavy(room: str) -> None:
    names = loaded("\n".join(f"import {name}" for name in [f"rectifiers.{room}", *modules(room)]))
    assert not names & {*HEAVY, "rich", "typer"}


# what draws on a terminal
TERMINAL = {f"rectifiers.report.{name}" for name in ("terminal", "notebook", "live", "_live_table")}


def test_the_report_loads_what_it_draws_with_only_to_draw() -> None:
    names = loaded("\n".join(f"import {name}" for name in set(modules("report")) - TERMINAL))
    assert not names & {*HEAVY, "rich", "typer"}


def test_a_wrong_option_is_told_without_torch() -> None:
    names = loaded("from rectifiers.cli import main\nassert main(['compare', '--sedes', '3']) == 2")
    assert not names & set(HEAVY)


def test_a_mistake_in_the_name_of_a_study_is_told_without_torch(tmp_path: Path) -> None:
    code = "from rectifiers.cli import main\nassert main(['report', 'nowhere']) == 2"
    assert not loaded(code, cwd=tmp_path) & set(HEAVY)


def test_everything_public_resolves() -> None:
    for name in rectifiers.__all__:
        assert getattr(rectifiers, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        rectifiers.nothing  # noqa: B018
