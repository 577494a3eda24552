"""Names that are not in the registry: the nearest one, the other name, or that it is not there."""

from __future__ import annotations

import pytest

from rectifiers.activations import registry
from rectifiers.arms import _names, parse_arms
from rectifiers.errors import UnknownNameError


def said(name: str) -> str:
    with pytest.raises(UnknownNameError) as caught:
        parse_arms(name)
    text = str(caught.value)
    assert text.startswith(f"unknown activation {name!r}: ")
    assert text.endswith("tanh)")
    assert "\n" not in text
    return text


@pytest.mark.parametrize(
    "name, meant",
    [
        ("SWISH", "SWISH is silu"),
        ("Swish", "Swish is silu"),
        ("leakyrelu", "leakyrelu is leaky_relu"),
        ("LeakyReLU", "LeakyReLU is leaky_relu"),
        ("ReLU", "ReLU is relu"),
        ("ReLU6", "ReLU6 is relu6"),
        ("lrelu", "lrelu is leaky_relu"),
        ("relu^2", "relu^2 is squared_relu"),
        ("gelu_tanh", "gelu_tanh is gelu(approximate='tanh')"),
        ("leeky_relu", "did you mean 'leaky_relu'"),
        ("swsh", "did you mean 'swish'"),
    ],
)
def test_other_names_and_misspelt_ones_lead_to_ours(name: str, meant: str) -> None:
    assert meant in said(name)


@pytest.mark.parametrize("title", _names._TORCH)
def test_what_torch_has_is_named_as_it_is_written_and_can_be_used(title: str) -> None:
    arm = f"torch:nn.{title}"
    assert arm in said(title.lower())
    assert parse_arms(arm)[0].label == arm
    assert title.lower() not in registry


def test_another_name_is_the_same_arm() -> None:
    (swish,) = parse_arms("swish")
    (silu,) = parse_arms("silu")
    assert (swish.label, swish.name, swish.identity) == ("swish", "silu", silu.identity)


@pytest.mark.parametrize("meant", _names._ALSO_CALLED.values())
def test_what_another_name_stands_for_is_an_arm(meant: str) -> None:
    assert parse_arms(meant)
