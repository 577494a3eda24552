"""dying: a share of ReLU units dies at high learning rates, leaky ones do not."""

from typing import Any

from rectifiers.claims import Claim, Computed, Criterion, Part, Scale
from rectifiers.claims._watched import inside

_BOTH, _MNIST = {"seeds": 8, "depth": 4}, {"task": "mnist", "width": 128}
_SOME, _NONE, _MORE = Criterion("above", 0.05, 0), Criterion("below", 0.01, 0), Criterion("above", 0, 0.01)


def _dead(arm: str, rate: float, **less: Any) -> Computed:
    return Computed(inside, arm=arm, of="dead", rate=rate, **less)


claim = Claim(
    name="dying",
    title="A share of ReLU units dies at high learning rates; leaky ones do not",
    statement="""At a high learning rate ReLU units are pushed to where they are 0 for every input, get no
    gradient and never come back; leaky units keep a gradient.""",
    source="Said in many introductions; Maas, Hannun & Ng 2013 give it as a reason for the leaky slope",
    parts=(
        Part("at rate 1, more than 5 % of ReLU units are dead", _dead("relu", 1.0), _SOME),
        Part("more than at rate .01", _dead("relu", 1.0, less={"rate": 0.01}), _MORE),
        Part("at rate 1, no leaky units are", _dead("leaky_relu(0.01)", 1.0), _NONE),
        *(
            Part(f"ReLU at rate {rate}", _dead("relu", rate), _SOME, decides=False)
            for rate in (0.01, 0.1, 0.3)
        ),
    ),
    scales={
        "quick": Scale(0.5, "digits, 64 units, 300 steps", settings={**_BOTH, "width": 64, "steps": 300}),
        "desk": Scale(4, "MNIST, 128 units, 1,000 steps", settings={**_BOTH, **_MNIST, "steps": 1000}),
    },
    remarks="""Four hidden layers, plain gradient descent; dead means a derivative of 0 on every sample of
    the last quarter of the steps.""",
)
