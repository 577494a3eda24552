"""rrelu-divisors: RReLU comes out among the worst; the script multiplied where it should divide."""

from typing import Any

from rectifiers.claims import Claim, Criterion, Lead, Part, Scale

_CODED = "RReLU as coded"
_PER = {"call": "batch", "channel": "example and channel", "element": "element"}
_READINGS = {
    f"RReLU by one divisor per {what}": f"rectifiers.claims.models:divided_rrelu(per={per!r})"
    for per, what in _PER.items()
}
_OTHERS = ("relu", "leaky_relu(0.01)", "prelu", "elu")
_ARMS = {**{arm: arm for arm in _OTHERS}, _CODED: "rrelu(3, 8, per=call)", **_READINGS}
_PLAIN, _NORMALISED = "without batch norm", "with batch norm"
_BEST = Lead("relu", (*_OTHERS[1:], _CODED), 1, _NORMALISED)
_SMALL, _ORDER = ("digits", "small_tutorial"), "data in a new order in every epoch"
_WORSE, _BETTER = Criterion("below", 0, 0), Criterion("above", 0, 0)


def _studies(task: str, model: str, rate: float, seeds: int, epochs: int = 10) -> dict[str, dict[str, Any]]:
    common = {"task": task, "arms": _ARMS, "learning_rate": rate, "seeds": seeds, "optimizer": "adam"}
    common |= {"batch_size": 60, "epochs": epochs, "schedule": "constant"}
    path = f"rectifiers.claims.models:{model}"
    return {_PLAIN: {**common, "model": path}, _NORMALISED: {**common, "model": f"{path}_batch_norm"}}


claim = Claim(
    name="rrelu-divisors",
    title="ReLU with batch norm is best, and RReLU among the worst of five",
    statement="""In a tutorial on MNIST (784-1024-128-10, Xavier, Adam at 1e-4, batches of 60, 10 epochs,
    with and without batch norm before the activation) ReLU with normalisation was best and RReLU among
    the worst of ReLU, Leaky, PReLU, RReLU and ELU.""",
    source="Valverde 2017, TensorFlow tutorial 5 and its script (jmlipman/LAID)",
    parts=(
        Part("with batch norm, ReLU is above the best of the others", _BEST, _BETTER),
        *(
            Part(
                f"{norm}, {reading} is among the two worst of five",
                Lead(reading, _OTHERS, 3, norm),
                _WORSE,
                reading == _CODED,
            )
            for reading in (_CODED, *_READINGS)
            for norm in (_NORMALISED, _PLAIN)
        ),
    ),
    scales={
        "quick": Scale(0.6, f"digits, 64-256-64-10, rate 1e-3, {_ORDER}", True, _studies(*_SMALL, 1e-3, 5)),
        "desk": Scale(
            15, f"2 epochs, 4 seeds, {_ORDER}", True, _studies("mnist", "tutorial", 1e-4, 4, epochs=2)
        ),
        "full": Scale(60, f"5 seeds, {_ORDER}", studies=_studies("mnist", "tutorial", 1e-4, 5)),
    },
    remarks="""The script computes relu(x) - a relu(-x) with a from U(3, 8), one number per layer and
    batch, and 5.5 in testing: it multiplies the negative side by 3 to 8, where the text and Xu et al.
    divide by it. What it tested is a line that is five times as steep on its negative side. In a network
    of vectors, one divisor per example and channel is one per element. Numbers are leads in points of
    accuracy, seed by seed: over the best of the others, or over the third of ReLU, Leaky, PReLU and ELU,
    which an arm among the two worst of five is below.""",
)
