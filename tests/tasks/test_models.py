"""Models: shapes, parameters counted and matched, and the user's own."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from rectifiers.activations import registry
from rectifiers.arms import Arm, parse_arms
from rectifiers.errors import ArgumentError, UnknownNameError, UserCodeError
from rectifiers.tasks import models


def arm(text: str) -> Arm:
    (only,) = parse_arms(text)
    return only


def built(name: str, text: str = "relu", **changes: Any) -> nn.Module:
    settings: dict[str, Any] = {"input_shape": (1, 8, 8), "outputs": 10, "width": 6, "depth": 2}
    return models.build(name, activation=arm(text), **{**settings, **changes})


@pytest.mark.parametrize("text", [*registry, "maxout(3)", "torch:nn.GLU(1)", "torch:nn.PReLU"])
@pytest.mark.parametrize("norm", ["none", "batch"])
@pytest.mark.parametrize(
    "name, shape", [("mlp", (5,)), ("mlp", (2, 3, 4)), ("cnn", (3, 9, 8)), ("cnn", (1, 40))]
)
def test_every_arm_fits_every_model(name: str, shape: tuple[int, ...], norm: str, text: str) -> None:
    model = built(name, text, input_shape=shape, outputs=4, norm=norm)
    outputs = model(torch.randn(7, *shape))
    assert outputs.shape == (7, 4)
    outputs.sum().backward()
    assert all(p.grad is not None for p in model.parameters())


@pytest.mark.parametrize("depth", [1, 2, 3, 5])
def test_depth_is_the_number_of_hidden_layers(depth: int) -> None:
    for name, kind in (("mlp", nn.Linear), ("cnn", nn.Conv2d)):
        model = built(name, depth=depth, norm="batch")
        kinds = [
            type(layer)
            for layer in model
            if isinstance(layer, kind | nn.ReLU | nn.BatchNorm1d | nn.BatchNorm2d)
        ]
        norm = nn.BatchNorm1d if name == "mlp" else nn.BatchNorm2d
        hidden = [kind, norm, type(arm("relu")(1))] * depth
        assert kinds == hidden + ([nn.Linear] if name == "mlp" else [])


def test_the_normalisation_takes_the_place_of_the_bias() -> None:
    for name in models.NAMES:
        plain, normed = (built(name, norm=norm) for norm in ("none", "batch"))
        first, layer = (next(part for part in model if hasattr(part, "weight")) for model in (plain, normed))
        assert first.bias is not None
        assert layer.bias is None


@pytest.mark.parametrize(
    "shape, depth, flat",
    [
        ((1, 28, 28), 3, 6 * 7 * 7),
        ((1, 28, 28), 1, 6 * 7 * 7),
        ((3, 32, 32), 4, 6 * 4 * 4),
        ((1, 8, 8), 2, 6 * 4 * 4),
        ((1, 40), 3, 6 * 5),
        ((1, 5, 5), 2, 6 * 5 * 5),
        ((1, 32, 8), 2, 6 * 16 * 4),
    ],
)
def test_pooling_halves_sides_until_they_are_below_8(shape: tuple[int, ...], depth: int, flat: int) -> None:
    model = built("cnn", input_shape=shape, depth=depth)
    assert isinstance(model, nn.Sequential)
    assert model[-1].in_features == flat
    assert model(torch.zeros(2, *shape)).shape == (2, 10)


def test_images_run_as_channels_last() -> None:
    model = built("cnn", depth=1)
    assert isinstance(model, nn.Sequential)
    assert model[0](torch.zeros(2, 1, 8, 8)).is_contiguous(memory_format=torch.channels_last)


def test_an_mlp_counted_by_hand() -> None:
    assert models.count_parameters(built("mlp")) == (64 * 6 + 6) + (6 * 6 + 6) + (6 * 10 + 10)
    assert models.count_parameters(built("mlp", "prelu")) == models.count_parameters(built("mlp")) + 12
    assert models.count_parameters(built("mlp", "maxout")) == (64 * 12 + 12) + (6 * 12 + 12) + (6 * 10 + 10)
    assert models.count_parameters(built("mlp", "crelu")) == (64 * 6 + 6) + (12 * 6 + 6) + (12 * 10 + 10)


def test_frozen_parameters_do_not_count() -> None:
    model = built("mlp")
    for parameter in model.parameters():
        parameter.requires_grad_(False)
        break
    assert models.count_parameters(model) == (6) + (6 * 6 + 6) + (6 * 10 + 10)


def matched(text: str, control: str = "relu", name: str = "mlp", **changes: Any) -> int:
    settings: dict[str, Any] = {"input_shape": (64,), "outputs": 10, "width": 64, "depth": 2}
    return models.match_width(name, arm(text), arm(control), **{**settings, **changes})


@pytest.mark.parametrize("text, divisor", [("maxout", 2), ("maxout(4)", 4), ("crelu", 2)])
def test_between_equal_layers_the_width_shrinks_by_the_root(text: str, divisor: int) -> None:
    width = matched(text, input_shape=(1,), outputs=1, width=256, depth=16)
    assert width == pytest.approx(256 / divisor**0.5, rel=0.02)


@pytest.mark.parametrize("name", models.NAMES)
@pytest.mark.parametrize("norm", ["none", "batch"])
@pytest.mark.parametrize("text", ["maxout", "maxout(3)", "crelu", "torch:nn.GLU(1)"])
def test_no_other_width_is_nearer(name: str, norm: str, text: str) -> None:
    settings: dict[str, Any] = {"input_shape": (2, 8, 8), "outputs": 3, "depth": 2, "norm": norm}

    def count(label: str, width: int) -> int:
        return models.count_parameters(models.build(name, activation=arm(label), width=width, **settings))

    wanted = count("relu", 16)
    best = min(range(1, 33), key=lambda width: abs(count(text, width) - wanted))
    assert matched(text, name=name, width=16, **settings) == best


@pytest.mark.parametrize("text", ["prelu", "elu", "torch:nn.PReLU"])
def test_arms_that_keep_the_width_keep_the_width(text: str) -> None:
    assert matched(text, width=5, depth=30) == 5


def test_a_control_that_changes_the_width_is_matched_too() -> None:
    assert matched("maxout", "maxout") == 64
    assert matched("relu", "maxout") > 64


def test_match_by_width_or_not_at_all() -> None:
    assert matched("maxout", match="width") == 64
    assert matched("crelu", width=1) >= 1


def test_matching_takes_no_random_numbers_and_allows_code_that_needs_memory() -> None:
    class Measured(nn.Module):
        def __init__(self, channels: int) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.rand(channels) + 1)
            self.largest = self.scale.max().item()  # a tensor without memory has none

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.cat([x, x], 1)

    (own,) = parse_arms([Measured])
    torch.manual_seed(0)
    before = torch.get_rng_state()
    width = models.match_width("mlp", own, arm("relu"), input_shape=(64,), outputs=10, width=64, depth=2)
    assert 40 < width < 60
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    "name, changes, error, said",
    [
        ("mpl", {}, UnknownNameError, "unknown model 'mpl': did you mean 'mlp'"),
        ("mlp", {"norm": "bach"}, UnknownNameError, "unknown norm 'bach': did you mean 'batch'"),
        ("mlp", {"width": 0}, ArgumentError, "`width >= 1` must hold, but got width=0"),
        ("cnn", {"depth": -1}, ArgumentError, "`depth >= 1` must hold, but got depth=-1"),
        ("cnn", {"input_shape": (2,)}, ArgumentError, r"these have shape \(2,\): use model 'mlp'"),
    ],
)
def test_a_model_that_cannot_be(
    name: str, changes: dict[str, Any], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        built(name, **changes)


CODE = """
from torch import nn
import torch


def build(activation):
    return nn.Sequential(nn.Linear(4, 8), activation(8), nn.Linear(activation.outputs(8), 3))


def lazy(activation):
    return nn.Sequential(
        nn.LazyBatchNorm1d(), nn.LazyLinear(6), activation(6), nn.Dropout(0.5), nn.LazyLinear(3)
    )


class Unreached(nn.Module):
    def __init__(self, activation):
        super().__init__()
        self.through, self.never = nn.Linear(4, 3), nn.LazyLinear(2)

    def forward(self, x):
        return self.through(x)


def raises(activation):
    return nn.Linear("four", 8)


def nothing(activation):
    pass
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    (tmp_path / "own_net.py").write_text(CODE)
    monkeypatch.chdir(tmp_path)
    path = list(sys.path)
    yield tmp_path
    sys.path[:] = path
    sys.modules.pop("own_net", None)


@pytest.mark.parametrize("text", ["relu", "crelu", "prelu"])
def test_own_model(here: Path, text: str) -> None:
    model = models.own("own_net:build", arm(text), example=torch.zeros(2, 4))
    assert model(torch.zeros(2, 4)).shape == (2, 3)


@pytest.mark.parametrize(
    "name, text, said",
    [
        ("raises", "relu", "own_net:raises with arm 'relu' raised TypeError"),
        ("nothing", "relu", "own_net:nothing must return a torch.nn.Module, but returned NoneType"),
    ],
)
def test_own_model_that_does_not_fit(here: Path, name: str, text: str, said: str) -> None:
    with pytest.raises(UserCodeError, match=said) as caught:
        models.own(f"own_net:{name}", arm(text), example=torch.zeros(2, 4))
    assert "\n" not in str(caught.value)
    if name == "raises":
        assert 'nn.Linear("four", 8)' in caught.value.frames
        assert "torch/nn" not in caught.value.frames


def test_lazy_layers_take_their_shapes_and_draw_their_weights_at_once(here: Path) -> None:
    torch.manual_seed(1)
    model = models.own("own_net:lazy", arm("rrelu"), example=torch.zeros(2, 4))
    assert models.count_parameters(model) == 2 * 4 + 4 * 6 + 6 + 6 * 3 + 3
    assert model.training
    assert model[0].num_batches_tracked == 0  # zeros are no data
    drawn = model[1].weight.clone()
    torch.manual_seed(1)
    again = models.own("own_net:lazy", arm("relu"), example=torch.zeros(2, 4))
    assert torch.equal(again[1].weight, drawn)
    assert torch.equal(again[4].weight, model[4].weight)


@pytest.mark.parametrize("shape", [(4,), None])
def test_lazy_layers_that_get_no_shape_are_one_line(here: Path, shape: tuple[int, ...] | None) -> None:
    with pytest.raises(UserCodeError, match=r"layer .* but never\.weight of own_net:Unreached has none yet"):
        models.own(
            "own_net:Unreached", arm("relu"), example=None if shape is None else torch.zeros(2, *shape)
        )
