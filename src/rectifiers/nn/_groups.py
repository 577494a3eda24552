"""Parameter groups for an optimiser: weight decay where it belongs."""

from __future__ import annotations

from typing import Any

import torch

from rectifiers.nn._derived import Derived

__all__ = ["parameter_groups"]


def parameter_groups(model: torch.nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Return a model's parameters in two groups: weight decay for all but the learned slopes of activations.

    Decay pulls a PReLU's slope towards 0 and so towards ReLU, which is why its authors train it without:
    v <- mu v + eps dE/da.

    Parameters
    ----------
    model : torch.nn.Module
        Its PReLUs may be this library's or torch's.
    weight_decay : float
        For everything but the slopes.

    Returns
    -------
    list of dict
        For any `torch.optim` optimiser; a group without parameters is left out, shared parameters count once.

    Examples
    --------
    >>> import torch
    >>> from rectifiers import nn
    >>> model = torch.nn.Sequential(torch.nn.Linear(2, 3), nn.PReLU(3))
    >>> groups = nn.parameter_groups(model, weight_decay=5e-4)
    >>> [(len(group["params"]), group["weight_decay"]) for group in groups]
    [(2, 0.0005), (1, 0.0)]
    >>> optimizer = torch.optim.SGD(groups, lr=0.01, momentum=0.9)

    References
    ----------
    He, Zhang, Ren & Sun 2015, Delving deep into rectifiers, section 2.1.
    """
    slopes = {
        id(parameter): parameter
        for module in model.modules()
        if isinstance(module, Derived | torch.nn.PReLU)
        for parameter in module.parameters(recurse=False)
    }
    others = [parameter for parameter in model.parameters() if id(parameter) not in slopes]
    groups = [
        {"params": others, "weight_decay": weight_decay},
        {"params": list(slopes.values()), "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]
