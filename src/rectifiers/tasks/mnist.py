"""mnist and fashion-mnist: 70,000 images of 28x28 pixels each, as IDX files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from rectifiers.errors import DataError
from rectifiers.tasks._files import RemoteFile, locate, read, verify
from rectifiers.tasks._idx import parse_idx
from rectifiers.tasks._task import Data, Defaults, Task, standardised_bytes

__all__ = ["fashion_mnist", "mnist"]

_STEMS = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")

# SHA-256 of the contents, and of the gzipped files at the official addresses; in the order of the stems
_CONTENTS = {
    "mnist": (
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
    "fashion-mnist": (
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    ),
}
_DOWNLOADS = {
    "mnist": (
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    ),
    "fashion-mnist": (
        "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
    ),
}
_BASES = {
    "mnist": (
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ),
    "fashion-mnist": ("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",),
}
_SOURCES = {
    "mnist": "MNIST, LeCun, Cortes & Burges 1998: the official files, verified by SHA-256",
    "fashion-mnist": "Fashion-MNIST, Xiao, Rasul & Vollgraf 2017: the official files, verified by SHA-256",
}
_SUBDIRECTORIES = {
    "mnist": ("mnist", "MNIST"),
    "fashion-mnist": ("fashion-mnist", "FashionMNIST", "fashion_mnist"),
}


def _find(directory: Path) -> tuple[Path, ...] | None:
    """Return the four files in a directory, compressed or not, None if none of them is there."""
    found, missing = [], []
    for stem in _STEMS:
        names = (stem, stem.replace("-idx", ".idx"))
        paths = [directory / f"{name}-ubyte{suffix}" for name in names for suffix in ("", ".gz")]
        path = next((path for path in paths if path.is_file()), None)
        found.append(path) if path else missing.append(f"{stem}-ubyte[.gz]")
    if found and missing:
        raise DataError(
            f"{directory} has some of the files but lacks {', '.join(missing)}: put them there too"
        )
    return tuple(found) or None


def _array(path: Path, task: str, index: int) -> NDArray[Any]:
    content = read(path)
    array = parse_idx(content, str(path))
    if array.ndim != (1 if "labels" in _STEMS[index] else 3) or array.dtype != np.uint8:
        raise DataError(
            f"{path} must hold {'labels' if 'labels' in _STEMS[index] else 'images'} of bytes, "
            f"but holds {array.dtype} of shape {array.shape}"
        )
    others = {
        digest: f"{stem}-ubyte of {name}"
        for name, digests in _CONTENTS.items()
        for stem, digest in zip(_STEMS, digests, strict=True)
    }
    verify(content, _CONTENTS[task][index], path, others)
    return array


def _load(task: str, data_dir: Path | None) -> Data:
    remote = [
        RemoteFile(f"{stem}-ubyte.gz", digest, _BASES[task])
        for stem, digest in zip(_STEMS, _DOWNLOADS[task], strict=True)
    ]
    wanted = ", ".join(f"{stem}-ubyte[.gz]" for stem in _STEMS)
    paths, notes = locate(task, data_dir, _SUBDIRECTORIES[task], _find, remote, wanted)
    train, train_labels, test, test_labels = (_array(path, task, i) for i, path in enumerate(paths))
    train_x, test_x = standardised_bytes(train[:, None], test[:, None])
    train_y, test_y = (torch.from_numpy(labels.astype(np.int64)) for labels in (train_labels, test_labels))
    return Data(train_x, train_y, test_x, test_y, 10, "cross entropy", _SOURCES[task], notes)


def _task(name: str, title: str, what: str) -> Task:
    return Task(
        name=name,
        title=title,
        summary=f"70,000 {what} of 28x28 pixels; 60,000 to train on, 10,000 to test on.",
        loader=lambda data_dir: _load(name, data_dir),
        defaults=Defaults(
            model="mlp",
            width=128,
            depth=2,
            epochs=5,
            batch_size=128,
            learning_rates=(0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0),
        ),
        variants={"cnn": {"width": 8, "depth": 2, "epochs": 3}},
    )


mnist = _task("mnist", "MNIST", "handwritten digits")
fashion_mnist = _task("fashion-mnist", "Fashion-MNIST", "articles of clothing")
