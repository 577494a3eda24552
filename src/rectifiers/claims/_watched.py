"""Figures from inside a network while it trains, as `rectifiers.watch` measures them."""

from __future__ import annotations

import functools
import math
import statistics
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

__all__ = ["inside", "watched"]

_MEANS = ("dead", "sparsity", "output_median")


def inside(seeds: int, arm: str, of: str, less: Mapping[str, Any] | None = None, **settings: Any) -> Any:
    """Return a figure of `watched` for each seed; with `less`, its distance to that with these changes."""
    found = np.array([watched(arm, seed, **settings)[of] for seed in range(seeds)])
    return found - inside(seeds, **{"arm": arm, "of": of, **settings, **less}) if less else found


@functools.cache
def watched(
    arm: str,
    seed: int,
    *,
    task: str = "digits",
    model: str = "mlp",
    width: int = 64,
    depth: int = 4,
    steps: int = 1,
    rate: float = 0.0,
    gain: float | None = None,
) -> Mapping[str, float]:
    """Train a network by plain gradient descent, one batch of 64 a step, and return what was seen in it.

    Parameters
    ----------
    arm, task, model, width, depth
        As in `rectifiers.compare`.
    seed : int
        Of the weights and of the order of the data.
    steps, rate : int, float
        With the default rate of 0 nothing is learned: figures are those at the start.
    gain : float, optional
        Of all layers but the first; that of the arm without.

    Returns
    -------
    mapping of str to float
        ``dead``, ``sparsity`` and the distance of ``output_median`` from 0, each the mean over the
        activations, over the last quarter of the steps; ``vanishing``, log10 of the gradient's RMS at the
        first activation over that at the last; ``rounding``, the share of the first one's gradients that is
        lost; and ``slope 1``, ``slope 2``, ... and ``deeper slopes``, the mean learned slope per layer and of
        all but the first, where there are any.
    """
    import torch

    import rectifiers
    from rectifiers import tasks
    from rectifiers.arms import parse_arms

    (activation,) = parse_arms(arm)
    data = tasks.get(task).load()
    shape = {"input_shape": data.input_shape, "outputs": data.outputs, "width": width, "depth": depth}
    network = tasks.models.build(model, activation=activation, **shape)  # type: ignore[arg-type]
    generator = torch.Generator().manual_seed(seed)
    rectifiers.init_(network, activation.gain if gain is None else gain, generator=generator)
    loss_of = tasks.losses.of(data).loss
    with rectifiers.watch(network, every=max(1, steps // 40)) as watch:
        for _ in range(steps):
            chosen = torch.randint(len(data.train_y), (64,), generator=generator)
            loss = loss_of(network(data.train_x[chosen]), data.train_y[chosen])
            network.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            with torch.no_grad():
                for parameter in network.parameters():
                    assert parameter.grad is not None
                    parameter.sub_(rate * parameter.grad)
    sites = watch.figures()
    slopes = [m.weight.mean().item() for m in network.modules() if isinstance(m, torch.nn.PReLU)]
    known = {key: [abs(row[key]) for row in sites if row[key] is not None] for key in _MEANS}
    return MappingProxyType(
        {
            **{key: statistics.fmean(values) for key, values in known.items() if values},
            "vanishing": math.log10(max(sites[0]["gradient_ratio"] or 0.0, 1e-300)),
            "rounding": sites[0]["rounding"],
            **{f"slope {layer}": slope for layer, slope in enumerate(slopes, start=1)},
            **({"deeper slopes": statistics.fmean(slopes[1:])} if slopes[1:] else {}),
        }
    )
