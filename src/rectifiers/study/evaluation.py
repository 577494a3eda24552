"""What a trained model is worth, and what it would be worth if it always said the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import mse_loss

from rectifiers.tasks import Data, losses
from rectifiers.tasks._trees import Inputs

__all__ = ["HOPELESS", "HopelessError", "NotFiniteError", "Score", "constant_loss", "score"]

_CHUNK = 1024  # samples evaluated at once: bounds the memory, and is large enough to cost no time
HOPELESS = 3.0  # times the loss of a constant answer: what is worse has diverged


class NotFiniteError(ArithmeticError):
    """A model's answers are nan or infinite."""


class HopelessError(NotFiniteError):
    """A model's answers are finite, but far worse than one and the same answer."""


class Score(NamedTuple):
    """A metric, and its standard error where it is a mean of values per sample (None for accuracy).

    `balanced` is the balanced accuracy in %; None for regression.
    """

    metric: float
    standard_error: float | None
    balanced: float | None = None


def constant_loss(data: Data, loss: losses.Loss) -> float:
    """Return the training loss of the best answer that knows nothing of the input; infinity for own losses.

    For classification that is the same logit for every class, ln(number of classes); for regression the
    mean of the targets.
    """
    if not loss.inferred:
        return float("inf")
    y = data.train_y
    if data.classes is None:
        answer = y.mean(0, keepdim=True).expand_as(y)
    else:
        answer = torch.zeros(len(y), data.outputs, device=y.device)
    return float(loss.loss(answer, y))


def score(
    model: Callable[[Inputs], Tensor],
    read: Callable[[Tensor], tuple[Inputs, Tensor]],
    indices: Tensor,
    loss: losses.Loss,
    y: Tensor,
) -> Score:
    """Measure a model on some samples that it was not trained on. The only place where it sees them.

    Parameters
    ----------
    model : callable
    read : callable
        Returns copies of samples by number: a model that writes into its input changes nobody else's.
    indices : Tensor
    loss : Loss
    y : Tensor
        The targets of all samples there are.

    Raises
    ------
    NotFiniteError
        An answer is nan or infinite (of a class, +inf), whether or not its target counts; or the metric has
        no value.
    """
    found: list[tuple[Tensor, Tensor]] = []
    with torch.no_grad():
        for chosen in torch.split(indices, _CHUNK):
            inputs, true = read(chosen)
            answers = model(inputs)
            if not loss.finite(answers):
                raise NotFiniteError("answers on samples that were held out are not finite")
            found.append(loss.rows(answers, true))
    outputs, targets = (torch.cat(parts) for parts in zip(*found, strict=True))
    metric = loss.score(outputs, targets)
    if metric != metric or metric == -float("inf"):
        raise NotFiniteError(f"{loss.metric} has no value on {len(indices)} samples")
    # Both constants, for the samples held out may be few and much alike, or unlike the others.
    if loss.metric == "R2" and metric < 100 * (1 - HOPELESS):
        squares, constant = mse_loss(outputs, targets), mse_loss(y.mean(0).expand_as(y), y)
        if squares > HOPELESS * constant:
            raise HopelessError(
                f"{loss.metric} is {metric:.3g} {loss.unit} on samples that were held out: squared error "
                f"{squares:.3g}, more than {HOPELESS:g} times that of a constant answer ({constant:.3g})"
            )
    return Score(metric, loss.standard_error(outputs, targets), loss.balanced(outputs, targets))
