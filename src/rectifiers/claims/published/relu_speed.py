"""relu-speed: ReLU reaches a training error of 25 % several times faster than tanh."""

from typing import Any

from rectifiers.claims import Claim, Criterion, Part, Scale, TimeToTarget

_COMMON: dict[str, Any] = {"arms": ("tanh", "relu"), "model": "cnn", "target": 25.0, "schedule": "constant"}
_QUICK = {**_COMMON, "task": "mnist1d", "width": 16, "epochs": 10, "seeds": 8, "tuning_seeds": 1}
_QUICK |= {"learning_rate": (0.05, 0.1, 0.2)}
_FOUR_LAYERS = {**_COMMON, "width": 32, "depth": 3, "seeds": 8, "tuning_seeds": 1}
_RATES = {"epochs": 30, "learning_rate": (0.02, 0.05, 0.1)}
_DESK = {**_FOUR_LAYERS, **_RATES, "data": "rectifiers.claims.cifar:fewer"}
_FULL = {**_FOUR_LAYERS, **_RATES, "task": "cifar10"}
_FASTER = TimeToTarget("relu", "tanh")
_CHOSEN = "both rates chosen on one grid by validation accuracy, not for speed"

claim = Claim(
    name="relu-speed",
    title="ReLU reaches 25 % training error several times faster than tanh",
    statement="""A convolutional network of ReLUs reaches a training error of 25 % on CIFAR-10 six times
    faster than one of tanh units, each at a rate chosen to make training as fast as possible, without
    regularisation.""",
    source="Krizhevsky, Sutskever & Hinton 2012, ImageNet classification, section 3.1 and figure 1",
    parts=(
        Part("several times, that is more than twice, faster", _FASTER, Criterion("above", 2, 0)),
        Part("faster at all", _FASTER, Criterion("above", 1, 0), decides=False),
        Part("about six times faster", _FASTER, Criterion("within", 6, 2), decides=False),
    ),
    scales={
        "quick": Scale(1, f"MNIST-1D, three 1-D convolutions, 10 epochs; {_CHOSEN}", True, {"main": _QUICK}),
        "desk": Scale(20, f"5,000 images of CIFAR-10 as JPEG, 30 epochs; {_CHOSEN}", True, {"main": _DESK}),
        "full": Scale(400, f"the source states no network: the desk's; {_CHOSEN}", studies={"main": _FULL}),
    },
    remarks="""Numbers are ratios of the numbers of steps, tanh's over ReLU's, run by run with the same
    seed; a run that does not get there counts as longer than the training. The error is that of the last
    epoch's worth of batches.""",
)
