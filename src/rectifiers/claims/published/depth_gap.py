"""depth-gap: as depth grows, ReLU and its parametric kin become the same, so that no experiment is needed."""

from __future__ import annotations

import numpy as np

from rectifiers.activations import registry
from rectifiers.claims._claim import Claim, Criterion, Part, Scale
from rectifiers.claims._readings import Computed


def largest_difference(depths: list[int], width: int, inputs: int) -> float:
    """Largest difference between PReLU networks and ReLU networks of twice their width, relative to it.

    A layer's units are split in two, ReLU(z) and ReLU(-z); the next layer's weights w become (w, -a w).
    """
    random = np.random.default_rng(0)
    worst = 0.0
    for depth in depths:
        x = random.standard_normal((inputs, width))
        ours, theirs = x, x
        slopes = np.zeros(width)
        for layer in range(depth + 1):  # the last one is linear
            w = random.standard_normal((width, width)) * np.sqrt(2 / width)
            b = 0.1 * random.standard_normal(width)
            doubled = w if layer == 0 else np.concatenate([w, -slopes[:, None] * w])
            z, doubled_z = ours @ w + b, theirs @ doubled + b
            slopes = random.uniform(-0.5, 1.5, width)
            ours = np.asarray(registry["prelu"].f(z, slopes))
            theirs = np.asarray(registry["relu"].f(np.concatenate([doubled_z, -doubled_z], axis=1)))
        worst = max(worst, float(np.abs(z - doubled_z).max() / np.abs(z).max()))
    return worst


claim = Claim(
    name="depth-gap",
    title="The gap between ReLU and its parametric kin goes to zero as depth grows",
    statement="""In deep networks it makes no difference whether one takes ReLU or one of its leaky and
    parametric kin: the gap goes to zero with depth, so that no experiment is needed.""",
    source="An answer on a Q&A site",
    parts=(
        Part(
            "a PReLU network is a ReLU network of twice the width",
            Computed(largest_difference),
            Criterion("within", 0, 1e-9),
        ),
    ),
    scales={"quick": Scale(0.05, settings={"depths": [2, 4, 8, 16, 32], "width": 32, "inputs": 50})},
    remarks="PReLU(z) = ReLU(z) - a ReLU(-z), so the equality holds at every depth, not only in the limit.",
)
