"""Initial weights: equal across arms up to the arm's gain."""

from __future__ import annotations

import hashlib

from torch import nn

from rectifiers.initialization import init_
from rectifiers.records.values import Phase
from rectifiers.study.seeds import generator

__all__ = ["initialise"]


def initialise(model: nn.Module, how: str, gain: float, phase: Phase, seed: int) -> str:
    """Give a model its initial weights and return the hash that proves whose they are.

    Parameters
    ----------
    model : nn.Module
    how : {"gain", "own"}
        ``"gain"`` draws every layer's weights anew, from the trial's own generator, and scales them by the
        arm's gain (the first layer, which sees the data, by 1). ``"own"`` leaves what the model drew when
        it was built, under the trial's seed.
    gain : float
    phase : {"tune", "margin", "test"}
    seed : int

    Returns
    -------
    str
        SHA-256 of the draws before the gain; under ``"own"`` of all parameters with two axes or more:
        weights, not biases, nor the slopes that only some arms have.
    """
    if how == "gain":
        return init_(model, gain, generator=generator(phase, "weights", seed)).digest
    digest = hashlib.sha256()
    for parameter in model.parameters():
        if parameter.ndim > 1:
            digest.update(parameter.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
