"""The command line's frame: help, version, usage errors, exit codes."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

import rectifiers
from rectifiers.cli import main


def failing(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The one line an error gives."""
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("rectifiers: error: ")
    assert err.count("\n") == 1
    return err


def test_without_arguments_it_shows_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    bare = capsys.readouterr().out
    assert main(["--help"]) == 0
    assert capsys.readouterr().out == bare
    assert all(f"  {command} " in bare for command in ("compare", "report", "show"))


def test_help_groups_the_options(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "-h"]) == 0
    text = capsys.readouterr().out
    headings = ["What is compared", "How it is trained", "How it is decided", "Where it goes"]
    places = [text.index(f"\n{heading}") for heading in headings]
    assert places == sorted(places)
    assert text.index("--arms") < places[1] < text.index("--epochs") < places[2] < text.index("--margin")
    assert "\x1b" not in text


def test_help_names_everything_there_is_to_choose_from(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from rectifiers import tasks
    from rectifiers.study.optimisers import OPTIMIZERS, SCHEDULES

    monkeypatch.setenv("COLUMNS", "200")
    assert main(["compare", "--help"]) == 0
    words = set(re.findall(r"[\w-]+", capsys.readouterr().out))
    assert {*tasks.names(), *tasks.models.NAMES, *OPTIMIZERS, *SCHEDULES} <= words


def test_help_fits_a_narrow_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    assert main(["compare", "--help"]) == 0
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 60


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"rectifiers {rectifiers.__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["compare", "--sedes", "3"], "--seeds"),
        (["compare", "--seeds", "three"], "--seeds"),
        (["compare", "--margin", "tiny"], "margin is"),
        (["comprae"], "'compare'"),
        (["report"], "DIR"),
        (["show"], "ACTIVATION"),
        (["compare", "digits", "mnist"], "mnist"),
        (["compare", "--seeds"], "--seeds"),
    ],
)
def test_wrong_usage_is_one_line_that_names_the_right_word(
    arguments: list[str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert expected in failing(arguments, capsys)


def test_as_a_module_and_as_a_process() -> None:
    found = subprocess.run(
        [sys.executable, "-m", "rectifiers", "compare", "--nonsense"], capture_output=True, text=True
    )
    assert found.returncode == 2
    assert found.stdout == ""
    assert found.stderr.startswith("rectifiers: error: No such option: --nonsense")


def test_a_reader_that_stops_reading_is_no_error() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "rectifiers", "compare", "--help"]
    found = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True)
    os.close(writing)
    assert found.stderr == ""
    assert found.returncode == 0
