"""elu-mean-shift: ELU's training loss is lower than ReLU's and Leaky's, its activations nearer 0."""

from typing import Any

from rectifiers.claims import Claim, Computed, Criterion, Difference, Part, Scale
from rectifiers.claims._watched import inside

_LEAKY = "leaky_relu(0.1)"
_COMMON: dict[str, Any] = {"arms": ("relu", "elu", _LEAKY), "model": "mlp", "depth": 8}
_COMMON |= {"batch_size": 64, "learning_rate": 0.01, "momentum": 0.0, "schedule": "constant"}
_WATCHED: dict[str, Any] = {"seeds": 5, "depth": 8, "rate": 0.01}

_DIGITS, _MNIST = {"task": "digits", "width": 64}, {"task": "mnist", "width": 128}
_QUICK = {**_COMMON, **_DIGITS, "epochs": 30, "seeds": 6}
_DESK = {**_COMMON, **_MNIST, "epochs": 10, "seeds": 5}
_FULL = {**_DESK, "epochs": 300}
_LOWER = Criterion("below", 0, 0)


def _nearer(arm: str) -> Computed:
    return Computed(inside, arm="elu", of="output_median", less={"arm": arm})


claim = Claim(
    name="elu-mean-shift",
    title="ELU's median unit activation is nearer 0, and its training loss is lower",
    statement="""In a network of 8 hidden layers of 128 units on MNIST (gradient descent at .01, batches
    of 64, 300 epochs, He's weights) the median activation of ELU's units stays nearer 0, and its training
    loss falls lower, than those of ReLU and Leaky ReLU.""",
    source="Clevert, Unterthiner & Hochreiter 2015, ELU, experiments on MNIST",
    parts=(
        Part("median unit activation nearer 0 than ReLU's", _nearer("relu"), _LOWER),
        Part("median unit activation nearer 0 than Leaky's", _nearer(_LEAKY), _LOWER),
        Part("training loss below ReLU's", Difference("elu", "relu", quantity="train_loss"), _LOWER),
        Part("training loss below Leaky's", Difference("elu", _LEAKY, quantity="train_loss"), _LOWER),
    ),
    scales={
        "quick": Scale(
            1, "digits, 64 units, 30 epochs", True, {"main": _QUICK}, {**_WATCHED, **_DIGITS, "steps": 300}
        ),
        "desk": Scale(
            12, "10 epochs instead of 300", True, {"main": _DESK}, {**_WATCHED, **_MNIST, "steps": 4000}
        ),
        "full": Scale(300, studies={"main": _FULL}, settings={**_WATCHED, **_MNIST, "steps": 234000}),
    },
    remarks="""The loss is the mean over the batches of the last epoch. The median is over a layer's units,
    each by its mean output over the last quarter of a training of its own; distances from 0 are averaged
    over the layers. The paper takes the median over the units of all layers, after every epoch.""",
)
