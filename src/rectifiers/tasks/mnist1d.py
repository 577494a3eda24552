"""mnist1d: 5000 signals of 40 numbers, generated on the spot.

After S. Greydanus and D. Kobak, "Scaling down deep learning with MNIST-1D", ICML 2024 (arXiv 2011.14439),
and the generator published with it (https://github.com/greydanus/mnist1d, Apache License 2.0, Copyright 2020
Sam Greydanus), whose templates, constants and order of random numbers are followed here so that the same seed
gives the same data set as the published file.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from rectifiers.tasks._task import Data, Defaults, Task

__all__ = ["generate", "task"]

_SEED = 42
_SAMPLES = 5000
_TRAIN = 4000
_PADDING = (36, 60)
_DILATED = 72  # a template of 12 points and the largest padding
_LENGTH = 40
_MAX_TRANSLATION = 48
_SCALE = 0.4
_SHEAR = 0.75
_CORRELATED_NOISE = 0.25
_WHITE_NOISE = 0.02
_SMOOTHING = 2
_NOT_ZERO = 1e-8  # added to templates: where a signal is exactly 0 there is padding

_TEMPLATES = (
    (5, 6, 6.5, 6.75, 7, 7, 7, 7, 6.75, 6.5, 6, 5),
    (5, 3, 3, 3.4, 3.8, 4.2, 4.6, 5, 5.4, 5.8, 5, 5),
    (5, 6, 6.5, 6.5, 6, 5.25, 4.75, 4, 3.5, 3.5, 4, 5),
    (5, 6, 6.5, 6.5, 6, 5, 5, 6, 6.5, 6.5, 6, 5),
    (5, 4.4, 3.8, 3.2, 2.6, 2.6, 5, 5, 5, 5, 5, 5),
    (5, 3, 3, 3, 3, 5, 6, 6.5, 6.5, 6, 4.5, 5),
    (5, 4, 3.5, 3.25, 3, 3, 3, 3, 3.25, 3.5, 4, 5),
    (5, 7, 7, 6.6, 6.2, 5.8, 5.4, 5, 4.6, 4.2, 5, 5),
    (5, 4, 3.5, 3.5, 4, 5, 5, 4, 3.5, 3.5, 4, 5),
    (5, 4, 3.5, 3.5, 4, 5, 5, 5, 5, 4.7, 4.3, 5),
)

Array: TypeAlias = NDArray[np.float64]


def generate(samples: int = _SAMPLES, seed: int = _SEED) -> tuple[Array, NDArray[np.int64]]:
    """Generate the data set: signals ``(samples, 40)`` and labels ``(samples,)``, shuffled.

    Parameters
    ----------
    samples : int
        A multiple of 10.
    seed : int
        The published file is ``generate(5000, 42)``.
    """
    from scipy.ndimage import gaussian_filter1d

    random = np.random.RandomState(seed)  # the generator whose stream the published file comes from
    labels = np.repeat(np.arange(10), samples // 10)
    signal = np.empty((samples, _DILATED))
    correlated, white = np.empty_like(signal), np.empty_like(signal)
    shear = np.empty((samples, 1))
    for i, template in enumerate(_whitened()[labels]):
        low, high = _PADDING
        padded = np.append(template + _NOT_ZERO, np.zeros(low + int(random.rand() * (high - low + 1))))
        scale = 1 + _SCALE * (random.rand() - 0.5)
        signal[i] = np.roll(_resampled(padded, _DILATED) * scale, random.choice(_MAX_TRANSLATION))
        correlated[i] = random.randn(_DILATED)
        white[i] = random.randn(_DILATED)
        shear[i] = _SHEAR * (random.rand() - 0.5)
    correlated = gaussian_filter1d(_CORRELATED_NOISE * correlated, _SMOOTHING, axis=1)
    signal = np.where(signal != 0, signal, correlated) + _WHITE_NOISE * white
    signal -= shear * np.linspace(-0.5, 0.5, _DILATED)
    short = np.stack([_resampled(row, _LENGTH) for row in signal])
    order = random.permutation(samples)
    short, labels = short[order], labels[order]
    return (short - short.mean()) / short.std(), labels


def _whitened() -> Array:
    """Return the ten templates with mean 0 and variance 1, moved to start at 0."""
    x: Array = np.asarray(_TEMPLATES)
    x = (x - x.mean(1, keepdims=True)) / x.std(1, keepdims=True)
    return (x - x[:, :1]) / 6.0


def _resampled(x: Array, length: int) -> Array:
    short: Array = np.interp(_grid(length), _grid(len(x)), x)
    return short


@functools.cache
def _grid(length: int) -> Array:
    return np.linspace(0, 1, length)


def _load(data_dir: Path | None) -> Data:
    signals, labels = generate()
    x = torch.from_numpy(signals.astype(np.float32)).unsqueeze(1)  # as published: mean 0, variance 1 over all
    y = torch.from_numpy(labels)
    source = "generated: MNIST-1D, Greydanus & Kobak 2020, seed 42, equal to the published file"
    return Data(x[:_TRAIN], y[:_TRAIN], x[_TRAIN:], y[_TRAIN:], 10, "cross entropy", source)


task = Task(
    name="mnist1d",
    title="MNIST-1D",
    summary="5000 signals of 40 numbers in ten classes, generated; 4000 to train on, 1000 to test on.",
    loader=_load,
    defaults=Defaults(
        model="mlp",
        width=128,
        depth=2,
        epochs=20,
        batch_size=64,
        learning_rates=(0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0),
    ),
    variants={"cnn": {"width": 24, "depth": 3}},
)
