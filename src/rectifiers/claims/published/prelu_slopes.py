"""prelu-slopes: learned slopes are larger in the first layer than deeper."""

from __future__ import annotations

from typing import Any

import numpy as np

from rectifiers.claims import Claim, Computed, Criterion, Part, Scale
from rectifiers.claims._watched import watched


def slopes(seeds: int, depth: int, **settings: Any) -> Any:
    """Mean learned slope, seeds x layers."""
    runs = [watched("prelu", seed, depth=depth, **settings) for seed in range(seeds)]
    return np.array([[run[f"slope {layer}"] for layer in range(depth)] for run in runs])


def first_above_others(**settings: Any) -> Any:
    """The first layer's less the mean of all deeper ones', for each seed."""
    found = slopes(**settings)
    return found[:, 0] - found[:, 1:].mean(axis=1)


def of_layer(layer: int, **settings: Any) -> Any:
    """A layer's slope less the one it started with."""
    return slopes(**settings)[:, layer] - 0.25


_PLAIN = {"seeds": 8, "width": 16, "model": "cnn"}
_QUICK = {"depth": 4, "steps": 400, "rate": 0.1}
_DESK = {"task": "mnist", "depth": 6, "steps": 600, "rate": 0.02}
_CHANGES = "of 16 channels instead of ImageNet and 14 layers"
_ABOVE = Criterion("above", 0, 0)

claim = Claim(
    name="prelu-slopes",
    title="PReLU learns larger slopes in the first layer than deeper",
    statement="""Where every channel learns its slope, from .25 and without weight decay, the slopes of
    the first layer end larger than those of deeper layers.""",
    source="He, Zhang, Ren & Sun 2015, Delving deep into rectifiers, table 1",
    parts=(
        Part("the first layer's slope is above the mean of the others", Computed(first_above_others), _ABOVE),
        *(
            Part(f"layer {layer + 1}: the slope grows", Computed(of_layer, layer=layer), _ABOVE, False)
            for layer in range(4)
        ),
    ),
    scales={
        "quick": Scale(0.6, f"digits, four convolutions {_CHANGES}", True, settings={**_PLAIN, **_QUICK}),
        "desk": Scale(6, f"MNIST, six convolutions {_CHANGES}", True, settings={**_PLAIN, **_DESK}),
    },
    remarks="Slopes are means over the channels of a layer; what is shown for a layer is its slope less .25.",
)
