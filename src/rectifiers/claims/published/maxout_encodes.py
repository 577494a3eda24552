"""maxout-encodes: Maxout is ReLU and the absolute value exactly, and nearly any convex function."""

import math
from collections.abc import Callable

import numpy as np

from rectifiers.claims import Claim, Computed, Criterion, Part, Scale

_CONVEX: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "x²": np.square,
    "exp": np.exp,
    "x⁴": lambda x: x**4,
    "softplus(5x)": lambda x: np.logaddexp(0, 5 * x),
}


def largest(pieces: list[np.ndarray]) -> np.ndarray:
    """Take the library's Maxout over affine pieces, in float64."""
    import torch

    from rectifiers.functional import maxout

    return np.asarray(maxout(torch.from_numpy(np.stack(pieces, axis=1)), len(pieces)).squeeze(1))


def encoding_error(points: int, most: int, of: str) -> float:
    """Largest difference between a Maxout of two pieces and ReLU or the absolute value."""
    x = np.linspace(-3, 3, points)
    other, wanted = (0 * x, np.maximum(x, 0)) if of == "relu" else (-x, np.abs(x))
    return float(np.abs(largest([x, other]) - wanted).max())


def worst_error(points: int, pieces: int, of: str) -> float:
    """Worst error of a Maxout of tangents whose points share out the integral of sqrt(f''), which is best."""
    y = _CONVEX[of](x := np.linspace(-1, 1, points))
    slope = np.gradient(y, x, edge_order=2)
    density = np.sqrt(np.maximum(np.gradient(slope, x, edge_order=2), 0))
    total = np.concatenate([[0], np.cumsum((density[1:] + density[:-1]) / 2 * np.diff(x))])
    at = np.interp((np.arange(pieces) + 0.5) / pieces * total[-1], total, x)
    tangents = [np.interp(t, x, y) + np.interp(t, x, slope) * (x - t) for t in at]
    return float(np.abs(largest(tangents) - y).max())


def rate(points: int, most: int, of: str) -> float:
    """Power of the number of pieces with which the worst error falls, over its last 16-fold."""
    return math.log2(worst_error(points, most, of) / worst_error(points, most // 16, of)) / 4


_QUICK, _DESK = {"points": 20001, "most": 128}, {"points": 40001, "most": 256}
_NOTHING, _RATE = Criterion("within", 0, 0), Criterion("within", -2, 0.15)

claim = Claim(
    name="maxout-encodes",
    title="Maxout encodes ReLU and the absolute value, and approximates any convex function",
    statement="A Maxout unit is ReLU or the absolute value exactly, and nearly any convex function.",
    source="Goodfellow et al. 2013, Maxout networks",
    parts=(
        Part("two pieces are ReLU", Computed(encoding_error, of="relu"), _NOTHING),
        Part("two pieces are the absolute value", Computed(encoding_error, of="abs"), _NOTHING),
        *(Part(f"error of {f} falls as pieces⁻²", Computed(rate, of=f), _RATE) for f in _CONVEX),
    ),
    scales={"quick": Scale(0.1, settings=_QUICK), "desk": Scale(0.1, settings=_DESK)},
    remarks="The paper states no rate; minus 2 is what theory says of a function with a second derivative.",
)
