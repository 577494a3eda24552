"""noise-off: ReLU and ELU switch off robustly under noise, leaky units do not."""

from __future__ import annotations

import numpy as np

from rectifiers.activations import Activation, registry
from rectifiers.claims._claim import Claim, Criterion, Part, Scale
from rectifiers.claims._readings import Computed, Difference

# leaky's slope as in the paper's experiments, PReLU's initial one, RReLU's outside training
_UNITS: dict[str, tuple[Activation, tuple[float, ...]]] = {
    "relu": (registry["relu"], ()),
    "elu": (registry["elu"], ()),
    "leaky_relu(0.01)": (registry["leaky_relu"], (0.01,)),
    "leaky_relu(0.1)": (registry["leaky_relu"], (0.1,)),
    "prelu": (registry["prelu"], ()),
    "rrelu": (registry["rrelu"], ()),
}


def spread(unit: str, at: float, count: int) -> float:
    """Standard deviation of a unit's output when noise N(0, 1) is added to a pre-activation."""
    nodes = np.linspace(-12, 12, count)
    weights = np.exp(-(nodes**2) / 2)
    weights /= weights.sum()
    record, parameters = _UNITS[unit]
    y = np.asarray(record.f(at + nodes, *parameters))
    return float(np.sqrt(weights @ (y - weights @ y) ** 2))


def ratio(nodes: int, unit: str, of: str, at: float) -> float:
    """Spread of one unit over that of another."""
    return spread(unit, at, nodes) / spread(of, at, nodes)


_LEAKY = ("leaky_relu(0.1)", "prelu", "rrelu")
_PAIRS = (
    *((unit, of, -3, True) for unit in ("relu", "elu") for of in _LEAKY),
    ("elu", "leaky_relu(0.01)", -3, False),
    ("elu", "leaky_relu(0.01)", -6, False),
    ("elu", "leaky_relu(0.1)", -6, False),
)
_LESS, _MORE = Criterion("below", 1, 0), Criterion("above", 0, 0)
_STUDY = {"arms": ("relu", "elu", *_LEAKY), "learning_rate": (0.05, 0.1), "seeds": 8, "epochs": 12}
_NOISY = {
    "some noise": {**_STUDY, "data": "rectifiers.claims.models:noisy_digits"},
    "more noise": {**_STUDY, "data": "rectifiers.claims.models:noisier_digits"},
}

claim = Claim(
    name="noise-off",
    title="ReLU and ELU switch off robustly under noise; Leaky, PReLU and RReLU do not",
    statement="""A unit that is off should stay off when its input is noisy. ELU saturates for negative
    inputs and ReLU is 0 there; leaky, parametric and randomised ReLU pass the noise on.""",
    source="Clevert, Unterthiner & Hochreiter 2015, ELU, introduction",
    parts=(
        *(
            Part(
                f"{unit} passes on less than {of} at {at}",
                Computed(ratio, unit=unit, of=of, at=at),
                _LESS,
                decides,
            )
            for unit, of, at, decides in _PAIRS
        ),
        *(
            Part(f"elu is more accurate than {arm} under {name}", Difference("elu", arm, name), _MORE, False)
            for name in _NOISY
            for arm in _LEAKY
        ),
    ),
    scales={"quick": Scale(0.4, studies=_NOISY, settings={"nodes": 48001})},
    remarks="""Numbers at -3 and -6 are ratios of standard deviations of the output, for noise of standard
    deviation 1 on that pre-activation. A leaky unit passes on its slope, whatever the pre-activation; ELU
    passes on about exp(x), which is less only from where exp(x) is below the slope. The trained parts are
    for digits with noise of half and all of a pixel's standard deviation on the test images alone.""",
)
