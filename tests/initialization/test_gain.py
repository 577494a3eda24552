"""Gains against closed forms, and weights that keep the second moment."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rectifiers import elementwise, functional, gain, init_, nn
from rectifiers.activations import registry
from rectifiers.errors import ArgumentError, ArgumentTypeError, UnknownNameError, UserCodeError
from rectifiers.vocabulary import where

SQRT2 = math.sqrt(2)
# E[max^2] of k standard normal variables: 1, 1, 1 + sqrt(3) / (2 pi), 1 + sqrt(3) / pi
CLOSED: list[tuple[str, dict[str, Any], float]] = [
    ("relu", {}, SQRT2),
    ("crelu", {}, SQRT2),
    ("selu", {}, 1.0),
    ("leaky_relu", {"negative_slope": 0.3}, math.sqrt(2 / 1.09)),
    ("leaky_relu", {"negative_slope": -1.0}, 1.0),
    ("prelu", {}, math.sqrt(2 / (1 + 0.25**2))),
    ("prelu", {"weight": 0.5}, math.sqrt(2 / 1.25)),
    ("prelu", {"init": 0.5, "num_parameters": 7}, math.sqrt(2 / 1.25)),
    ("rrelu", {"lower": 0.2, "upper": 0.2}, math.sqrt(2 / 1.04)),
    ("rrelu", {}, math.sqrt(2 / (1 + (1 / 64 + 1 / 24 + 1 / 9) / 3))),
    ("squared_relu", {}, math.sqrt(2 / 3)),
    ("maxout", {"pieces": 1}, 1.0),
    ("maxout", {}, 1.0),
    ("maxout", {"pieces": 3}, 1 / math.sqrt(1 + math.sqrt(3) / (2 * math.pi))),
    ("maxout", {"pieces": 4}, 1 / math.sqrt(1 + math.sqrt(3) / math.pi)),
]


@pytest.mark.parametrize("name, parameters, expected", CLOSED)
def test_closed_forms(name: str, parameters: dict[str, Any], expected: float) -> None:
    assert gain(name, **parameters) == pytest.approx(expected, rel=1e-12)


@settings(deadline=None, derandomize=True)
@given(st.floats(-5, 5))
def test_leaky_relu_of_any_slope(slope: float) -> None:
    expected = math.sqrt(2 / (1 + slope**2))
    assert gain("leaky_relu", negative_slope=slope) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    "name", sorted(n for n, r in registry.items() if hasattr(r, "keeps") and n != "rrelu")
)
def test_quadrature_is_what_draws_say(name: str) -> None:
    z = np.random.default_rng(0).normal(size=1_000_000)
    assert gain(name) == pytest.approx(1 / math.sqrt(np.mean(registry[name].f(z) ** 2)), rel=5e-3)


@pytest.mark.parametrize("name", sorted(set(registry) - {"softmax"}))
def test_pre_activations_keep_variance_one_through_the_depth(name: str) -> None:
    """The definition, on draws: weights behind the activation have variance gain^2 / fan_in."""
    generator = torch.Generator().manual_seed(0)
    values = (torch.tensor([0.25]),) if name == "prelu" else ()
    options = {"training": True} if name == "rrelu" else {}
    z = torch.randn(1000, 512, generator=generator)
    for _ in range(2):
        h = getattr(functional, name)(z, *values, **options)
        z = h @ torch.randn(h.shape[1], 512, generator=generator) * (gain(name) / math.sqrt(h.shape[1]))
        assert z.square().mean().item() == pytest.approx(1, rel=0.2)


def test_the_same_whatever_it_is_given_as() -> None:
    expected = gain("elu", alpha=2.0)
    for given_as in (registry["elu"], nn.ELU, torch.nn.ELU):
        assert gain(given_as, alpha=2.0) == expected
    for module in (nn.ELU(2.0), torch.nn.ELU(2.0)):
        assert gain(module) == expected
    assert gain(lambda z: torch.nn.functional.elu(z, 2.0)) == pytest.approx(expected, rel=1e-12)
    assert gain(torch.nn.functional.elu, alpha=2.0) == pytest.approx(expected, rel=1e-12)


def test_modules_with_slopes() -> None:
    module = nn.PReLU(2)
    with torch.no_grad():
        module.weight.copy_(torch.tensor([0.0, 1.0]))
    assert gain(module) == pytest.approx(1 / math.sqrt(0.5 * (1 + 0.5)))
    assert gain(torch.nn.PReLU(init=0.5)) == pytest.approx(math.sqrt(2 / 1.25))
    assert gain(nn.RReLU.from_divisors(3, 8)) == pytest.approx(math.sqrt(2 / (1 + 1 / 24)))
    assert gain(nn.Maxout(3)) == gain("maxout", pieces=3)


def test_ones_own_functions_and_modules() -> None:
    assert gain(torch.relu) == pytest.approx(SQRT2, rel=1e-12)
    assert gain(lambda z: (z > 0.123) * 1.0) == pytest.approx(
        1 / math.sqrt(0.5 * math.erfc(0.123 / SQRT2)), rel=1e-9
    )
    assert gain(torch.nn.Sequential(torch.nn.ReLU(), torch.nn.ReLU())) == pytest.approx(SQRT2, rel=1e-12)
    assert gain(lambda z: torch.softmax(z, -1) * 8) == pytest.approx(1 / 1.44, rel=0.2)

    for base in (torch.nn.ReLU, torch.nn.RReLU, nn.CReLU, nn.RReLU):

        class Mine(base):  # type: ignore[misc, valid-type]
            def forward(self, input: torch.Tensor) -> torch.Tensor:
                return 2 * input

        assert gain(Mine()) == pytest.approx(0.5)
    record = elementwise(
        "hinge",
        lambda x: where(x > 1.0, x, 1.0),
        lambda x: where(x > 1.0, 1.0, 0.0),
        keeps="input",
        kinks=[1.0],
    )
    assert gain(record) == pytest.approx(gain(lambda z: z.clamp(min=1)), rel=1e-12)


def test_a_module_of_ones_own_stays_as_it_is() -> None:
    module = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.ReLU())
    before = {key: value.clone() for key, value in module.state_dict().items()}
    state = torch.get_rng_state()
    gain(module)
    assert torch.equal(state, torch.get_rng_state())
    torch.testing.assert_close(dict(module.state_dict()), before, rtol=0, atol=0)


@pytest.mark.parametrize(
    "call, kind, message",
    [
        (lambda: gain("rellu"), UnknownNameError, "did you mean 'relu'"),
        (lambda: gain("softmax"), ArgumentError, "softmax has no gain: its outputs depend on each other"),
        (lambda: gain(nn.Softmax(1)), ArgumentError, "softmax has no gain"),
        (lambda: gain(torch.zeros_like), ArgumentError, "a gain needs 0 < E[f(z)^2] < infinity, but it is 0"),
        (lambda: gain(lambda z: 1 / 0), UserCodeError, "raised ZeroDivisionError: division by zero"),
        (lambda: gain(3), ArgumentTypeError, "an activation is a name, record, module or function, got 3"),
        (lambda: gain("relu", slope=1.0), ArgumentTypeError, "got unknown `slope`"),
        (lambda: gain(nn.ReLU(), slope=1.0), ArgumentTypeError, "a module has its parameters already"),
        (lambda: gain("maxout", pieces=0), ArgumentError, "`pieces >= 1` must hold"),
        (lambda: init_(torch.nn.ReLU(), gain=0.0), ArgumentError, "`0 < gain < infinity` must hold"),
        (
            lambda: init_(torch.nn.LazyLinear(3)),
            ArgumentError,
            "LazyLinear has no weights yet: run one batch through the model before `init_`",
        ),
    ],
)
@pytest.mark.filterwarnings("ignore:Lazy modules:UserWarning")
def test_bad_requests(call: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind) as caught:
        call()
    assert message in str(caught.value)


def network(*activations: torch.nn.Module) -> torch.nn.Sequential:
    return torch.nn.Sequential(
        torch.nn.Conv2d(3, 64, 3, groups=1),
        activations[0],
        torch.nn.Flatten(),
        torch.nn.Linear(64 * 4, 300),
        activations[1],
        nn.MaxoutLinear(300, 200, 2),
        torch.nn.BatchNorm1d(200),
    )


def test_weights_have_the_variance_of_the_gain_over_fan_in() -> None:
    model = network(nn.ReLU(), nn.ReLU())
    init_(model, gain("relu"), generator=torch.Generator().manual_seed(0))
    for layer, expected in ((model[0], 1 / 27), (model[3], 2 / 256), (model[5], 2 / 300)):
        assert layer.weight.var().item() == pytest.approx(expected, rel=0.1)
        assert (layer.bias == 0).all()
    assert (model[6].weight == 1).all()


def test_the_hash_and_the_draws_do_not_depend_on_the_gain_nor_on_the_slopes() -> None:
    models = [network(nn.ReLU(), nn.ReLU()), network(nn.PReLU(64), nn.PReLU(300))]
    hashes = [
        init_(model, gain_, generator=torch.Generator().manual_seed(5)).digest
        for model, gain_ in zip(models, (1.5, 0.5), strict=True)
    ]
    assert hashes[0] == hashes[1]
    assert len(hashes[0]) == 64
    torch.testing.assert_close(models[0][3].weight / 1.5, models[1][3].weight / 0.5)
    torch.testing.assert_close(models[0][0].weight, models[1][0].weight)
    assert (models[1][1].weight == 0.25).all()
    assert init_(models[0], generator=torch.Generator().manual_seed(6)).digest != hashes[0]


def test_transposed_convolutions_count_what_meets_in_one_output() -> None:
    layer = torch.nn.ConvTranspose2d(64, 32, 4, stride=2, bias=False)
    init_(layer, generator=torch.Generator().manual_seed(0))
    assert layer.weight.var().item() == pytest.approx(1 / (64 * 16 / 4), rel=0.05)
    y = layer(torch.randn(4, 64, 16, 16, generator=torch.Generator().manual_seed(1)))
    assert y[..., 4:-4, 4:-4].square().mean().item() == pytest.approx(1, rel=0.1)


def test_draws_of_the_default_generator() -> None:
    torch.manual_seed(1)
    first = init_(torch.nn.Linear(3, 2))
    torch.manual_seed(1)
    assert init_(torch.nn.Linear(3, 2)) == first
    assert str(init_(torch.nn.ReLU())) == "nothing to initialise: no linear or convolution layer"
