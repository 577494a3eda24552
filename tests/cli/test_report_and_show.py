"""`rectifiers report` and `rectifiers show`: files out of records and formulas, without torch."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rectifiers.comparison import compare

Say = Callable[..., Any]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished study without its report."""
    out = tmp_path_factory.mktemp("kept") / "study"
    compare("xor", "relu,elu", seeds=2, epochs=3, learning_rate=1.0, out=out, report=False)
    return out


@pytest.fixture
def study(kept: Path, place: Path) -> Path:
    return Path(shutil.copytree(kept, place / "study"))


def test_the_report_is_written_beside_the_store(study: Path, say: Say) -> None:
    said = say("report", "study")
    assert said.code == 0
    assert said.out.startswith(("Keep ", "Use ", "Not decided"))
    assert said.err == ""
    assert said.out.splitlines()[-2:] == ["report  study/report.html", "store   study/study.db"]
    assert "elu" in (study / "report.html").read_text(encoding="utf-8")


def test_charts_and_report_go_where_they_are_asked_for(study: Path, say: Say, place: Path) -> None:
    said = say("report", "study/study.db", "--svg", "--out", "a/b", "--json")
    assert said.code == 0
    assert json.loads(said.out)["report"] == "a/b/report.html"
    made = {path.suffix for path in (place / "a" / "b").iterdir()}
    assert made == {".html", ".svg"}
    assert not (study / "report.html").exists()


def test_a_report_that_cannot_be_written_is_one_line(study: Path, say: Say, place: Path) -> None:
    (place / "file").write_text("in the way")
    said = say("report", "study", "--out", "file")
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith("rectifiers: error: ")
    assert said.err.count("\n") == 1


def test_list_report_and_show_need_no_torch(study: Path, place: Path) -> None:
    code = (
        "import sys\n"
        "sys.modules['torch'] = None\n"  # any import of it now fails
        "from rectifiers.cli import main\n"
        "assert main(['list']) == 0\n"
        "assert main(['report', 'study']) == 0\n"
        "assert main(['show', 'elu', 'leaky_relu(1/5.5)']) == 0"
    )
    found = subprocess.run([sys.executable, "-c", code], cwd=place, capture_output=True, text=True)
    assert found.returncode == 0, found.stderr
    assert "\nrelu " in found.stdout
    assert (study / "report.html").is_file()
    assert found.stdout.endswith("\nelu-leaky_relu_1_5.5.html\n")
    assert "<input" in (place / "elu-leaky_relu_1_5.5.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(("name", "start"), [("f.svg", b"<svg"), ("f.png", b"\x89PNG"), ("f.html", b"<!")])
def test_show_writes_what_the_name_asks_for(name: str, start: bytes, say: Say, place: Path) -> None:
    said = say("show", "elu", "--out", name)
    assert (said.code, said.out) == (0, f"{name}\n")
    assert (place / name).read_bytes().lstrip().startswith(start)


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["elo"], "'elu'"),
        (["elu(abc)"], "abc"),
        (["elu", "--out", "f.pdf"], ".svg"),
        (["elu", "--out", "mine.py/f.svg"], "mine.py"),
    ],
)
def test_what_cannot_be_shown_is_one_line(arguments: list[str], word: str, say: Say) -> None:
    said = say("show", *arguments)
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith("rectifiers: error: ")
    assert said.err.count("\n") == 1
    assert word in said.err
