"""`rectifiers evidence`: files of results, as they come."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Say = Callable[..., Any]

LONG = (
    "activation,seed,accuracy\n"
    "relu,0,96.1\nrelu,1,95.8\nrelu,2,96.4\nrelu,3,96.0\nrelu,4,95.9\n"
    "elu,0,97.0\nelu,1,96.8\nelu,2,97.5\nelu,3,97.1\nelu,4,96.9\n"
)
WIDE = "seed;relu;elu\n0;96.1;97.0\n1;95.8;96.8\n2;96.4;97.5\n3;96.0;97.1\n4;95.9;96.9\n"
LINES = "\n".join(
    json.dumps(dict(zip(("activation", "seed", "accuracy"), line.split(","), strict=True)))
    for line in LONG.splitlines()[1:]
)


def test_it_ends_with_the_recommendation(say: Say, place: Path) -> None:
    (place / "results.csv").write_text(LONG)
    found = say("evidence", "results.csv", "--control", "relu", "--unit", "%", "--margin", ".3")
    assert found.code == 0
    assert found.out.startswith("Use elu: better than relu by ")
    assert " points" in found.out.splitlines()[0]
    assert found.err == (
        "results.csv: 2 arms against relu, 5 runs each; arm: activation, seed: seed, value: accuracy\n"
    )


@pytest.mark.parametrize(
    "name, content, options",
    [
        ("r.csv", "\ufeff" + LONG.replace("\n", "\r\n"), []),
        ("r.tsv", LONG.replace(",", "\t"), []),
        ("r.csv", LONG.replace("\n", "\n\n"), []),
        ("r.csv", WIDE, []),
        ("r.csv", LONG.replace("activation", "who"), ["--arm-column", "who"]),
        ("r.csv", LONG.replace("seed", "no"), ["--seed-column", "no"]),
        ("r.csv", LONG.replace("accuracy", "top"), ["--value-column", "top"]),
        ("r.jsonl", LINES, []),
    ],
)
def test_every_way_to_write_a_table_gives_the_same_answer(
    name: str, content: str, options: list[str], say: Say, place: Path
) -> None:
    (place / "plain.csv").write_text(LONG)
    (place / name).write_bytes(content.encode())
    found = json.loads(say("evidence", name, "--json", *options).out)
    expected = json.loads(say("evidence", "plain.csv", "--json").out)
    assert found["recommendation"] == expected["recommendation"]
    assert found["comparisons"] == expected["comparisons"]


def test_an_index_is_no_seed(say: Say, place: Path) -> None:
    (place / "r.csv").write_text(WIDE.replace("seed", ""))
    found = say("evidence", "r.csv")
    assert found.err.endswith("5 runs each; an arm per column\n")
    assert "independent samples" in found.out


def test_json_is_one_object_and_the_report_lies_where_it_is_asked_for(say: Say, place: Path) -> None:
    (place / "results.csv").write_text(LONG)
    found = say("evidence", "results.csv", "--json", "--out", "a/b", "--lower-is-better", "--metric", "err")
    told = json.loads(found.out)
    assert (told["schema"], told["control"], told["metric"]) == (2, "relu", "minus err")
    assert (told["report"], told["store"]) == ("a/b/report.html", None)
    assert [notice["code"] for notice in told["warnings"]] == ["margin-from-results"]
    assert told["trials"]["deciding"] == 10
    assert (place / "a" / "b" / "report.html").stat().st_size > 10_000


def test_a_file_called_like_a_loss_is_asked_about_where_nothing_else_says_what_it_holds(
    say: Say, place: Path
) -> None:
    (place / "val_loss.csv").write_text(WIDE)
    assert "'val_loss.csv' leaves open whether higher is better" in say("evidence", "val_loss.csv").err
    assert say("evidence", "val_loss.csv", "--metric", "accuracy").out.startswith("Use elu")
    assert say("evidence", "val_loss.csv", "--lower-is-better").out.startswith("Keep relu")


def test_sequential_is_more_careful(say: Say, place: Path) -> None:
    (place / "results.csv").write_text(LONG)
    (fixed,) = json.loads(say("evidence", "results.csv", "--json").out)["comparisons"]
    (grown,) = json.loads(say("evidence", "results.csv", "--json", "--sequential").out)["comparisons"]
    assert fixed["e_value"] is None
    assert grown["e_value"] > 1
    assert grown["low"] is None or grown["low"] < fixed["low"]


@pytest.mark.parametrize(
    "content, options, words",
    [
        (None, [], ["no file", "r.csv"]),
        ("", [], ["r.csv is empty"]),
        ("arm,seed,value\n", [], ["r.csv is empty"]),
        (LONG, ["--control", "rely"], ["unknown control 'rely'", "'relu'"]),
        (LONG, ["--value-column", "acuracy"], ["unknown column 'acuracy'", "'accuracy'"]),
        (LONG + "elu,0,97\n", [], ["elu has seed 0 twice", "rows 7 and 12"]),
        (LONG + "elu,5,n.a.\n", [], ["row 12", "'n.a.'"]),
        (LONG + "elu,5\n", [], ["row 12", "3 cells"]),
        (LONG + "elu,5,97,1\n", [], ["row 12", "3 cells"]),
        (",relu,elu\n0,96,97,98\n", [], ["row 2", "3 cells"]),
        ("arm,arm,value\nrelu,0,1\n", [], ["different names"]),
        (WIDE + "5;96.2;\n", [], ["'elu' is empty in row 7", "write nan"]),
        (LONG[: LONG.index("elu,0,97")], [], ["two arms", "'relu'"]),
        (LONG, ["--margin", "tiny"], ["'tiny'"]),
        (LONG, ["--confidence", "95"], ["confidence=95"]),
        ("arm,value\nrelu,1\nelu,2\n", ["--sequential"], ["pair up", "no column of seeds"]),
        (WIDE.replace(";", ",").replace(".", "a"), [], ["row 2", "'96a1'"]),
    ],
)
def test_bad_tables_are_one_line(
    content: str | None, options: list[str], words: list[str], say: Say, place: Path
) -> None:
    if content is not None:
        (place / "r.csv").write_text(content)
    found = say("evidence", "r.csv", *options)
    assert (found.code, found.out) == (2, "")
    assert found.err.startswith("rectifiers: error: ")
    assert found.err.count("\n") == 1
    for word in words:
        assert word in found.err


def test_bytes_that_are_no_text_and_lines_that_are_no_json(say: Say, place: Path) -> None:
    (place / "r.csv").write_bytes(b"\xff\xfe\x00")
    assert "should be CSV" in say("evidence", "r.csv").err
    (place / "r.jsonl").write_text('{"arm": "relu"}\n{"arm": "relu"}\n{"arm"\n')
    assert "line 3" in say("evidence", "r.jsonl").err


def test_the_guide_shows_what_it_prints(say: Say, place: Path) -> None:
    guide = (Path(__file__).parents[2] / "docs" / "guide" / "judge.md").read_text(encoding="utf-8")
    table, command, printed = (
        re.search(rf"```{kind}[^\n]*\n(.*?)```", guide[start:], re.DOTALL)[1]  # type: ignore[index]
        for kind, start in (("text", 0), ("bash", 0), ("text", guide.index("```bash")))
    )
    (place / "results.csv").write_text(table)
    program, *arguments = shlex.split(command)
    found = say(*arguments)
    assert program == "rectifiers"
    taken, sentence, control, *_ = printed.splitlines()
    assert found.err.strip() == taken
    assert found.out.splitlines()[:2] == [sentence, control]
    assert (place / "judged" / "report.html").is_file()
    for line in printed.splitlines()[5:]:
        assert all(word in found.out for word in re.findall(r"\S*\d\S*", line))
