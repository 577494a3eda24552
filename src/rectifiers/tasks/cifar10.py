"""cifar10: 60,000 colour images of 32x32 pixels, as the archive of Python pickles it is published in."""

from __future__ import annotations

import hashlib
import io
import pickle
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from rectifiers.errors import DataError
from rectifiers.tasks._files import RemoteFile, locate, read, reading
from rectifiers.tasks._task import Data, Defaults, Task, standardised_bytes

__all__ = ["task"]

_ARCHIVE = RemoteFile(
    "cifar-10-python.tar.gz",
    "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
    ("https://www.cs.toronto.edu/~kriz/",),
)
_SOURCE = "CIFAR-10, Krizhevsky 2009: the official batches, verified by their digests"
_FOLDER = "cifar-10-batches-py"
# the MD5 of each batch, by which every library knows them (second preimages of MD5 are out of reach)
_BATCHES = {
    "data_batch_1": "c99cafc152244af753f735de768cd75f",
    "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
    "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
    "data_batch_4": "634d18415352ddfa80567beed471001a",
    "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
    "test_batch": "40351d587109b95175f43aff81a1287e",
}
_SUBDIRECTORIES = ("cifar10", "cifar-10", "CIFAR10")


def _find(directory: Path) -> Path | None:
    """Return the folder of batches, or the archive, in a directory."""
    for folder in (directory / _FOLDER, directory):
        if all((folder / name).is_file() for name in _BATCHES):
            return folder
    archive = directory / _ARCHIVE.name
    return archive if archive.is_file() else None


def _contents(place: Path) -> dict[str, bytes]:
    """Return the six files, out of the archive or the folder."""
    if place.is_dir():
        return {name: read(place / name) for name in _BATCHES}
    if not place.stat().st_size:
        raise DataError(f"{place} is empty: delete it and fetch it again")
    contents = {}
    try:
        with reading(place), tarfile.open(place, "r:gz") as archive:
            for member in archive:
                name = Path(member.name).name
                if name in _BATCHES and member.isfile():
                    file = archive.extractfile(member)
                    assert file is not None
                    contents[name] = file.read()
    except tarfile.TarError as error:
        raise DataError(f"{place} is truncated or no tar archive ({error}): fetch it again") from None
    if missing := [name for name in _BATCHES if name not in contents]:
        raise DataError(f"{place} lacks {', '.join(missing)}: fetch it again")
    return contents


class _Arrays(pickle.Unpickler):
    """Unpickles dictionaries of lists and arrays and refuses everything else: a pickle can run any code."""

    _ALLOWED = {  # the parts of a pickled array, under NumPy's old and new names
        (f"numpy{core}.multiarray", "_reconstruct"): np.empty(0).__reduce__()[0]
        for core in (".core", "._core")
    } | {("numpy", "ndarray"): np.ndarray, ("numpy", "dtype"): np.dtype}

    def find_class(self, module: str, name: str) -> Any:
        """Return one of the allowed names."""
        try:
            return self._ALLOWED[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"a batch of images has no use for {module}.{name}") from None


def _batch(content: bytes, name: str, place: Path) -> tuple[NDArray[np.uint8], list[int]]:
    got = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if got != _BATCHES[name]:
        raise DataError(
            f"{name} in {place} is not the official file: its MD5 must be {_BATCHES[name]}, got {got} "
            f"({len(content)} bytes); fetch it again"
        )
    try:
        batch = _Arrays(io.BytesIO(content), encoding="bytes").load()
        return batch[b"data"].reshape(-1, 3, 32, 32), batch[b"labels"]
    except (pickle.UnpicklingError, EOFError, KeyError, ValueError, AttributeError, TypeError) as error:
        raise DataError(f"{name} in {place} is no batch of CIFAR-10 ({error})") from None


def _load(data_dir: Path | None) -> Data:
    wanted = f"{_ARCHIVE.name} or the folder {_FOLDER}"
    place, notes = locate("cifar10", data_dir, _SUBDIRECTORIES, _find, [_ARCHIVE], wanted)
    contents = _contents(place)
    batches = {name: _batch(contents.pop(name), name, place) for name in _BATCHES}
    test, test_labels = batches.pop("test_batch")
    train = np.concatenate([images for images, _ in batches.values()])
    train_labels = [label for _, labels in batches.values() for label in labels]
    train_x, test_x = standardised_bytes(train, test)
    train_y, test_y = torch.tensor(train_labels), torch.tensor(test_labels)
    return Data(train_x, train_y, test_x, test_y, 10, "cross entropy", _SOURCE, notes)


task = Task(
    name="cifar10",
    title="CIFAR-10",
    summary="60,000 colour images of 32x32 pixels in ten classes; 50,000 to train on, 10,000 to test on.",
    loader=_load,
    defaults=Defaults(
        model="cnn",
        width=16,
        depth=3,
        epochs=5,
        batch_size=128,
        learning_rates=(0.005, 0.01, 0.02, 0.05, 0.1, 0.2),
    ),
    variants={"mlp": {"width": 128, "depth": 2}},
)
