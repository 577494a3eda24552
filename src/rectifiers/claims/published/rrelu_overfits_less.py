"""rrelu-overfits-less: RReLU has higher training and lower test error than ReLU, Leaky and PReLU."""

from typing import Any

from rectifiers.claims import Claim, Criterion, Difference, Part, Scale

_RRELU = "rrelu (1/3 to 1/8)"
_ARMS = {
    **{arm: arm for arm in ("relu", "leaky_relu(0.01)", "leaky_relu(1/5.5)", "prelu")},
    _RRELU: "rectifiers.claims.models:divided_rrelu(per='element')",
}
_OTHERS = ("relu", "leaky_relu(1/5.5)", "prelu")
_COMMON: dict[str, Any] = {"arms": _ARMS, "model": "cnn", "width": 16, "epochs": 15, "learning_rate": 0.05}
_QUICK = {"main": {**_COMMON, "task": "mnist1d", "epochs": 8, "seeds": 6}}
_CIFAR = {"data": "rectifiers.claims.cifar:few", "depth": 3, "seeds": 5, "learning_rate": 0.02}
_DESK = {"main": {**_COMMON, **_CIFAR}}
_NIN = {"task": "cifar10", "model": "rectifiers.claims.models:nin", "batch_size": 128, "weight_decay": 1e-5}
_RATES = {"learning_rate": (0.01, 0.02, 0.05, 0.1), "tuning_seeds": 1}
_FULL = {"main": {"arms": _ARMS, **_NIN, **_RATES, "epochs": 100, "seeds": 5}}
_SAID = (
    ("training error above", "train_error", "above", True),
    ("test accuracy above", "metric", "above", True),
    ("gap of test and training below", "gap", "below", False),
)
_QUICK_CHANGES = "MNIST-1D, three 1-D convolutions of 16 channels, 8 epochs instead of NIN on CIFAR-10"
_DESK_CHANGES = (
    "10,000 images of CIFAR-10 as JPEG, three convolutions of 16 channels, 15 epochs at rate .02, not NIN"
)
SCALES = {
    "quick": Scale(1, _QUICK_CHANGES, True, _QUICK),
    "desk": Scale(12, _DESK_CHANGES, True, _DESK),
    "full": Scale(30000, "100 epochs, rates from a grid: the source states neither", studies=_FULL),
}

claim = Claim(
    name="rrelu-overfits-less",
    title="RReLU has higher training and lower test error than ReLU, Leaky and PReLU",
    statement="""Random slopes regularise: on small data sets RReLU ends with a higher training error and
    a lower test error than its deterministic relatives, all trained with the same settings.""",
    source="Xu, Wang, Chen & Li 2015, Empirical evaluation of rectified activations",
    parts=tuple(
        Part(f"{what} {arm}'s", Difference(_RRELU, arm, quantity=of), Criterion(way, 0, 0), decides)
        for what, of, way, decides in _SAID
        for arm in _OTHERS
    ),
    scales=SCALES,
    remarks="""Training error is that over the batches of the last epoch as they were trained on, so with
    random slopes for RReLU. One learning rate serves all but at full scale; at the desk one at which no
    run fails, as runs do at .05.""",
)
