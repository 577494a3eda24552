"""What was planted is found, and healthy networks are left in peace."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import rectifiers
from rectifiers.diagnosis import Watch


def stack(
    depth: int, activation: Callable[[], nn.Module], width: int = 32, gain: float | None = None
) -> nn.Sequential:
    layers: list[nn.Module] = []
    for index in range(depth):
        layers += [nn.Linear(8 if index == 0 else width, width), activation()]
    model = nn.Sequential(*layers, nn.Linear(width, 3))
    if gain is not None:
        rectifiers.init_(model, gain)
    return model


def data(seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(256, 8, generator=generator)
    return x, (x @ torch.randn(8, 3, generator=generator)).argmax(1)


def train(
    model: nn.Module,
    rate: float = 0.05,
    steps: int = 40,
    seed: int = 0,
    loss: Any = F.cross_entropy,
    **options: Any,
) -> Watch:
    x, y = data(seed)
    if loss is not F.cross_entropy:
        y = options["targets"]
    dtype = next(model.parameters()).dtype
    optimizer = torch.optim.SGD(model.parameters(), lr=rate)
    options = {"every": 2, **({"optimizer": optimizer} if options.pop("updates", False) else {}), **options}
    with rectifiers.watch(model, **options) as w:
        for step in range(steps):
            rows = slice(64 * (step % 4), 64 * (step % 4) + 64)
            optimizer.zero_grad()
            loss(model(x[rows].to(dtype)).float(), y[rows]).backward()
            optimizer.step()
    return w


def codes(w: Watch) -> dict[str, Any]:
    return {advice.code: advice for advice in w.advice()}


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def test_a_layer_killed_by_its_bias() -> None:
    model = stack(3, nn.ReLU, gain=2**0.5)
    with torch.no_grad():
        model[2].bias[:16] = -100.0
    found = codes(train(model))["dead"]
    assert found.site == "3"
    assert found.sentence.startswith("50 % of the 32 units of 3 are dead")
    assert "--arms relu,leaky_relu,elu" in found.command


def test_relus_that_die_of_a_rate_too_high_and_leaky_ones_that_live() -> None:
    start = stack(3, nn.ReLU, gain=2**0.5)
    with torch.no_grad():
        start[0].bias -= 0.5
    w = train(start, rate=3.0, steps=80)
    assert "dead" in codes(w)
    frame = w.frame()
    dead = frame[frame["site"] == "3"]["dead"].dropna().tolist()
    assert dead[-1] > dead[0]
    assert "dead" not in codes(train(stack(3, lambda: nn.LeakyReLU(0.1), gain=2**0.5), rate=0.5, steps=80))


@pytest.mark.parametrize(
    "activation, gain, vanishes",
    [(nn.Sigmoid, 1.0, True), (nn.ReLU, 2**0.5, False), (nn.ELU, 1.245, False)],
)
def test_gradients_vanish_in_twenty_layers_of_sigmoid_alone(
    activation: Any, gain: float, vanishes: bool
) -> None:
    w = train(stack(20, activation, gain=gain), rate=1e-3)
    assert ("vanishing" in codes(w)) == vanishes
    chi = [row["chi"] for row in w.figures(at_start=True)[:-1]]
    assert (max(chi) < 0.3) == vanishes


def test_an_initialisation_that_explodes() -> None:
    found = codes(train(stack(10, nn.ReLU, gain=4.0), rate=1e-12))
    assert {"gain", "exploding"} & set(found)
    assert "grow" in found["gain"].sentence


def test_an_activation_with_the_wrong_gain() -> None:
    found = codes(train(stack(10, nn.ReLU, gain=1.0), rate=1e-3))["gain"]
    assert "shrink" in found.sentence
    assert found.command == "rectifiers.init_(model, 'relu', example=x)"


def test_gradients_that_underflow_in_half_precision() -> None:
    model = stack(3, nn.Tanh, gain=1.6).half()

    def tiny(output: Tensor, y: Tensor) -> Tensor:
        return F.mse_loss(output, y) * 1e-5

    w = train(model, rate=1e-3, loss=tiny, targets=torch.randn(256, 3))
    assert "rounding" in codes(w)
    healthy = train(stack(3, nn.Tanh, gain=1.6), rate=1e-3, loss=tiny, targets=torch.randn(256, 3))
    assert "rounding" not in codes(healthy)


def test_updates_that_bfloat16_loses() -> None:
    w = train(stack(2, nn.ReLU).bfloat16(), rate=1e-3, updates=True)
    assert "are lost to rounding" in codes(w)["updates"].sentence
    assert "updates" not in codes(train(stack(2, nn.ReLU), rate=1e-3, updates=True))


def test_a_layer_that_never_sees_a_negative_input() -> None:
    model = stack(2, nn.ReLU)
    with torch.no_grad():
        model[2].bias += 30
    found = codes(train(model, rate=1e-4))["one-sided"]
    assert found.site == "3"


@pytest.mark.parametrize(
    "output, targets, said",
    [
        (nn.ReLU, lambda: torch.randn(256, 3), "gives 0 to inf"),
        (nn.Sigmoid, lambda: 3 * torch.rand(256, 3), "gives 0 to 1"),
        (nn.Tanh, lambda: torch.rand(256, 3), ""),
    ],
)
def test_targets_that_the_output_cannot_reach(output: Any, targets: Any, said: str) -> None:
    model = nn.Sequential(*stack(2, nn.ELU), output())
    found = codes(train(model, loss=F.mse_loss, targets=targets()))
    assert ("range" in found) == bool(said)
    if said:
        assert said in found["range"].sentence


def test_sigmoids_that_saturate() -> None:
    found = codes(train(stack(2, nn.Sigmoid, gain=20.0), rate=1e-3))
    assert found["saturated"].site


def alarms(seeds: Iterable[int]) -> list[tuple[int, str]]:
    """Return what is said about healthy networks: other activations, rates and data with every seed."""
    found = []
    for seed in seeds:
        torch.manual_seed(seed)
        kind = (nn.ReLU, nn.LeakyReLU, nn.ELU, nn.Tanh, nn.GELU, nn.SiLU)[seed % 6]
        model = stack(2 + seed % 4, kind, width=64, gain=float(rectifiers.gain(kind)))
        w = train(model, rate=0.05, seed=seed, updates=True)
        found += [(seed, advice.code) for advice in w.advice() if advice.code != "healthy"]
    return found


def test_healthy_networks_get_no_advice() -> None:
    assert alarms(range(12)) == []


def test_nothing_to_say_is_said() -> None:
    w = train(stack(2, nn.ELU, gain=1.245))
    assert [advice.code for advice in w.advice()] == ["healthy"]
    assert "no unit died; no site saturates" in str(w)
