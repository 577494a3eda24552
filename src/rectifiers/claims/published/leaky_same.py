"""leaky-same: a leaky slope makes no difference to accuracy."""

from __future__ import annotations

from typing import Any

from rectifiers.claims._claim import Claim, Criterion, Part, Scale
from rectifiers.claims._readings import Difference

_COMMON: dict[str, Any] = {"arms": ("relu", "leaky_relu(0.01)", "prelu")}
_QUICK = {**_COMMON, "seeds": 12, "learning_rate": (0.02, 0.05, 0.1, 0.2)}
_DESK = {**_COMMON, "learning_rate": (0.02, 0.05, 0.1)}
_CIFAR = {"data": "rectifiers.claims.cifar:few", "model": "cnn", "width": 16, "depth": 3, "epochs": 10}
_SAME = Criterion("within", 0, "margin")

claim = Claim(
    name="leaky-same",
    title="A leaky slope makes no or an insignificant difference to accuracy",
    statement="""Networks of leaky ReLU are about as accurate as networks of ReLU; and one with a learned
    slope gains little.""",
    source="Maas, Hannun & Ng 2013, Rectifier nonlinearities; He et al. 2015, on Leaky ReLU",
    parts=tuple(
        Part(f"{arm} is as accurate as ReLU on {study}", Difference(arm, "relu", study), _SAME)
        for study in ("the first", "the second")
        for arm in ("leaky_relu(0.01)", "prelu")
    ),
    scales={
        "quick": Scale(
            0.7,
            "digits and MNIST-1D instead of speech and ImageNet",
            proxy=True,
            studies={
                "the first": {**_QUICK, "task": "digits"},
                "the second": {**_QUICK, "task": "mnist1d", "width": 64},
            },
        ),
        "desk": Scale(
            12,
            "MNIST and 10,000 images of CIFAR-10 as JPEG instead of speech and ImageNet",
            proxy=True,
            studies={
                "the first": {**_DESK, "task": "mnist", "seeds": 24},
                "the second": {**_DESK, **_CIFAR, "seeds": 8, "tuning_seeds": 1},
            },
        ),
    },
    remarks="""The margin is one standard error of accuracy on the test set. The claim is an equivalence,
    which the absence of a significant difference would not show.""",
)
