"""Counts of the samples of a data set: per class, and of those that are in both parts."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rectifiers.tasks._task import Data

__all__ = ["class_counts", "overlap"]


def class_counts(data: Data) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return how many samples each class has in the training and in the test part; empty for regression."""
    if data.classes is None:
        return (), ()
    train, test = (torch.bincount(y.cpu(), minlength=data.classes) for y in (data.train_y, data.test_y))
    return tuple(train.tolist()), tuple(test.tolist())


def overlap(data: Data) -> int:
    """Return how many training samples are in the test part as well: inputs that are equal bit by bit.

    0 for inputs of several parts.
    """
    if not isinstance(data.train_x, Tensor):
        return 0
    train, test = _rows(data.train_x), _rows(data.test_x)
    factors = np.random.default_rng(0).integers(1, 2**32, train.shape[1], np.uint64) | np.uint64(1)
    hashes, tested = train @ factors, test @ factors  # modulo 2 ** 64
    candidates = np.isin(hashes, tested)
    known = {row.tobytes() for row in test[np.isin(tested, hashes[candidates])]}
    return sum(row.tobytes() in known for row in train[candidates])


def _rows(x: Tensor) -> NDArray[np.uint64]:
    """Return the bits of samples, of float32 two numbers in each word."""
    rows = x.detach().cpu().flatten(1)
    rows = rows if rows.is_floating_point() else rows.long()
    if rows.shape[1] % 2:
        rows = torch.nn.functional.pad(rows, (0, 1))
    return rows.contiguous().numpy().view(np.uint64)
