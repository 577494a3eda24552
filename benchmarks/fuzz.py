"""Damaged stores and senseless command lines: each is an error in one line, or works; none is a traceback.

``python -m benchmarks.fuzz --seconds 600`` goes on until the time is over, and stops at the first failure
with what made it.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import random
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rectifiers.comparison import ComparisonResult
from rectifiers.errors import RectifiersError

_VALUES: tuple[Any, ...] = (None, "", "no number", "\x00", "relu", -1, 2**62, 1e308, float("inf"), b"\xff")
_VALUES += ("[]", "{}", '"x"', "null", "0", "[[1, 2]]")
_COMMANDS = ["compare", "report", "evidence", "export", "check", "list", "show", "claims"]
_TEXT = """
xor digits relu relu,relu ray auto all --arms --lr --seeds --epochs --margin --norm --model --train --command
--data --device --jobs --budget --trial-timeout --memory-per-trial --runner --out --to --json -h leaky_relu(
leaky_relu(1/0) maxout(pieces=-1) elu(alpha=1e999) torch:nn.ReLU torch:nn. os:system a.py:b x:y:z ( ) , ,, -1
0 1e999 nan 10xyz 2GB 1s %s {arm} ../.. /dev/null ' " --
"""
_STUDY = """
compare xor --epochs 2 --width 4 --max-seeds 4 --quiet --no-report --allow no-arm-learned --out study
"""
_WORDS = [*_COMMANDS, *_TEXT.split(), "", " ", "\u202e", "\U0001f600", "\ud800", "\n", "\x1b[31m"]


def damaged(store: Path, draw: random.Random, place: Path) -> Path:
    """Write a damaged copy of a store: bytes changed, its end cut off, or a value that no study has."""
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    file = place / "study.db"
    content = bytearray(store.read_bytes())
    how = draw.choice(("bytes", "cut", "value", "value", "value"))
    if how == "bytes":
        for _ in range(draw.choice((1, 10, 1000))):
            content[draw.randrange(len(content))] = draw.randrange(256)
    elif how == "cut":
        del content[draw.randrange(len(content)) :]
    file.write_bytes(content)
    if how == "value":
        with contextlib.closing(sqlite3.connect(file)) as connection, connection:
            found = "SELECT name FROM sqlite_master WHERE type = '{}' AND name NOT LIKE 'sqlite_%'"
            for (trigger,) in connection.execute(found.format("trigger")).fetchall():
                connection.execute(f"DROP TRIGGER {trigger}")
            tables = [name for (name,) in connection.execute(found.format("table"))]
            for _ in range(draw.randint(1, 3)):
                table = draw.choice(tables)
                columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
                with contextlib.suppress(sqlite3.Error):
                    row = f"rowid = (SELECT rowid FROM {table} ORDER BY random() LIMIT 1)"
                    change = f"UPDATE {table} SET {draw.choice(columns)} = ? WHERE {row}"
                    connection.execute(change, (draw.choice(_VALUES),))
    return file.parent


def read(directory: Path) -> bool:
    """Read a store, and what it says in every way but a picture; return whether it was refused."""
    try:
        result = ComparisonResult.load(directory)
        assert result.to_json()
        assert result.verdict
        assert result._repr_html_()
    except RectifiersError as error:
        return len(str(error).splitlines()) == 1
    return False


def line(draw: random.Random) -> list[str]:
    """Return a command line of words that may follow each other or not."""
    words = [draw.choice(_WORDS) for _ in range(draw.randint(1, 7))]
    return [draw.choice(_COMMANDS), *words] if draw.random() < 0.9 else words


def told(arguments: Sequence[str]) -> int:
    """Run a command line that ends before anything is trained; return its exit code."""
    from rectifiers.cli import main

    output, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
        code = main(list(arguments))
    assert code in (0, 1, 2, 3), code
    assert "Traceback" not in errors.getvalue()
    assert code != 2 or errors.getvalue().count("\n") == 1, errors.getvalue()
    return code


def stores(store: Path, count: int, seed: int, place: Path) -> int:
    """Read so many damaged copies of a store; return how many were refused."""
    draw = random.Random(seed)
    return sum(read(damaged(store, draw, place / "damaged")) for _ in range(count))


def lines(count: int, seed: int) -> int:
    """Run so many senseless command lines; return how many were refused."""
    draw = random.Random(seed)
    wrong = 0
    for _ in range(count):
        given = line(draw)
        # nothing is trained: a study that could be made is only planned
        given += ["--dry-run"] if given[0] == "compare" else []
        try:
            wrong += told(given) != 0
        except BaseException:
            print("failed with", given)
            raise
    return wrong


def main() -> None:
    from rectifiers.cli import main as command

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    end, seed, refused, made = time.monotonic() + asked.seconds, asked.seed, 0, 0
    with tempfile.TemporaryDirectory() as name, contextlib.chdir(name):
        place = Path(name)
        assert command(_STUDY.split()) == 0
        while time.monotonic() < end:
            refused += stores(place / "study" / "study.db", 50, seed, place) + lines(50, seed)
            made, seed = made + 100, seed + 1
        print(f"{made} in {asked.seconds:g} s, {refused} refused in one line, no traceback")


if __name__ == "__main__":
    main()
