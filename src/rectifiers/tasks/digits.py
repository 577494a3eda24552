"""digits: 1797 handwritten digits of 8x8 pixels, embedded in the package."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from importlib.resources import files
from pathlib import Path

import numpy as np
import torch

from rectifiers.errors import DataError
from rectifiers.tasks._task import Data, Defaults, Task, standardised_bytes

__all__ = ["task"]

_FILE = "digits.csv.gz"
_SHA256 = "6ebb3d2fee246a4e99363262ddf8a00a3c41bee6014c373ed9d9216ba7f651b8"
_TRAIN = 1200
_COLUMNS = 65


def _load(data_dir: Path | None) -> Data:
    """Read the embedded file: the first 1200 samples to train on, the last 597 to test on.

    The file is not shuffled: neighbouring samples tend to come from one of its 13 writers, so that this split
    keeps writers apart better than a random one would.
    """
    place = files("rectifiers.tasks") / "embedded" / _FILE
    try:
        text = gzip.decompress(place.read_bytes())
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{place} cannot be read ({error}): install rectifiers again") from None
    if hashlib.sha256(text).hexdigest() != _SHA256:
        raise DataError(f"{place} is not the file that was published: install rectifiers again")
    table = np.array(text.replace(b"\n", b",").rstrip(b",").split(b","), dtype=np.uint8).reshape(-1, _COLUMNS)
    images = table[:, :-1].reshape(-1, 1, 8, 8)
    labels = torch.from_numpy(table[:, -1].astype(np.int64))
    train_x, test_x = standardised_bytes(images[:_TRAIN], images[_TRAIN:])
    return Data(
        train_x,
        labels[:_TRAIN],
        test_x,
        labels[_TRAIN:],
        10,
        "cross entropy",
        "embedded: UCI Optical Recognition of Handwritten Digits, Alpaydin & Kaynak 1998, CC BY 4.0",
    )


task = Task(
    name="digits",
    title="UCI digits 8x8",
    summary="1797 handwritten digits of 8x8 pixels, embedded; 1200 to train on, 597 to test on.",
    loader=_load,
    defaults=Defaults(
        model="mlp",
        width=64,
        depth=2,
        epochs=12,
        batch_size=64,
        learning_rates=(0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0),
    ),
    variants={"cnn": {"width": 16, "depth": 2}},
)
