"""What a trained model is worth, and what it would be worth if it always said the same."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rectifiers.tasks import Data, losses

__all__ = ["NotFiniteError", "constant_loss", "score_on_test", "score_on_train"]

_CHUNK = 1024  # samples evaluated at once: bounds the memory, and is large enough to cost no time


class NotFiniteError(ArithmeticError):
    """A model's answers are nan or infinite."""


def score_on_test(model: nn.Module, data: Data) -> float:
    """Return the metric on the test set. The only place where a model sees it."""
    return _score(model, data.test_x, data.test_y, losses.of(data), "test set")


def score_on_train(model: nn.Module, data: Data, indices: Tensor) -> float:
    """Return the metric on some samples of the training set: the validation split, while tuning."""
    return _score(model, data.train_x[indices], data.train_y[indices], losses.of(data), "validation split")


def constant_loss(data: Data) -> float:
    """Return the training loss of the best answer that knows nothing of the input.

    For classification that is the same logit for every class, ln(number of classes); for regression the
    mean of the targets.
    """
    loss, y = losses.of(data), data.train_y
    if data.classes is None:
        answer = y.mean(0, keepdim=True).expand_as(y)
    else:
        answer = torch.zeros(len(y), data.outputs, device=y.device)
    return float(loss.loss(answer, y))


def _score(model: nn.Module, x: Tensor, y: Tensor, loss: losses.Loss, what: str) -> float:
    training = model.training
    model.eval()
    with torch.no_grad():
        outputs = torch.cat([model(chunk) for chunk in torch.split(x, _CHUNK)])
    model.train(training)
    if not outputs.isfinite().all():
        raise NotFiniteError(f"answers on the {what} are not finite")
    return loss.score(outputs, y)
