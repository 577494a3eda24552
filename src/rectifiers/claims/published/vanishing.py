"""vanishing: saturating activations lose the gradient with depth, ReLU and leaky do not."""

from __future__ import annotations

from typing import Any

import numpy as np

from rectifiers.claims import Claim, Computed, Criterion, Part, Scale
from rectifiers.claims._watched import watched


def figure(seeds: int, arm: str, key: str, gain: float | None = None, **settings: Any) -> Any:
    """A figure at the start, for each seed."""
    return np.array([watched(arm, seed, gain=gain, **settings)[key] for seed in range(seeds)])


_LOST, _KEPT = Criterion("below", -2, 0), Criterion("above", -1, 0)
_ARMS = {"sigmoid": _LOST, "tanh": _LOST, "relu": _KEPT, "leaky_relu(0.01)": _KEPT, "elu": _KEPT}
_SOME = Criterion("above", 0.01, 0)

claim = Claim(
    name="vanishing",
    title="Saturating activations lose the gradient with depth; ReLU and leaky do not",
    statement="""With sigmoid or tanh the gradient shrinks from layer to layer until rounding noise takes
    over; with ReLU and its leaky kin it does not.""",
    source="Textbook knowledge since Hochreiter 1991 and Bengio, Simard & Frasconi 1994; said in many posts",
    parts=(
        *(
            Part(
                f"{arm}, at its own gain", Computed(figure, arm=arm, key="vanishing"), criterion, arm != "elu"
            )
            for arm, criterion in _ARMS.items()
        ),
        *(
            Part(f"{arm}, at gain {gain}", Computed(figure, arm=arm, key="vanishing", gain=gain), how, False)
            for gain in (1.0, 1.41)
            for arm, how in _ARMS.items()
        ),
        Part(
            "sigmoid: gradients are lost to rounding", Computed(figure, arm="sigmoid", key="rounding"), _SOME
        ),
    ),
    scales={
        "quick": Scale(0.2, "20 layers of 64", settings={"seeds": 10, "depth": 20, "width": 64}),
        "desk": Scale(0.6, "25 layers of 128", settings={"seeds": 20, "depth": 25, "width": 128}),
    },
    remarks="""Numbers are log10 of the gradient's root mean square at the first layer over that at
    the last, at the start of training: lost means less than a hundredth, kept more than a tenth. Lost to
    rounding means more than 1 % of the first layer's gradients subnormal or flushed to 0 in float32.""",
)
