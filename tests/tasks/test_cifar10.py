"""cifar10: the archive or its batches, verified, and unpickled without running anybody's code."""

from __future__ import annotations

import hashlib
import io
import os
import pickle
import pickletools
import struct
import tarfile
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from rectifiers import tasks
from rectifiers.errors import DataError
from rectifiers.tasks import cifar10

NAMES = (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch")
Batches = dict[str, bytes]


def batch(name: str) -> bytes:
    random = np.random.default_rng(len(name) + ord(name[-1]))
    data = random.integers(0, 256, (4, 3072), dtype=np.uint8)
    return as_python_2(pickle.dumps({"batch_label": "x", "labels": [0, 1, 2, 9], "data": data}, protocol=3))


def as_python_2(pickled: bytes) -> bytes:
    """Write a pickle as Python 2 and the NumPy of 2009 did: text and bytes are strings, `_core` is `core`."""
    operations = [(op, arg, at) for op, arg, at in pickletools.genops(pickled)]
    ends = [at for _, _, at in operations[1:]] + [len(pickled)]
    written = []
    for (op, arg, start), end in zip(operations, ends, strict=True):
        if op.name == "PROTO":
            written.append(b"\x80\x02")
        elif op.name in ("BINUNICODE", "BINBYTES", "SHORT_BINBYTES"):
            content = arg.encode() if isinstance(arg, str) else arg
            written.append(b"T" + struct.pack("<i", len(content)) + content)
        elif op.name == "GLOBAL":
            written.append(pickled[start:end].replace(b"numpy._core", b"numpy.core"))
        else:
            written.append(pickled[start:end])
    return b"".join(written)


@pytest.fixture
def batches(monkeypatch: pytest.MonkeyPatch) -> Batches:
    """Six small batches, made the official ones."""
    contents = {name: batch(name) for name in NAMES}
    official(monkeypatch, contents)
    monkeypatch.delenv("RECTIFIERS_DATA", raising=False)
    return contents


def pixels(content: bytes) -> NDArray[np.uint8]:
    start = content.index(b"T" + struct.pack("<i", 4 * 3072)) + 5
    return np.frombuffer(content, np.uint8, 4 * 3072, start).reshape(-1, 3, 32, 32)


def official(monkeypatch: pytest.MonkeyPatch, contents: Batches) -> None:
    monkeypatch.setattr(cifar10, "_BATCHES", {k: hashlib.md5(v).hexdigest() for k, v in contents.items()})


def extracted(directory: Path, contents: Batches) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        (directory / name).write_bytes(content)
    return directory


def packed(directory: Path, contents: Batches) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / "cifar-10-python.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name, content in contents.items():
            member = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


@pytest.mark.parametrize("place", ["", "cifar10", "cifar-10-batches-py", "cifar10/cifar-10-batches-py"])
def test_extracted_batches(tmp_path: Path, batches: Batches, place: str) -> None:
    extracted(tmp_path / place, batches)
    data = tasks.get("cifar10").load(tmp_path)
    assert (data.input_shape, data.outputs) == ((3, 32, 32), 10)
    assert data.train_y.tolist() == [0, 1, 2, 9] * 5
    assert data.test_y.tolist() == [0, 1, 2, 9]


def test_the_archive_gives_the_same(tmp_path: Path, batches: Batches) -> None:
    packed(tmp_path / "packed", batches)
    extracted(tmp_path / "extracted", batches)
    one, other = (tasks.get("cifar10").load(tmp_path / place) for place in ("packed", "extracted"))
    assert one.content_hash == other.content_hash
    assert [p.name for p in (tmp_path / "packed").iterdir()] == ["cifar-10-python.tar.gz"]


def test_each_channel_is_standardised_by_train(tmp_path: Path, batches: Batches) -> None:
    data = tasks.get("cifar10").load(extracted(tmp_path, batches))
    raw = np.concatenate([pixels(batches[name]) for name in NAMES[:5]])
    mean, std = raw.mean((0, 2, 3), keepdims=True), raw.std((0, 2, 3), keepdims=True)
    np.testing.assert_allclose(data.train_x, (raw - mean) / std, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(
        data.test_x, (pixels(batches["test_batch"]) - mean) / std, rtol=1e-5, atol=1e-6
    )


def test_altered_batch(tmp_path: Path, batches: Batches) -> None:
    extracted(tmp_path, batches | {"data_batch_3": batches["data_batch_3"][:-1] + b"x"})
    with pytest.raises(DataError, match=r"data_batch_3 in .* its MD5 must be"):
        tasks.get("cifar10").load(tmp_path)


@pytest.mark.parametrize("keep, said", [(0, "is empty"), (20, "truncated|no gzip"), (0.5, "truncated|lacks")])
def test_broken_archive(tmp_path: Path, batches: Batches, keep: float, said: str) -> None:
    path = packed(tmp_path, batches)
    content = path.read_bytes()
    path.write_bytes(content[: int(keep if keep >= 1 else keep * len(content))])
    with pytest.raises(DataError, match=said) as caught:
        tasks.get("cifar10").load(tmp_path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_archive_without_a_batch(tmp_path: Path, batches: Batches) -> None:
    packed(tmp_path, {name: content for name, content in batches.items() if name != "test_batch"})
    with pytest.raises(DataError, match="lacks test_batch"):
        tasks.get("cifar10").load(tmp_path)


class Harmful:
    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, ("harm",)


@pytest.mark.parametrize(
    "content, said",
    [
        (pickle.dumps({b"data": Harmful()}), r"no use for \w+\.mkdir"),
        (pickle.dumps({b"data": np.zeros((4, 3072), np.uint8)}), "labels"),
        (pickle.dumps({b"data": np.zeros((4, 5), np.uint8), b"labels": []}), "reshape"),
        (pickle.dumps([1]), "no batch of CIFAR-10"),
        (b"not a pickle", "no batch of CIFAR-10"),
    ],
)
def test_a_pickle_that_is_no_batch_runs_nothing(
    tmp_path: Path, batches: Batches, monkeypatch: pytest.MonkeyPatch, content: bytes, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    contents = batches | {"data_batch_1": content}
    official(monkeypatch, contents)
    with pytest.raises(DataError, match=said):
        tasks.get("cifar10").load(extracted(tmp_path / "data", contents))
    assert not (tmp_path / "harm").exists()


def test_nothing_there(tmp_path: Path, batches: Batches) -> None:
    with pytest.raises(DataError, match=r"lacks cifar-10-python\.tar\.gz or the folder cifar-10-batches-py"):
        tasks.get("cifar10").load(tmp_path)
