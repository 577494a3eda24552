"""Metrics that are ratios of sums over samples, with their standard error."""

from __future__ import annotations

from torch import Tensor

from rectifiers.tasks.losses import Loss

__all__ = ["Ratios"]


class Ratios(Loss):
    """Measured by the mean of ratios, each of one sum over the samples to another, in %.

    `rows` gives what each sample adds to the sums: two tensors ``(n, ratios)``.
    """

    inferred = False

    def score(self, outputs: Tensor, targets: Tensor) -> float:
        """Return the mean over the ratios whose lower sum is not 0; nan if there are none."""
        sums = targets.sum(0)
        some = sums > 0
        return float(100 * (outputs.sum(0)[some] / sums[some]).mean())

    def standard_error(self, outputs: Tensor, targets: Tensor) -> float | None:
        """Return that of `score`, samples independent of each other: what is inside one need not be.

        To first order, as of a ratio of means (Cochran 1977, Sampling techniques, section 6.4).
        """
        n, sums = len(outputs), targets.sum(0)
        some = sums > 0
        if n < 2 or not bool(some.any()):
            return None
        ratios = outputs.sum(0)[some] / sums[some]
        influence = ((outputs[:, some] - ratios * targets[:, some]) / sums[some]).mean(1)
        return float(100 * (n / (n - 1) * influence.square().sum()).sqrt())
