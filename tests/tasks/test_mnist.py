"""mnist and fashion-mnist: IDX files found under the names and in the places people keep them."""

from __future__ import annotations

import gzip
import hashlib
import os
import struct
from pathlib import Path

import numpy as np
import pytest
import torch

from rectifiers import tasks
from rectifiers.errors import DataError
from rectifiers.tasks import mnist

STEMS = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
Files = dict[str, bytes]


def small(seed: int) -> Files:
    """A data set of 20 and 10 images in MNIST's files."""
    random = np.random.default_rng(seed)
    files = {}
    for stem, n in zip(STEMS, (20, 20, 10, 10), strict=True):
        if "images" in stem:
            header = struct.pack(">4I", 0x803, n, 28, 28)
            files[stem] = header + random.integers(0, 256, n * 784, dtype=np.uint8).tobytes()
        else:
            files[stem] = struct.pack(">2I", 0x801, n) + (np.arange(n, dtype=np.uint8) % 10).tobytes()
    return files


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch) -> Files:
    """The content of small files, made the official ones."""
    both = {"mnist": small(0), "fashion-mnist": small(1)}
    digests = {
        name: tuple(hashlib.sha256(content).hexdigest() for content in contents.values())
        for name, contents in both.items()
    }
    monkeypatch.setattr(mnist, "_CONTENTS", digests)
    monkeypatch.delenv("RECTIFIERS_DATA", raising=False)
    return both["mnist"]


def write(directory: Path, files: Files, name: str = "{}-ubyte", packed: bool = False) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    for stem, content in files.items():
        (directory / name.format(stem)).write_bytes(gzip.compress(content) if packed else content)
    return directory


@pytest.mark.parametrize("name", ["{}-ubyte", "{}-ubyte.gz"])
@pytest.mark.parametrize("dotted", [False, True])
@pytest.mark.parametrize("place", ["", "mnist", "MNIST/raw"])
def test_names_and_places(tmp_path: Path, files: Files, name: str, dotted: bool, place: str) -> None:
    named = {stem.replace("-idx", ".idx") if dotted else stem: content for stem, content in files.items()}
    write(tmp_path / place, named, name, packed=name.endswith("gz"))
    data = tasks.get("mnist").load(str(tmp_path))
    assert data.train_x.shape == (20, 1, 28, 28)
    assert data.test_y.tolist() == [i % 10 for i in range(10)]
    assert (data.input_shape, data.outputs, data.resolution) == ((1, 28, 28), 10, 10.0)
    assert str(tmp_path) not in data.source


def test_standardised_with_the_statistics_of_train(tmp_path: Path, files: Files) -> None:
    data = tasks.get("mnist").load(write(tmp_path, files))
    raw = np.frombuffer(files["train-images-idx3"][16:], np.uint8).astype(np.float64)
    test = np.frombuffer(files["t10k-images-idx3"][16:], np.uint8)
    expected = ((test - raw.mean()) / raw.std()).reshape(10, 1, 28, 28)
    assert data.train_x.dtype == torch.float32
    np.testing.assert_allclose(data.test_x, expected, rtol=1e-6, atol=1e-7)
    assert float(data.train_x.double().mean()) == pytest.approx(0, abs=1e-6)
    assert float(data.train_x.double().std(correction=0)) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(
    "content, said",
    [
        (b"", "is empty"),
        (b"<!DOCTYPE html>", "no IDX file"),
        (small(0)["t10k-images-idx3"][:-1], "truncated"),
        (small(0)["t10k-images-idx3"][:-1] + b"\x01", "it was altered: the content's SHA-256 must be"),
        (small(1)["t10k-images-idx3"], "but t10k-images-idx3-ubyte of fashion-mnist"),
        (small(0)["t10k-labels-idx1"], "must hold images of bytes, but holds uint8 of shape \\(10,\\)"),
    ],
)
def test_broken_files(tmp_path: Path, files: Files, content: bytes, said: str) -> None:
    write(tmp_path, files)
    (tmp_path / "t10k-images-idx3-ubyte").write_bytes(content)
    with pytest.raises(DataError, match=said) as caught:
        tasks.get("mnist").load(tmp_path)
    assert str(tmp_path / "t10k-images-idx3-ubyte") in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_truncated_gzip_file(tmp_path: Path, files: Files) -> None:
    write(tmp_path, files, "{}-ubyte.gz", packed=True)
    path = tmp_path / "train-labels-idx1-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(DataError, match="truncated"):
        tasks.get("mnist").load(tmp_path)


def test_three_of_four_files(tmp_path: Path, files: Files) -> None:
    write(tmp_path, files)
    (tmp_path / "train-labels-idx1-ubyte").unlink()
    with pytest.raises(DataError, match=r"has some of the files but lacks train-labels-idx1-ubyte\[.gz\]:"):
        tasks.get("mnist").load(tmp_path)


def test_no_files(tmp_path: Path, files: Files) -> None:
    with pytest.raises(DataError, match="lacks train-images-idx3-ubyte"):
        tasks.get("fashion-mnist").load(tmp_path)


def _real(name: str) -> Path:
    """Return a directory that has the real files, or skip."""
    beside = Path(__file__).resolve().parents[3] / "shared" / "data"
    candidates = [Path(os.environ.get("RECTIFIERS_DATA", "/nowhere")), beside, Path("/usr/share/datasets")]
    for root in candidates:
        if any((root / sub / "train-images-idx3-ubyte.gz").is_file() for sub in (name, "")):
            return root
    pytest.skip(f"the files of {name} are not here: name their directory with RECTIFIERS_DATA")


@pytest.mark.parametrize(
    "name, mean, std, hashed",
    [
        ("mnist", 33.318421, 78.567490, "16f6dd1ea82e73a7c7380af04a1a08fe3c8d788bff8a4732ddebcba30584c866"),
        (
            "fashion-mnist",
            72.940352,
            90.021182,
            "d77c9c7c2bc8fad040d3fb07be6bbe74b7c95e45648e0053d5ef9909362bb394",
        ),
    ],
)
def test_the_real_files(name: str, mean: float, std: float, hashed: str) -> None:
    data = tasks.get(name).load(_real(name))
    assert (len(data.train_x), len(data.test_x), data.resolution) == (60_000, 10_000, 0.01)
    # the best known statistics of the two sets: 0.1307, 0.3081 and 0.2860, 0.3530 of 255
    black, white = float(data.train_x.min()), float(data.train_x.max())
    assert 255 / (white - black) == pytest.approx(std, rel=1e-5)
    assert -black * 255 / (white - black) == pytest.approx(mean, rel=1e-5)
    assert data.content_hash == hashed
