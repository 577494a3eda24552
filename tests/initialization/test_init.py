"""`init_` in deep networks, on data, and with layers that are not to be drawn."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from scipy.optimize import brentq
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from rectifiers import gain, init_
from rectifiers import nn as ours
from rectifiers.activations import registry
from rectifiers.errors import ArgumentError, UserCodeError

DEPTH, WIDTH = 50, 128


def deep(activation: nn.Module) -> tuple[nn.Sequential, list[nn.Module]]:
    wider = activation(torch.zeros(2, WIDTH)).shape[1]
    layers = [nn.Linear(WIDTH if index == 0 else wider, WIDTH) for index in range(DEPTH)]
    return nn.Sequential(*(part for layer in layers for part in (layer, activation))), layers


def scales(model: nn.Module, layers: list[nn.Module], x: Tensor) -> Tensor:
    """Root mean squares of the outputs of layers."""
    found: list[Tensor] = []
    handles = [
        layer.register_forward_hook(lambda _m, _a, out: found.append(out.detach().square().mean().sqrt()))
        for layer in layers
    ]
    with torch.no_grad():
        model(x)
    for handle in handles:
        handle.remove()
    return torch.stack(found)


NAMES = sorted(set(registry) - {"softmax", "maxout"})


@pytest.mark.parametrize("activation", [*(ours.of(registry[name])() for name in NAMES), nn.Hardswish()])
def test_on_data_the_scale_stays_within_a_tenth_over_fifty_layers(activation: nn.Module) -> None:
    torch.manual_seed(0)
    model, layers = deep(activation)
    x = torch.randn(256, WIDTH)
    done = init_(model, example=x)
    assert len(done.layers) == DEPTH
    assert all(layer.correction is not None for layer in done.layers)
    found = scales(model, layers, x)
    assert float(found.min()) > 0.9, found
    assert float(found.max()) < 1.1, found


@pytest.mark.parametrize("name", ["relu", "crelu", "leaky_relu", "prelu", "rrelu", "selu", "elu", "tanh"])
def test_by_theory_the_scale_stays_where_variance_one_is_stable(name: str) -> None:
    """On average over draws, since one draw of a finite width wanders."""
    mean = torch.zeros(DEPTH)
    for seed in range(10):
        torch.manual_seed(seed)
        model, layers = deep(ours.of(registry[name])())
        init_(model, name)
        mean += scales(model, layers, torch.randn(256, WIDTH)).square() / 10
    assert float((mean.sqrt() - 1).abs().max()) < 0.25


class Called(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.last, self.first, self.middle = nn.Linear(16, 2), nn.Conv1d(3, 16, 1), nn.Linear(16, 16)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.first(x)).mean(-1)
        return self.last(torch.tanh(self.middle(x)))


def test_activations_are_found_where_they_are_called() -> None:
    done = {layer.name: layer for layer in init_(Called(), example=torch.randn(32, 3, 5)).layers}
    assert (done["first"].behind, done["first"].before) == ("", "relu")
    assert (done["middle"].behind, done["middle"].before) == ("relu", "tanh")
    assert (done["last"].behind, done["last"].before) == ("tanh", "")
    assert done["middle"].gain == pytest.approx(2**0.5)
    assert done["last"].gain == pytest.approx(gain("tanh"))


def test_without_an_example_modules_count_in_their_order() -> None:
    model = nn.Sequential(nn.Linear(4, 64), nn.ELU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 2))
    rows = [line.split() for line in str(init_(model)).splitlines()]
    assert rows[2] == ["2", "drawn", "1.245", "elu", "relu"]
    assert rows[3] == ["4", "drawn", "1.414", "relu"]


@pytest.mark.parametrize("norm", [nn.BatchNorm1d, nn.LayerNorm])
def test_a_layer_behind_a_normalisation_sees_no_activation(norm: type[nn.Module]) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Linear(64, 64), norm(64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), norm(64), nn.Linear(64, 9)
    )
    found = [(layer.behind, layer.before, layer.gain) for layer in init_(model).layers]
    assert found == [("", "relu", 1.0), ("relu", "relu", pytest.approx(2**0.5)), ("", "", 1.0)]
    assert model(torch.randn(512, 64)).square().mean().item() == pytest.approx(1, rel=0.1)
    assert [layer.behind for layer in init_(model, example=torch.randn(512, 64)).layers] == ["", "relu", ""]


def test_normalisations_of_model_libraries_are_known_by_their_names() -> None:
    class LlamaRMSNorm(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x / x.square().mean(-1, keepdim=True).sqrt()

    model = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), LlamaRMSNorm(), nn.Linear(8, 9))
    for example in (None, torch.randn(4, 8)):
        assert [layer.gain for layer in init_(model, example=example).layers] == [1.0, 1.0]


def test_a_function_has_the_gain_of_its_own_arguments() -> None:
    class Steep(Called):
        def forward(self, x: Tensor) -> Tensor:
            return self.last(F.elu(self.first(x), alpha=3.0).mean(-1))

    done = {layer.name: layer for layer in init_(Steep(), example=torch.randn(32, 3, 5)).layers}
    assert done["last"].gain == pytest.approx(gain("elu", alpha=3.0))


def test_the_obvious_call_works() -> None:
    model = nn.Sequential(nn.Linear(4, 300), nn.ReLU(), nn.Linear(300, 200))
    init_(model, "relu")
    assert model[2].weight.var().item() == pytest.approx(2 / 300, rel=0.05)


def test_layers_that_are_left_are_named() -> None:
    class Many(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.frozen, self.free = nn.Linear(4, 4), nn.Linear(4, 4)
            self.frozen.requires_grad_(False)
            self.recurrent, self.table = nn.LSTM(4, 4), nn.Embedding(3, 4)
            self.bilinear, self.tied = nn.Bilinear(2, 2, 2), nn.Linear(4, 4)
            self.tied.weight = self.free.weight

    model = Many()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    done = {layer.name: layer.done for layer in init_(model).layers}
    assert done == {
        "frozen": "left: frozen",
        "free": "drawn",
        "recurrent": "left: recurrent",
        "table": "left: no fan-in",
        "bilinear": "left: no fan-in",
        "tied": "left: shares its weights with another layer",
    }
    changed = {key for key, value in model.state_dict().items() if not torch.equal(value, before[key])}
    assert changed == {"free.weight", "free.bias", "tied.weight"}


def test_an_embedding_is_left_where_a_layer_shares_its_weights() -> None:
    model = nn.Sequential(nn.Embedding(5, 4), nn.Linear(4, 5))
    model[1].weight = model[0].weight
    before = model[0].weight.detach().clone()
    assert [layer.done for layer in init_(model).layers] == [
        "left: no fan-in",
        "left: shares its weights with another layer",
    ]
    torch.testing.assert_close(model[0].weight, before, rtol=0, atol=0)


def test_weight_norm_is_set_through_its_parametrization() -> None:
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), parametrizations.weight_norm(nn.Linear(8, 200)))
    init_(model, "relu")
    assert model[2].weight.var().item() == pytest.approx(2 / 8, rel=0.1)
    x = torch.randn(256, 4)
    init_(model, example=x)
    assert model(x).square().mean().item() == pytest.approx(1, rel=1e-4)


@pytest.mark.parametrize("held", [parametrizations.orthogonal, parametrizations.spectral_norm])
def test_weights_that_are_held_are_refused_and_nothing_is_changed(held: Any) -> None:
    model = nn.Sequential(nn.Linear(8, 8), held(nn.Linear(8, 8)))
    before = {key: value.clone() for key, value in model.state_dict().items()}
    with pytest.raises(ArgumentError, match=r"(Orthogonal|SpectralNorm) holds those of '1'"):
        init_(model)
    torch.testing.assert_close(dict(model.state_dict()), before, rtol=0, atol=0)


def test_what_raises_leaves_the_model_and_the_random_state() -> None:
    model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(), nn.Linear(8, 2))
    before = {key: value.clone() for key, value in model.state_dict().items()}
    with pytest.raises(UserCodeError, match="Sequential on"):
        init_(model, example=torch.randn(3, 5))
    with pytest.raises(ArgumentError, match="are 0"):
        init_(model, example=torch.zeros(3, 4))
    with pytest.raises(ArgumentError, match="'fan_in' or 'fan_out'"):
        init_(model, mode="fan_avg")  # type: ignore[arg-type]
    torch.testing.assert_close(dict(model.state_dict()), before, rtol=0, atol=0)


def test_gradients_keep_their_scale_with_fan_out() -> None:
    model = nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 64))
    init_(model, "relu", mode="fan_out")
    assert model[2].weight.var().item() == pytest.approx(2 / 64, rel=0.05)


KNOWN = {"relu": 2**0.5, "selu": 1.0, "elu": 1.245, "gelu": 1.534, "silu": 1.677, "tanh": 1.593}


@pytest.mark.parametrize("name", KNOWN)
def test_known_gains_and_their_errors(name: str) -> None:
    found = gain(name)
    assert found == pytest.approx(KNOWN[name], abs=6e-4)
    assert 0 < found.error < 1e-12


def test_what_follows_from_a_gain() -> None:
    relu = gain("relu")
    assert relu.deviation == pytest.approx(1 / (0.5 - 1 / (2 * torch.pi)) ** 0.5)
    assert relu.critical() == pytest.approx((2**0.5, 0.0))
    assert relu.chi() == pytest.approx(1.0)
    assert relu.correlation_length() == float("inf")
    slope = gain("leaky_relu", negative_slope=0.3)
    assert slope.critical(5.0)[0] == pytest.approx((2 / 1.09) ** 0.5)
    # Schoenholz et al. 2017, figure 1: for tanh, sigma_b^2 = 0.05 is critical at sigma_w^2 = 1.76
    tanh = gain("tanh")
    q = brentq(lambda q: tanh.critical(q)[1] ** 2 - 0.05, 0.05, 1.0, xtol=1e-3)
    weight, bias = tanh.critical(q)
    assert bias**2 == pytest.approx(0.05, abs=1e-3)
    assert weight**2 == pytest.approx(1.76, abs=0.02)
    assert tanh.chi(weight, bias) == pytest.approx(1, abs=1e-3)
    assert tanh.chi(2.0, bias) > 1 > tanh.chi(0.9, bias)
    assert tanh.chi(0.5) == pytest.approx(0.25, abs=1e-6)
    assert tanh.correlation_length(0.5) == pytest.approx(1 / abs(torch.tensor(0.25).log().item()))
    assert relu.variance(2.0) == float("inf")
    with pytest.raises(ArgumentError, match="explode"):
        relu.chi(2.0)


def test_random_and_learned_slopes_have_moments() -> None:
    found = gain(ours.RReLU.from_divisors(3, 8))
    z = torch.randn(400_000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    r = 1 / torch.empty_like(z).uniform_(3, 8, generator=torch.Generator().manual_seed(1))
    y = torch.where(z > 0, z, r * z)
    assert found.deviation == pytest.approx(1 / y.std().item(), rel=1e-2)
    assert gain(lambda z: torch.relu(z) * 1.0).chi() == pytest.approx(1.0)


@pytest.mark.parametrize(
    "function, slope_square",
    [
        (lambda z: z[:, :4] * z[:, 4:].relu(), 1.0),  # by both inputs of an output
        (lambda z: torch.cat((z.relu(), (-z).relu()), 1), 0.5),
        (lambda z: z.reshape(-1, 4, 2).amax(-1), 1.0),
        (lambda z: z - z.mean(-1, keepdim=True), 7 / 8),  # whose outputs add up to 0
    ],
)
def test_outputs_of_several_inputs_have_the_slopes_by_all_of_them(function: Any, slope_square: float) -> None:
    assert gain(function)._moments.slope_square(1.0) == pytest.approx(slope_square, rel=0.03)
