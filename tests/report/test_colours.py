"""Looks of arms: stable, apart, readable, also for eyes that see fewer colours."""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np
import pytest

from rectifiers.activations import registry
from rectifiers.report import colours

# Machado, Oliveira & Fernandes 2009, severity 1, on linear RGB.
_SIGHT = {
    "trichromat": np.eye(3),
    "protanope": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranope": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanope": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
# Ottosson 2020: OKLab, in which distances are about alike to the eye.
_LMS = np.array([[0.4122, 0.5363, 0.0514], [0.2119, 0.6807, 0.1074], [0.0883, 0.2817, 0.6300]])
_LAB = np.array([[0.2105, 0.7936, -0.0041], [1.9780, -2.4286, 0.4506], [0.0259, 0.7828, -0.8087]])


class Arm(NamedTuple):
    label: str
    name: str


def linear(colour: str) -> np.ndarray:
    values = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255.0
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def contrast(one: str, other: str) -> float:
    """Return the contrast of WCAG 2."""
    dark, light = sorted(float(linear(colour) @ [0.2126, 0.7152, 0.0722]) for colour in (one, other))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("sight", _SIGHT)
@pytest.mark.parametrize("mode", [0, 1])
def test_colours_stay_apart(sight: str, mode: int) -> None:
    """Okabe and Ito's own palette has .076 at its closest (black aside)."""
    seen = [
        _LAB @ np.cbrt(_LMS @ np.clip(_SIGHT[sight] @ linear(pair[mode]), 0, 1)) for pair in colours.PALETTE
    ]
    assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2)) > 0.084


def look(name: str) -> colours.Style:
    """An activation on its own."""
    return colours.styles([Arm(name, name)])[name]


@pytest.mark.parametrize("pair", colours.PALETTE)
def test_colours_stand_out_from_the_background(pair: tuple[str, str]) -> None:
    for colour, background in zip(pair, colours.BACKGROUND, strict=True):
        assert contrast(colour, background) >= 3.0  # WCAG 1.4.11


def test_every_activation_has_a_look_of_its_own() -> None:
    looks = [(look(name).light, look(name).dash) for name in registry]
    assert len(set(looks)) == len(registry)


def test_the_usual_arms_differ_in_colour_dash_and_marker() -> None:
    usual = [look(name) for name in ("relu", "leaky_relu", "prelu", "rrelu", "elu", "tanh")]
    for part in ("light", "dark", "dash", "shape"):
        assert len({getattr(look, part) for look in usual}) == len(usual)


def test_relu_is_drawn_in_ink_and_solid() -> None:
    assert look("relu").dash == ()
    assert contrast(look("relu").light, colours.BACKGROUND[0]) > 12


def test_a_label_looks_like_its_activation() -> None:
    styles = colours.styles([Arm("relu", "relu"), Arm("leaky_relu(0.01)", "leaky_relu")])
    assert styles["leaky_relu(0.01)"] == look("leaky_relu")


def test_two_arms_of_one_activation_share_the_colour_and_differ_in_the_rest() -> None:
    arms = [Arm(f"leaky_relu({slope})", "leaky_relu") for slope in (0.01, 0.1, 0.2)]
    looks = list(colours.styles(arms).values())
    assert len({look.light for look in looks}) == 1
    assert len({look.dash for look in looks}) == len({look.shape for look in looks}) == 3


def test_the_users_own_arms_take_the_colours_used_least() -> None:
    arms = [*(Arm(name, name) for name in ("relu", "elu")), Arm("mine:A", ""), Arm("mine:B", "")]
    looks = colours.styles(arms)
    assert len({look.light for look in looks.values()}) == 4
    assert colours.styles(arms) == looks


def test_sixty_arms_of_any_kind_are_still_drawn() -> None:
    arms = [Arm(f"relu({k})", "relu") for k in range(30)] + [Arm(f"mine:{k}", "") for k in range(30)]
    assert len(colours.styles(arms)) == 60
