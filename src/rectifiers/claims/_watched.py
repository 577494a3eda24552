"""Figures from inside a network while it trains, as `rectifiers.watch` measures them."""

from __future__ import annotations

import functools
import math
import statistics
from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["watched"]


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
        Of all hidden weights; that of the arm without.

    Returns
    -------
    mapping of str to float
        ``dead`` and ``sparsity``, each the mean over the activations, over the last quarter of the steps;
        ``median``, over all hidden units, of a unit's mean activation at the end; ``vanishing``, log10 of the
        gradient's RMS at the first activation over that at the last; ``rounding``, the share of the first
        one's gradients that is lost; and ``slope 0``, ``slope 1``, ... the mean learned slope per layer,
        where there are any.
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
    for parameter in network.parameters():
        if parameter.ndim > 1:
            scale = (activation.gain if gain is None else gain) / math.sqrt(parameter[0].numel())
            parameter.data = scale * torch.randn(parameter.shape, generator=generator)
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
    units: list[torch.Tensor] = []  # means per unit, layer by layer
    for module in network.modules():
        if isinstance(module, type(activation(width))):
            module.register_forward_hook(
                lambda _module, _inputs, output: units.append(output.transpose(0, 1).flatten(1).mean(dim=1))
            )
    with torch.no_grad():
        network(data.train_x[:1000])
    slopes = [m.weight.mean().item() for m in network.modules() if isinstance(m, torch.nn.PReLU)]
    known = {key: [row[key] for row in sites if row[key] is not None] for key in ("dead", "sparsity")}
    return MappingProxyType(
        {
            **{key: statistics.fmean(values) for key, values in known.items() if values},
            "median": torch.cat(units).median().item(),
            "vanishing": math.log10(max(sites[0]["gradient_ratio"] or 0.0, 1e-300)),
            "rounding": sites[0]["rounding"],
            **{f"slope {layer}": slope for layer, slope in enumerate(slopes)},
        }
    )
