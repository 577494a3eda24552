"""rrelu-overfits-less: RReLU has higher training and lower test error than ReLU, Leaky and PReLU."""

from __future__ import annotations

from typing import Any

from rectifiers.claims._claim import Claim, Criterion, Part, Scale
from rectifiers.claims._readings import Difference

_RRELU = "rrelu (1/3 to 1/8)"
XU_ARMS = {
    **{arm: arm for arm in ("relu", "leaky_relu(0.01)", "leaky_relu(1/5.5)", "prelu")},
    _RRELU: "rectifiers.claims.models:divided_rrelu(per='element')",
}
_OTHERS = ("relu", "leaky_relu(1/5.5)", "prelu")
QUICK: dict[str, Any] = {"task": "mnist1d", "model": "cnn", "width": 16, "epochs": 15, "learning_rate": 0.05}
DESK: dict[str, Any] = {
    "data": "rectifiers.claims.cifar:few",
    "width": 16,
    "depth": 3,
    "model": "cnn",
    "epochs": 15,
    "learning_rate": 0.05,
}
QUICK_CHANGES = "MNIST-1D, three 1-D convolutions of 16 channels, 15 epochs instead of NIN on CIFAR-10"
DESK_CHANGES = "10,000 images of CIFAR-10 as JPEG, three convolutions of 16 channels, 15 epochs, not NIN"

claim = Claim(
    name="rrelu-overfits-less",
    title="RReLU has higher training and lower test error than ReLU, Leaky and PReLU",
    statement="""Random slopes regularise: on small data sets RReLU ends with a higher training error and
    a lower test error than its deterministic relatives, all trained with the same settings.""",
    source="Xu, Wang, Chen & Li 2015, Empirical evaluation of rectified activations, its tables",
    parts=(
        *(
            Part(
                f"training error above {arm}'s",
                Difference(_RRELU, arm, quantity="train_error"),
                Criterion("above", 0, 0),
            )
            for arm in _OTHERS
        ),
        *(
            Part(f"test accuracy above {arm}'s", Difference(_RRELU, arm), Criterion("above", 0, 0))
            for arm in _OTHERS
        ),
        *(
            Part(
                f"gap of test and training below {arm}'s",
                Difference(_RRELU, arm, quantity="gap"),
                Criterion("below", 0, 0),
                False,
            )
            for arm in _OTHERS
        ),
    ),
    scales={
        "quick": Scale(
            1, QUICK_CHANGES, proxy=True, studies={"main": {**QUICK, "arms": XU_ARMS, "seeds": 8}}
        ),
        "desk": Scale(12, DESK_CHANGES, proxy=True, studies={"main": {**DESK, "arms": XU_ARMS, "seeds": 5}}),
    },
    remarks="""Training error is that over the batches of the last epoch as they were trained on, so with
    random slopes for RReLU. As in the source, one learning rate serves all.""",
)
