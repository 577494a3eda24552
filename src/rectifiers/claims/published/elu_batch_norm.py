"""elu-batch-norm: batch norm helps ReLU and Leaky and not ELU."""

from typing import Any

from rectifiers.claims import Claim, Criterion, Difference, Interaction, Part, Scale

_COMMON: dict[str, Any] = {"arms": ("elu", "relu", "leaky_relu(0.1)"), "norms": ("none", "batch"), "depth": 8}
_COMMON |= {"learning_rate": (0.02, 0.05, 0.1), "seeds": 8, "tuning_seeds": 1}
_QUICK, _DESK = {"task": "digits", "seeds": 6}, {"task": "mnist", "epochs": 3}
_CHANGES = "8 layers instead of CIFAR-100 and 11 convolutions"
_MORE = Criterion("above", 0, 0)

claim = Claim(
    name="elu-batch-norm",
    title="Batch norm helps ReLU and Leaky, and not ELU",
    statement="""Batch normalisation improves networks of ReLU and Leaky ReLU but not those of ELU, and
    ELU without it is better than ReLU with it.""",
    source="Clevert, Unterthiner & Hochreiter 2015, ELU, experiments on CIFAR-100",
    parts=(
        Part("batch norm gives ReLU more than ELU", Interaction("relu", "elu"), _MORE),
        Part("batch norm gives Leaky more than ELU", Interaction("leaky_relu(0.1)", "elu"), _MORE),
        Part("without it, ELU is above ReLU", Difference("elu", "relu"), _MORE, decides=False),
        Part("with it, ELU is above ReLU", Difference("elu", "relu", norm="batch"), _MORE, decides=False),
    ),
    scales={
        "quick": Scale(0.7, f"digits, 64 units, {_CHANGES}", True, {"main": {**_COMMON, **_QUICK}}),
        "desk": Scale(8, f"MNIST, 128 units, 3 epochs, {_CHANGES}", True, {"main": {**_COMMON, **_DESK}}),
    },
    remarks="An interaction is what batch norm gives the one, less what it gives the other, in points.",
)
