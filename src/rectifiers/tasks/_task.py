"""What a task is: data, a model that suits it, and the settings a comparison starts from."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rectifiers.errors import UnknownNameError
from rectifiers.tasks._samples import Drawn
from rectifiers.tasks._trees import Inputs, digest

if TYPE_CHECKING:
    from rectifiers.tasks.losses import Loss

__all__ = ["Data", "Defaults", "LossName", "Task", "standardised_bytes"]

LossName = Literal["cross entropy", "binary cross entropy", "mean squared error", "own"]


@dataclass(frozen=True)
class Defaults:
    """The settings a comparison on a task starts from.

    Attributes
    ----------
    model : str
        ``"mlp"`` or ``"cnn"``.
    width, depth : int
        Units (channels) in a hidden layer, number of hidden layers.
    epochs, batch_size : int
        A batch size not smaller than the training set means full batches.
    learning_rates : tuple of float
        The grid, from low to high, the same for every arm.
    validation : float
        Fraction of the training set held out while the rate is chosen; 0 to validate on the training set.
    optimizer : str
    momentum, weight_decay : float
    schedule : {"cosine", "constant"}
        Of the learning rate over the steps of a run.
    """

    model: str
    width: int
    depth: int
    epochs: int
    batch_size: int
    learning_rates: tuple[float, ...]
    validation: float = 1 / 6
    optimizer: str = "sgd"
    momentum: float = 0.9
    weight_decay: float = 0.0
    schedule: Literal["cosine", "constant"] = "cosine"


@dataclass(frozen=True, eq=False)
class Data:
    """The samples of a task, each part one tensor.

    Attributes
    ----------
    train_x, test_x : Tensor, or dictionary or tuple of tensors
        Samples along axis 0: ``(n, features)``, ``(n, channels, length)``, ``(n, channels, height, width)``;
        whole numbers (tokens) only for the user's own models. Of data that are `drawn` the first samples.
    train_y, test_y : Tensor
        int64 labels ``(n,)`` or float32 targets ``(n, outputs)``; anything for a loss of the user's own.
    classes : int or None
        Number of classes; None for regression.
    loss : {"cross entropy", "binary cross entropy", "mean squared error", "own"}
    source : str
        What it is and who made it, for the record; the same wherever the files were found.
    notes : tuple of str
        What the user should know about how it was found, one line each.
    labels : tuple of str
        What the classes were called, in their order; empty where they were numbers 0, 1, ...
    one_set : bool
        Whether nobody set the test samples apart: they were drawn here, and may be drawn anew.
    target_mean, target_deviation : tuple of float
        What was subtracted from each target, and what it was then divided by; empty where targets are as they
        were. An answer in original units is ``answer * target_deviation + target_mean``.
    objective : Loss or None
        The user's own loss or metric.
    own_outputs : int
        Numbers a model puts out per sample under a loss of the user's own; 0 where that is not known.
    drawn : Drawn or None
        What samples are read from while a model is trained.
    """

    train_x: Inputs
    train_y: Tensor
    test_x: Inputs
    test_y: Tensor
    classes: int | None
    loss: LossName
    source: str
    notes: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    one_set: bool = False
    target_mean: tuple[float, ...] = ()
    target_deviation: tuple[float, ...] = ()
    objective: Loss | None = None
    own_outputs: int = 0
    drawn: Drawn | None = None

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one sample; empty where it has several parts."""
        return tuple(self.train_x.shape[1:]) if isinstance(self.train_x, Tensor) else ()

    @property
    def sizes(self) -> tuple[int, int]:
        """Number of samples to train on and to test on."""
        parts = (self.train_y, self.test_y) if self.drawn is None else (self.drawn.train, self.drawn.test)
        return len(parts[0]), len(parts[1])

    @property
    def outputs(self) -> int:
        """Numbers a model puts out per sample."""
        if self.loss == "own":
            return self.own_outputs
        if self.loss == "cross entropy":
            assert self.classes is not None
            return self.classes
        return 1 if self.loss == "binary cross entropy" else self.train_y.shape[1]

    @property
    def resolution(self) -> float:
        """Smallest step of the metric, in %; 0 where it is continuous."""
        return 0.0 if self.classes is None else 100.0 / len(self.test_y)

    @property
    def content_hash(self) -> str:
        """SHA-256 (hex) over all tensors, and over all samples where they are drawn, as they came first."""
        if self.drawn is not None:
            return self.drawn.digest
        return digest((self.train_x, self.train_y, self.test_x, self.test_y))


@dataclass(frozen=True)
class Task:
    """Something to learn, by name.

    Attributes
    ----------
    name, title, summary : str
    metric, unit : str
        What is measured on the test set; higher is better.
    loader : callable
        Loads the data, given the directory to look in or None.
    defaults : Defaults
        For the model that suits the task best.
    variants : mapping of str to dict
        What differs from `defaults` for the other models.
    """

    name: str
    title: str
    summary: str
    loader: Callable[[Path | None], Data]
    defaults: Defaults
    variants: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: MappingProxyType({}))
    metric: str = "accuracy"
    unit: str = "%"

    def load(self, data_dir: Path | str | None = None) -> Data:
        """Return the task's data.

        Parameters
        ----------
        data_dir : path, optional
            Where the files are. Without it they are looked for in the directory named by the environment
            variable ``RECTIFIERS_DATA``, then in the cache, then downloaded into the cache. Tasks that bring
            their data with them (xor, digits, mnist1d) read no files.

        Raises
        ------
        DataError
            If a file is missing from `data_dir`, empty, truncated or altered.
        DownloadError
            If a file could not be fetched.
        """
        return self.loader(None if data_dir is None else Path(data_dir).expanduser())

    def defaults_for(self, model: str | None = None) -> Defaults:
        """Return the settings for a model: one of the built-in ones, or None for the task's own choice."""
        if model is None or model == self.defaults.model:
            return self.defaults
        if model not in self.variants:
            raise UnknownNameError.of(
                f"model for task {self.name!r}", model, [self.defaults.model, *self.variants]
            )
        return dataclasses.replace(self.defaults, model=model, **self.variants[model])


def standardised_bytes(train: NDArray[np.uint8], *others: NDArray[np.uint8]) -> tuple[Tensor, ...]:
    """Return byte images ``(n, channels, ...)`` as float32 with mean 0 and variance 1 per training channel.

    The statistics are exact (sums of integers), so the result does not depend on the machine.
    """
    parts = (train, *others)
    results = tuple(np.empty(part.shape, np.float32) for part in parts)
    for channel in range(train.shape[1]):
        counts = torch.bincount(torch.tensor(train[:, channel]).flatten(), minlength=256).tolist()
        pixels = sum(counts)
        mean = sum(value * n for value, n in enumerate(counts)) / pixels
        variance = sum(value * value * n for value, n in enumerate(counts)) / pixels - mean * mean
        table = ((np.arange(256) - mean) / math.sqrt(variance)).astype(np.float32)
        for part, result in zip(parts, results, strict=True):
            result[:, channel] = table[part[:, channel]]
    return tuple(torch.from_numpy(result) for result in results)
