"""Bad input gets one clear line, exit code 2, and loses nothing."""

from __future__ import annotations

import gzip
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

Say = Callable[..., object]


def line(said: object) -> str:
    """The one line of an error."""
    code, out, err = said  # type: ignore[misc]
    assert code == 2, err
    assert out == ""
    assert err.startswith("rectifiers: error: ")
    assert err.count("\n") == 1
    return str(err)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["digitz"], ["'digitz'", "did you mean 'digits'"]),
        (["xor", "--arms", "relu,leaki_relu"], ["'leaki_relu'", "'leaky_relu'"]),
        (["xor", "--arms", "relu,leaky_relu(abc)"], ["abc", "leaky_relu(abc)"]),
        (["xor", "--arms", "relu,rrelu(0.5, 0.1)"], ["lower=0.5, upper=0.1"]),
        (["xor", "--arms", "relu,maxout(pieces=0)"], ["pieces=0"]),
        (["xor", "--arms", "relu,elu(__import__('os'))"], ["elu"]),
        (["xor", "--arms", "relu,elu(1"], ["closed"]),
        (["xor", "--arms", "relu,,elu"], ["single commas"]),
        (["xor", "--arms", ""], ["at least one"]),
        (["xor", "--arms", "relu"], ["two arms"]),
        (["xor", "--arms", "relu,elu,relu"], ["differ"]),
        (["xor", "--arms", "relu,elu", "--control", "gelu"], ["gelu", "relu, elu"]),
        (["xor", "--arm", "nowhere.module:Act"], ["nowhere"]),
        (["xor", "--arm", "mine.py:Nine"], ["'Nine'", "'Mine'"]),
        (["xor", "--arm", "torch:nn.Hardswich"], ["'Hardswish'"]),
        (["xor", "--model", "mine.py:bild"], ["'build'"]),
        (["xor", "--model", "mlpp"], ["'mlp'"]),
        (["xor", "--model", "mine.py:unfit"], ["mine.py:unfit", "7"]),
        (["xor", "--seeds", "0"], ["seeds=0"]),
        (["xor", "--epochs", "0"], ["epochs=0"]),
        (["xor", "--lr", "fast"], ["'fast'"]),
        (["xor", "--lr", "-1"], ["-1"]),
        (["xor", "--norm", "layer"], ["'layer'", "batch"]),
        (["xor", "--margin", "0"], ["margin"]),
        (["xor", "--confidence", "95"], ["confidence"]),
        (["xor", "--match", "size"], ["'size'", "parameters, width"]),
        (["xor", "--init", "zeros"], ["'zeros'"]),
        (["xor", "--optimizer", "sdg"], ["'sgd'"]),
        (["xor", "--device", "tpu"], ["'tpu'"]),
        (["xor", "--data", "mine.py:load"], ["xor", "mine.py:load"]),
        (["--data", "mine.py:alike"], ["same"]),
        (["--data", "mine.py:not_finite"], ["mine.py:not_finite", "NaN"]),
        (["mnist", "--data-dir", "nowhere"], ["nowhere"]),
    ],
    ids=lambda value: " ".join(value)[:40] if value and len(value) > 1 else None,
)
def test_one_line_says_what_is_wrong_and_nothing_is_left_behind(
    arguments: list[str], words: list[str], say: Say, place: Path
) -> None:
    text = line(say("compare", *arguments))
    for word in words:
        assert word in text
    assert [path.name for path in place.iterdir() if path.name != "__pycache__"] == ["mine.py"]


@pytest.mark.parametrize("what", [["--model", "mine.py:broken"], ["--arm", "mine.py:Raises"]])
def test_a_users_code_that_raises_shows_only_the_users_frames(what: list[str], say: Say) -> None:
    code, out, err = say("compare", "xor", *what)  # type: ignore[misc]
    first, *frames = err.splitlines()
    assert (code, out) == (2, "")
    assert first.startswith("rectifiers: error: ")
    assert frames[0].startswith("Traceback")
    files = [text for text in frames if text.lstrip().startswith("File ")]
    assert files
    assert all("mine.py" in text for text in files)


def idx(place: Path, count: int) -> None:
    """The four files of MNIST, of which each holds `count` zeros."""
    for part in ("train", "t10k"):
        for kind in ("images-idx3", "labels-idx1"):
            (place / f"{part}-{kind}-ubyte.gz").write_bytes(gzip.compress(bytes(count)))


@pytest.mark.parametrize("count", [0, 5, 2000], ids=["empty", "truncated", "altered"])
def test_a_data_file_that_is_not_what_it_should_be(count: int, say: Say, place: Path) -> None:
    idx(place, count)
    text = line(say("compare", "mnist", "--data-dir", "."))
    assert "ubyte" in text


def test_an_output_directory_that_cannot_be_made(say: Say, place: Path) -> None:
    (place / "file").write_text("in the way")
    text = line(say("compare", "xor", "--out", "file/study", "--epochs", "1", "--lr", "1"))
    assert "file/study" in text
    assert (place / "file").read_text() == "in the way"


def test_another_protocol_in_the_same_directory(quick: Say, say: Say, place: Path) -> None:
    assert quick("xor", "--arms", "relu,elu")[0] == 0  # type: ignore[index]
    before = (place / "study" / "study.db").read_bytes()
    text = line(say("compare", "xor", "--arms", "relu,elu", "--epochs", "9", "--lr", "1", "--out", "study"))
    assert "epochs" in text
    assert (place / "study" / "study.db").read_bytes() == before


def test_a_store_of_a_newer_schema(quick: Say, say: Say, place: Path) -> None:
    assert quick("xor", "--arms", "relu,elu")[0] == 0  # type: ignore[index]
    with sqlite3.connect(place / "study" / "study.db") as connection:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        connection.execute(f"PRAGMA user_version = {version + 1}")
    connection.close()
    assert "newer" in line(say("report", "study"))
    assert "newer" in line(quick("xor", "--arms", "relu,elu"))


def test_a_file_that_is_no_study(say: Say, place: Path) -> None:
    (place / "study.db").write_text("not a database, but long enough to be read as one" * 100)
    assert "study.db" in line(say("report", "."))
    assert "nowhere" in line(say("report", "nowhere"))


@pytest.mark.parametrize("arm", ["mine.py:Nan", "mine.py:Undefined"])
def test_an_arm_that_is_nan_from_step_one_is_an_outcome(arm: str, quick: Say) -> None:
    code, out, _ = quick("xor", "--arms", "relu,elu", "--arm", arm)  # type: ignore[misc]
    assert code == 0
    assert "2 diverged" in out


def test_a_control_that_is_nan_from_step_one_is_bad_input(say: Say) -> None:
    text = line(say("compare", "xor", "--arms", "mine.py:Nan,relu", "--control", "mine.py:Nan"))
    assert "nan" in text
