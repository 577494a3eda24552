"""noise-off: ReLU and ELU switch off robustly under noise, leaky units do not."""

from typing import Any

import numpy as np

from rectifiers.activations import registry
from rectifiers.claims import Claim, Computed, Criterion, Difference, Part, Scale

# leaky's slopes, in the paper's experiments the second; else PReLU's initial one and RReLU's outside training
_SLOPES = {"leaky_relu(0.01)": (0.01,), "leaky_relu(0.1)": (0.1,)}


def spread(unit: str, at: float, count: int) -> float:
    """Standard deviation of a unit's output when noise N(0, 1) is added to a pre-activation."""
    nodes = np.linspace(-12, 12, count)
    weights = np.exp(-(nodes**2) / 2)
    weights /= weights.sum()
    y = np.asarray(registry[unit.partition("(")[0]].f(at + nodes, *_SLOPES.get(unit, ())))
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
_STUDY: dict[str, Any] = {"arms": ("relu", "elu", *_LEAKY), "learning_rate": (0.05, 0.1), "seeds": 8}
_LEVELS = {"some noise": "noisy", "more noise": "noisier"}


def _noisy(images: str, epochs: int) -> dict[str, dict[str, Any]]:
    path = "rectifiers.claims.models:"
    return {
        level: {**_STUDY, "epochs": epochs, "data": f"{path}{how}_{images}"} for level, how in _LEVELS.items()
    }


claim = Claim(
    name="noise-off",
    title="ReLU and ELU switch off robustly under noise; Leaky, PReLU and RReLU do not",
    statement="""A unit that is off should stay off when its input is noisy. ELU saturates for negative
    inputs and ReLU is 0 there; leaky, parametric and randomised ReLU pass the noise on.""",
    source="Clevert, Unterthiner & Hochreiter 2015, ELU, introduction",
    parts=(
        *(
            Part(f"{u} passes on less than {of} at {at}", Computed(ratio, unit=u, of=of, at=at), _LESS, yes)
            for u, of, at, yes in _PAIRS
        ),
        *(
            Part(f"elu is more accurate than {arm} under {name}", Difference("elu", arm, name), _MORE, False)
            for name in _LEVELS
            for arm in _LEAKY
        ),
    ),
    scales={
        "quick": Scale(0.4, "digits", studies=_noisy("digits", 12), settings={"nodes": 48001}),
        "desk": Scale(6, "MNIST, 3 epochs", studies=_noisy("mnist", 3), settings={"nodes": 480001}),
    },
    remarks="""Numbers at -3 and -6 are ratios of standard deviations of the output, for noise of standard
    deviation 1 on that pre-activation. A leaky unit passes on its slope, whatever the pre-activation; ELU
    passes on about exp(x), which is less only from where exp(x) is below the slope. The trained parts have
    noise of half and all of a pixel's standard deviation, on the test images alone.""",
)
