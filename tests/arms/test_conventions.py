"""An arm goes where model libraries ask for an activation, called as each of them calls it."""

from __future__ import annotations

import functools
import sys
import types
from collections import OrderedDict
from typing import Any

import pytest
import torch
from torch import nn

import rectifiers
from rectifiers.arms import Arm, parse_arms
from rectifiers.errors import ArgumentError, ArgumentTypeError, MissingDependencyError


def arm(text: str) -> Arm:
    return parse_arms(text)[0]


def timm_create_act_layer(name: Any, inplace: bool | None = None, **kwargs: Any) -> nn.Module:
    """As timm 1.0 does (timm/layers/create_act.py), without the search by name."""
    act_layer = name
    if inplace is None:
        return act_layer(**kwargs)
    try:
        return act_layer(inplace=inplace, **kwargs)
    except TypeError:
        return act_layer(**kwargs)


class TimmMlp(nn.Module):
    """timm/layers/mlp.py: ``act_layer()``."""

    def __init__(self, features: int, act_layer: Any = nn.GELU) -> None:
        super().__init__()
        self.fc1, self.act, self.fc2 = (
            nn.Linear(features, features),
            act_layer(),
            nn.Linear(features, features),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc2(self.act(self.fc1(x)))


class TimmBasicBlock(nn.Module):
    """timm/models/resnet.py: ``act_layer(inplace=True)``."""

    def __init__(self, channels: int, act_layer: Any = nn.ReLU) -> None:
        super().__init__()
        self.conv, self.bn, self.act = (
            nn.Conv2d(channels, channels, 3),
            nn.BatchNorm2d(channels),
            act_layer(inplace=True),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.act(self.bn(self.conv(x)))


class TorchvisionConvNormActivation(nn.Sequential):
    """torchvision/ops/misc.py: ``activation_layer(**params)`` with ``inplace`` unless it is None."""

    def __init__(self, channels: int, activation_layer: Any = nn.ReLU, inplace: bool | None = True) -> None:
        layers: list[nn.Module] = [nn.Conv2d(channels, channels, 1), nn.BatchNorm2d(channels)]
        params = {} if inplace is None else {"inplace": inplace}
        super().__init__(*layers, activation_layer(**params))


LIBRARIES = {
    "timm act_layer()": lambda a: TimmMlp(4, a).act,
    "timm act_layer(inplace=True)": lambda a: TimmBasicBlock(4, a).act,
    "timm create_act_layer": lambda a: timm_create_act_layer(a, inplace=True),
    "torchvision": lambda a: TorchvisionConvNormActivation(4, a)[2],
    "torchvision, inplace=None": lambda a: TorchvisionConvNormActivation(4, a, None)[2],
    "MONAI": lambda a: a(num_parameters=1),
}


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize(
    "text", ["relu", "leaky_relu(0.2)", "prelu", "gelu", "torch:nn.Hardswish", "torch:nn.functional.silu"]
)
def test_each_library_gets_a_module_that_works(library: str, text: str) -> None:
    made = LIBRARIES[library](arm(text))
    x = torch.linspace(-2, 2, 24).reshape(2, 4, 3)
    torch.testing.assert_close(made(x.clone()), arm(text)(4)(x))
    if "inplace" in library and "None" not in library and isinstance(getattr(made, "inplace", None), bool):
        assert made.inplace


def count(model: nn.Module) -> int:
    return sum(type(m) is rectifiers.nn.LeakyReLU for m in model.modules())


# Where timm joins an activation with a norm it takes a class or a partial alone.
@pytest.mark.parametrize(
    "name, layers, wrap", [("resnet10t", 11, None), ("regnety_002", 53, functools.partial)]
)
def test_timm_itself(name: str, layers: int, wrap: Any) -> None:
    timm = pytest.importorskip("timm")
    activation = arm("leaky_relu(0.2)")
    model = timm.create_model(name, act_layer=wrap(activation) if wrap else activation)
    assert count(model) == layers
    assert model(torch.zeros(2, 3, 32, 32)).shape == (2, 1000)


def test_torchvision_itself() -> None:
    ops = pytest.importorskip("torchvision.ops")
    assert count(ops.Conv2dNormActivation(3, 8, activation_layer=arm("leaky_relu(0.2)"))) == 1


def test_monai_itself() -> None:
    factories, nets = map(pytest.importorskip, ("monai.networks.layers.factories", "monai.networks.nets"))
    factories.Act.add_factory_callable("leaky_relu_0_2", lambda: arm("leaky_relu(0.2)"))
    assert count(nets.BasicUNet(2, 1, 2, features=(4, 4, 8, 8, 8, 4), act="leaky_relu_0_2")) == 18
    assert count(nets.UNet(2, 1, 2, (4, 8), (2,), act=("leaky_relu_0_2", {"inplace": True}))) == 2


def test_ultralytics_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    modules, models = map(pytest.importorskip, ("ultralytics.nn.modules", "ultralytics.nn.tasks"))
    monkeypatch.setattr(modules.Conv, "default_act", rectifiers.nn.LeakyReLU(0.1))
    model = models.DetectionModel("yolov8n.yaml", verbose=False)
    assert len(rectifiers.swap_(model, "prelu", torch.rand(2, 3, 64, 64), where="leaky_relu")) == 57


def test_the_number_of_features_comes_under_any_of_its_names() -> None:
    for call in ((8,), {"num_parameters": 8}, {"channels": 8}, {"num_features": 8}):
        made = arm("prelu")(**call) if isinstance(call, dict) else arm("prelu")(*call)
        assert made.weight.shape == (8,)
    made = arm("prelu")(num_parameters=4, dtype=torch.float64, device="cpu")
    assert made.weight.dtype == torch.float64


@pytest.mark.parametrize(
    "text, call, error, words",
    [
        ("relu", {"negative_slope": 0.2}, ArgumentError, "was handed negative_slope=0.2"),
        (
            "relu",
            {"channels": 4, "num_parameters": 5},
            ArgumentError,
            r"handed \[4, 5\]",
        ),
        ("relu", {"channels": torch.zeros(2)}, ArgumentTypeError, "call it first"),
        ("relu", {"channels": 0}, ArgumentError, "at least one feature"),
        ("crelu", {"inplace": True}, ArgumentError, "changes the number of features"),
        ("maxout", {}, ArgumentError, "changes the number of features"),
    ],
)
def test_what_is_handed_over_in_vain_is_refused_by_name(
    text: str, call: dict[str, Any], error: type, words: str
) -> None:
    with pytest.raises(error, match=words):
        arm(text)(**call)


class TestHiddenAct:
    """Held against a stand-in, written as transformers 5 writes it; tests/architectures has the real one."""

    @pytest.fixture(autouse=True)
    def transformers(self, monkeypatch: pytest.MonkeyPatch) -> Any:
        class ClassInstantier(OrderedDict):  # type: ignore[type-arg]
            def __getitem__(self, key: str) -> Any:
                content = super().__getitem__(key)
                cls, kwargs = content if isinstance(content, tuple) else (content, {})
                return cls(**kwargs)

        module = types.ModuleType("transformers.activations")
        module.ACT2FN = ClassInstantier({"relu": nn.ReLU, "leaky": (nn.LeakyReLU, {"negative_slope": 0.1})})
        monkeypatch.setitem(sys.modules, "transformers", types.ModuleType("transformers"))
        monkeypatch.setitem(sys.modules, "transformers.activations", module)
        return module

    def test_a_name_makes_a_fresh_module_each_time(self, transformers: Any) -> None:
        name = rectifiers.register_hidden_act("prelu")
        assert rectifiers.register_hidden_act("prelu") == name == "prelu"
        one, other = transformers.ACT2FN[name], transformers.ACT2FN[name]
        assert type(one) is rectifiers.nn.PReLU
        assert one.weight is not other.weight

    @pytest.mark.parametrize(
        "text, words", [("relu", "has 'relu' already"), ("crelu", "keeps the number of features")]
    )
    def test_what_cannot_be_registered(self, text: str, words: str) -> None:
        with pytest.raises(ArgumentError, match=words):
            rectifiers.register_hidden_act(text)

    def test_without_transformers(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "transformers.activations", None)
        with pytest.raises(MissingDependencyError, match="pip install transformers"):
            rectifiers.register_hidden_act("prelu")
