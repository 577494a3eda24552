"""depth-gap: as depth grows, ReLU and its parametric kin become the same, so that no experiment is needed."""

from typing import Any

import numpy as np

from rectifiers.activations import registry
from rectifiers.claims import Claim, Computed, Criterion, Difference, Part, Scale, Trend

_DEPTHS = (2, 4, 8, 16, 32)
_KIN = ("prelu", "leaky_relu(1/5.5)")
_COMMON: dict[str, Any] = {"arms": ("relu", *_KIN), "norms": ("none", "batch"), "tuning_seeds": 1}


def largest_difference(depths: list[int], width: int, inputs: int) -> float:
    """Largest difference between PReLU networks and ReLU networks of twice their width, relative to it.

    A layer's units are split in two, ReLU(z) and ReLU(-z); the next layer's weights w become (w, -a w).
    """
    random, worst = np.random.default_rng(0), 0.0
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


def _studies(**common: Any) -> dict[str, dict[str, Any]]:
    return {f"depth {depth}": {**_COMMON, **common, "depth": depth} for depth in _DEPTHS}


_SAME, _EQUAL = Criterion("within", 0, "margin"), Criterion("within", 0, 1e-9)
_FALLS = Criterion("below", 0, 0)
_ALONG = tuple((depth, f"depth {depth}") for depth in _DEPTHS)
_NORMS = {"none": "", "batch": ", with batch norm"}
_DEEPEST = [(arm, "depth 32", norm, True) for norm in _NORMS for arm in _KIN]
_OTHERS = [("prelu", f"depth {depth}", norm, False) for norm in _NORMS for depth in _DEPTHS[:-1]]
_QUICK = {"task": "digits", "width": 32, "epochs": 8, "learning_rate": 0.02, "seeds": 5}
_DESK = {"task": "mnist", "width": 128, "epochs": 2, "learning_rate": (0.02, 0.05), "seeds": 6}
_EXACT = {"depths": [2, 4, 8, 16, 32], "width": 32, "inputs": 50}

claim = Claim(
    name="depth-gap",
    title="The gap between ReLU and its parametric kin goes to zero as depth grows",
    statement="""In deep networks it makes no difference whether one takes ReLU or one of its leaky and
    parametric kin: the gap goes to zero with depth, so that no experiment is needed.""",
    source="An answer on a Q&A site",
    parts=(
        Part("a PReLU network is a ReLU network of twice the width", Computed(largest_difference), _EQUAL),
        *(
            Part(f"{arm} equals ReLU at {at}{_NORMS[norm]}", Difference(arm, "relu", at, norm), _SAME, yes)
            for arm, at, norm, yes in (*_DEEPEST, *_OTHERS)
        ),
        *(
            Part(
                f"PReLU's lead falls per doubling{also}", Trend("prelu", "relu", _ALONG, norm), _FALLS, False
            )
            for norm, also in _NORMS.items()
        ),
    ),
    scales={
        "quick": Scale(0.9, "digits, 32 units, 8 epochs", True, _studies(**_QUICK), _EXACT),
        "desk": Scale(15, "MNIST, 128 units, 2 epochs", True, _studies(**_DESK), _EXACT),
    },
    remarks="""PReLU(z) = ReLU(z) - a ReLU(-z), so the equality holds at every depth, not only in the
    limit. The answer names no data: any trained part is a proxy.""",
)
