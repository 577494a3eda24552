"""softmax-shift: adding a constant changes nothing, and the worked examples on the web are right."""

from collections.abc import Iterable

import numpy as np

from rectifiers.activations import registry
from rectifiers.claims import Claim, Computed, Criterion, Part, Scale

# inputs, what was printed, the unit of its last digit
_PRINTED = {
    "1, 2, 3": ([1, 2, 3], [0.0900, 0.2447, 0.6652], 1e-4),
    "1 to 6": (range(1, 7), [0.004, 0.012, 0.032, 0.086, 0.233, 0.634], 1e-3),
    "0 to 1 in quarters": (
        np.linspace(0, 1, 5),
        [0.1140507, 0.1464440, 0.1880379, 0.2414454, 0.3100220],
        1e-7,
    ),
    "0, 3.7, 9.5, 10.8": ([0, 3.7, 9.5, 10.8], [0.00002, 0.00065, 0.21402, 0.78531], 1e-5),
}


def softmax(x: Iterable[float]) -> np.ndarray:
    """Return the library's own, in float64."""
    return np.asarray(registry["softmax"].f(np.asarray(list(x), dtype=np.float64), dim=0))


def largest_change(shifts: list[float], vectors: int) -> float:
    """Largest difference between the softmax of a vector and of the same plus a constant."""
    random = np.random.default_rng(0)
    found = 0.0
    for _ in range(vectors):
        x = 3 * random.standard_normal(10)
        found = max(found, *(float(np.abs(softmax(x + c) - softmax(x)).max()) for c in shifts))
    return found


def largest_misprint(shifts: list[float], vectors: int, example: str) -> float:
    """Largest difference to what was printed, in halves of its last digit: at most 1 where all are right."""
    x, printed, unit = _PRINTED[example]
    return float(np.abs(softmax(x) - printed).max() / (unit / 2))


_SHIFTS = [-450.0, -1.5, 0.1, 109.2, 450.0]
_ROUNDED = Criterion("within", 0, 1.001)  # half a digit, and the rounding of the comparison itself

claim = Claim(
    name="softmax-shift",
    title="Softmax does not change when a constant is added to all inputs",
    statement="""Softmax is unchanged by a shift of all its inputs, which is why the largest may be
    subtracted first; and the worked examples of tutorials come out as printed.""",
    source="Textbook property; the examples as printed on four pages on the web, seen in 2026",
    parts=(
        Part("a shift of up to 450 changes nothing", Computed(largest_change), Criterion("within", 0, 1e-12)),
        *(
            Part(f"the example {name} is right", Computed(largest_misprint, example=name), _ROUNDED)
            for name in _PRINTED
        ),
    ),
    scales={
        "quick": Scale(0.01, settings={"shifts": _SHIFTS, "vectors": 200}),
        "desk": Scale(0.1, settings={"shifts": _SHIFTS, "vectors": 20000}),
    },
    remarks="""Exact in real numbers; in floating point the sum x + c is rounded, which moves the result
    by about that rounding. The misprint is counted in halves of the last printed digit.""",
)
