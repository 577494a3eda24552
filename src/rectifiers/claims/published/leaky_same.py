"""leaky-same: a leaky slope makes no difference to accuracy."""

from typing import Any

from rectifiers.claims import Claim, Criterion, Difference, Part, Scale

_ARMS: dict[str, Any] = {"arms": ("relu", "leaky_relu(0.01)", "prelu")}
_GRID = {**_ARMS, "learning_rate": (0.02, 0.05, 0.1)}
_FEWER = {**_ARMS, "learning_rate": (0.05, 0.1), "tuning_seeds": 1, "seeds": 12}
_CIFAR = {"data": "rectifiers.claims.cifar:few", "model": "cnn", "width": 16, "depth": 3, "epochs": 10}
_DIGITS, _HARDER = "handwritten digits", "harder data"
_QUICK = {_DIGITS: {**_FEWER, "task": "digits"}, _HARDER: {**_FEWER, "task": "mnist1d", "width": 64}}
_DESK = {
    _DIGITS: {**_GRID, "task": "mnist", "seeds": 24},
    _HARDER: {**_GRID, **_CIFAR, "seeds": 8, "tuning_seeds": 1},
}
_CHANGES = "instead of speech and ImageNet"
_SAME = Criterion("within", 0, "margin")

claim = Claim(
    name="leaky-same",
    title="A leaky slope makes no or an insignificant difference to accuracy",
    statement="""Networks of leaky ReLU are about as accurate as networks of ReLU; and one with a learned
    slope gains little.""",
    source="Maas, Hannun & Ng 2013, Rectifier nonlinearities; He et al. 2015, on Leaky ReLU",
    parts=tuple(
        Part(f"{arm} is as accurate as ReLU on {study}", Difference(arm, "relu", study), _SAME)
        for study in (_DIGITS, _HARDER)
        for arm in ("leaky_relu(0.01)", "prelu")
    ),
    scales={
        "quick": Scale(1, f"digits and MNIST-1D {_CHANGES}", True, _QUICK),
        "desk": Scale(12, f"MNIST and 10,000 images of CIFAR-10 as JPEG {_CHANGES}", True, _DESK),
    },
    remarks="""The margin is one standard error of accuracy on the test set. The claim is an equivalence,
    which the absence of a significant difference would not show.""",
)
