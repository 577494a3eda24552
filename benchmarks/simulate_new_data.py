"""What the interval for new data covers, by simulation; simulate_evidence.py writes the page."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from rectifiers.evidence import new_data, paired

Array = NDArray[np.float64]
Learner = Callable[[Array, Array, Array], Array]

FEATURES = 20
SPLITS = 40


def centroid(train: Array, labels: Array, test: Array) -> Array:
    """Return which test samples are nearer to the mean of class 1; the first axis is the split."""
    ones = labels.sum(axis=1)[:, None]
    upper = (train * labels[..., None]).sum(axis=1) / ones
    lower = (train * (1.0 - labels)[..., None]).sum(axis=1) / (labels.shape[1] - ones)
    direction = upper - lower
    return np.einsum("sij,sj->si", test, direction) > ((upper**2 - lower**2).sum(axis=1) / 2)[:, None]


def ridge(train: Array, labels: Array, test: Array) -> Array:
    """Return the class by a linear fit to +-1."""
    centre = train.mean(axis=1, keepdims=True)
    x, y = train - centre, 2.0 * labels - 1.0
    gram = np.swapaxes(x, 1, 2) @ x + 1e-3 * np.eye(FEATURES)
    weights = np.linalg.solve(gram, np.swapaxes(x, 1, 2) @ (y - y.mean(axis=1, keepdims=True))[..., None])
    return ((test - centre) @ weights)[..., 0] + y.mean(axis=1, keepdims=True) > 0.0


def neighbour(train: Array, labels: Array, test: Array) -> Array:
    """Return the class of the nearest training sample."""
    distance = (train**2).sum(axis=2)[:, None, :] - 2.0 * test @ np.swapaxes(train, 1, 2)
    return np.take_along_axis(labels, distance.argmin(axis=2), axis=1) > 0.5


PAIRS: dict[str, tuple[Learner, Learner]] = {
    "nearest centroid and ridge": (centroid, ridge),
    "nearest neighbour and nearest centroid": (neighbour, centroid),
}


def differences(
    random: np.random.Generator, learners: tuple[Learner, Learner], samples: int, test: int
) -> Array:
    """Return the difference in accuracy (%) of two learners over `SPLITS` splits of one new data set."""
    labels = random.integers(0, 2, samples).astype(float)
    x = random.normal(size=(samples, FEATURES))
    x[:, :5] += np.array([0.8, 0.3, 0.3, 0.3, 0.3]) * labels[:, None]
    order = np.argsort(random.random((SPLITS, samples)), axis=1)
    train, rest = order[:, test:], order[:, :test]
    right = [(learner(x[train], labels[train], x[rest]) == labels[rest]).mean(axis=1) for learner in learners]
    return 100.0 * (right[0] - right[1])


def coverage_rows(random: np.random.Generator, count: int) -> list[list[str]]:
    """Return how often both 95 % intervals hold the expected difference over data sets of this size.

    The expected difference is the mean over all splits of all `count` data sets of the row.
    """
    rows = []
    for name, learners in PAIRS.items():
        for samples, test in ((300, 60), (100, 50)):
            found = np.array([differences(random, learners, samples, test) for _ in range(count)])
            for n in (5, 10, 40):
                held = _held(found[:, :n], float(found.mean()), samples - test, test)
                rows.append([name, f"{samples - test} + {test}", str(n), *(f"{share:.3f}" for share in held)])
    return rows


def _held(found: Array, truth: float, train: int, test: int) -> Array:
    held = []
    for one in found:
        runs = paired.compare(one, np.zeros_like(one), margin=0.0, alpha=0.05)
        ends = [(runs.low, runs.high), new_data.interval(one, alpha=0.05, train=train, test=test)]
        held.append([low is not None and high is not None and low <= truth <= high for low, high in ends])
    return np.mean(held, axis=0)
