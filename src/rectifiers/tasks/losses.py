"""What is minimised and what is measured, by the name of the loss."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor
from torch.nn import functional

from rectifiers.tasks._task import Data, LossName

__all__ = ["Loss", "Ratios", "by_name", "most_frequent", "of"]


class Loss(ABC):
    """A loss and the metric that goes with it."""

    metric: str = "accuracy"
    unit: str = "%"
    inferred: bool = True  # from the data, so that a constant answer is known

    @abstractmethod
    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the mean loss over a batch, a tensor without axes to be minimised."""

    def wrong(self, outputs: Tensor, targets: Tensor) -> Tensor | None:
        """Return for each sample whether it is classified wrongly; None for regression."""
        return None

    def finite(self, outputs: Tensor) -> bool:
        """Return whether these can be a model's answers."""
        return bool(outputs.isfinite().all())

    def outputs(self, targets: Tensor, name: str) -> int:
        """Return how many numbers a model puts out per sample, 0 where that is not known; check the targets.

        Raises
        ------
        ArgumentError
            The training targets of `name` are not what the loss takes.
        """
        return 0

    def rows(self, outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Return what the metric needs of a part of the samples, so that parts can be put together."""
        return outputs, targets

    def errors(self, outputs: Tensor, targets: Tensor) -> Tensor | None:
        """Return how many samples of a batch are classified wrongly; None for regression."""
        wrong = self.wrong(outputs, targets)
        return None if wrong is None else wrong.sum()

    def balanced(self, outputs: Tensor, targets: Tensor) -> float | None:
        """Return the balanced accuracy in %: the mean of each class's own, over the classes that occur.

        None for regression.
        """
        wrong = self.wrong(outputs, targets)
        if wrong is None:
            return None
        samples = torch.bincount(targets)
        missed = torch.bincount(targets[wrong], minlength=len(samples))
        occurs = samples > 0
        return float(100 * (1 - (missed[occurs] / samples[occurs]).mean()))

    def score(self, outputs: Tensor, targets: Tensor) -> float:
        """Return the metric over a whole set, in `unit`: higher is better."""
        wrong = self.errors(outputs, targets)
        assert wrong is not None
        return 100.0 * (1 - int(wrong) / len(targets))

    def standard_error(self, outputs: Tensor, targets: Tensor) -> float | None:
        """Return the standard error of the metric over the samples; None where its level tells it."""
        return None

    def constant(self, targets: Tensor) -> float | None:
        """Return the metric of the most frequent answer, given to all samples; None where it is unknown."""
        return 100.0 * most_frequent(targets)


class CrossEntropy(Loss):
    """One output per class; wrong where the largest is another's."""

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the mean cross entropy."""
        return functional.cross_entropy(outputs, targets)

    def finite(self, outputs: Tensor) -> bool:
        """Return whether the largest outputs are finite: a class that is masked has -inf."""
        return bool(outputs.amax(1).isfinite().all())

    def wrong(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return whether the largest output is another class's."""
        return outputs.argmax(1) != targets


class BinaryCrossEntropy(Loss):
    """One output for two classes; wrong where its sign is the other class's."""

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the mean cross entropy of the output as a logit of class 1."""
        return functional.binary_cross_entropy_with_logits(outputs.squeeze(1), targets.to(outputs.dtype))

    def wrong(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return whether the output is on the wrong side; one of exactly 0 is on neither."""
        return torch.sign(outputs.squeeze(1)) != 2 * targets - 1


class MeanSquaredError(Loss):
    """Regression; measured as the explained variance R2 in %."""

    metric = "R2"

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the mean squared error."""
        return functional.mse_loss(outputs, targets)

    def score(self, outputs: Tensor, targets: Tensor) -> float:
        """Return 100 (1 - squared error / variance around the mean); 0 is the mean's score."""
        outputs, targets = outputs.double(), targets.double()
        spread = (targets - targets.mean(0)).square().sum()
        return float(100 * (1 - (outputs - targets).square().sum() / spread))

    def constant(self, targets: Tensor) -> float:
        """Return 0, the score of the mean."""
        return 0.0

    def standard_error(self, outputs: Tensor, targets: Tensor) -> float | None:
        """Return 100 sd(squared error) / (sqrt(n) variance of the targets); None of a single sample."""
        n = len(targets)
        if n < 2:
            return None
        outputs, targets = outputs.double(), targets.double()
        errors = (outputs - targets).square().sum(1)
        variance = (targets - targets.mean(0)).square().sum() / n
        return float(100 * errors.std() / (n**0.5 * variance))


class Ratios(Loss):
    """Measured by the mean of ratios, each of one sum over the samples to another, in %.

    `rows` gives what each sample adds to the sums: two tensors ``(n, ratios)``.
    """

    inferred = False

    def score(self, outputs: Tensor, targets: Tensor) -> float:
        """Return the mean over the ratios whose lower sum is not 0; nan if there are none."""
        return float(100 * (outputs.sum(0) / targets.sum(0)).nanmean())

    def standard_error(self, outputs: Tensor, targets: Tensor) -> float | None:
        """Return that of `score`, by sample: what is inside one sample need not be independent.

        To first order, as of a ratio of means (Cochran 1977, Sampling techniques, section 6.4).
        """
        ratios = outputs.sum(0) / targets.sum(0)
        influence = ((outputs - ratios * targets) / targets.sum(0)).nanmean(1)
        return float(100 * influence.norm())


def most_frequent(targets: Tensor) -> float:
    """Return the share of the most frequent class."""
    return int(torch.unique(targets, return_counts=True)[1].max()) / len(targets)


_LOSSES: dict[LossName, Loss] = {
    "cross entropy": CrossEntropy(),
    "binary cross entropy": BinaryCrossEntropy(),
    "mean squared error": MeanSquaredError(),
}


def of(data: Data) -> Loss:
    """Return the loss of a task's data: the user's own, or the one it asks for."""
    return data.objective or by_name(data.loss)


def by_name(name: LossName) -> Loss:
    """Return a loss that follows from data."""
    return _LOSSES[name]
