"""One look per activation, the same in every chart, table and terminal.

Seven colours after Okabe & Ito's palette, moved until each has a contrast of at least 3 with its background
and the nearest two stay apart under protan-, deutan- and tritanopia (tests/report/test_colours.py). Arms also
differ in dash and marker, so nothing hangs on colour alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from rectifiers.activations import registry
from rectifiers.records.values import ArmSpec

__all__ = ["BACKGROUND", "INK", "PALETTE", "VERDICTS", "Style", "on_terminal", "styles"]

BACKGROUND = ("#ffffff", "#15181d")
"""What charts are drawn on, light and dark."""

# (on light, on dark); the third, the page's ink, falls to ReLU by its place in the registry.
PALETTE = (
    ("#1898fa", "#56b4e9"),
    ("#ce8500", "#e7a419"),
    ("#1a1d21", "#f2f4f7"),
    ("#1e6cab", "#4c78bf"),
    ("#c95400", "#db6305"),
    ("#00986f", "#00a666"),
    ("#b184ad", "#c980ac"),
)
INK = PALETTE[2]
"""The colour of ReLU and of the page's text."""

VERDICTS = {"better": "green", "worse": "red", "equivalent": "cyan", "undecided": "dim"}
"""How a terminal shows a verdict, in the words of rich."""

_DASHES: tuple[tuple[int, ...], ...] = (
    (2, 2),
    (10, 3, 2, 3),
    (),
    (8, 3),
    (5, 2),
    (12, 3, 4, 3),
    (7, 2, 2, 2, 2, 2),
)
_SHAPES = ("triangle-down", "cross", "circle", "square", "triangle-up", "diamond", "triangle-right")


class Style(NamedTuple):
    """How one arm is drawn.

    Attributes
    ----------
    light, dark : str
        Colour on a light and on a dark background (``"#rrggbb"``).
    dash : tuple of int
        Lengths of strokes and gaps in pixels; empty for a solid line.
    shape : str
        Marker, by its name in Vega.
    """

    light: str
    dark: str
    dash: tuple[int, ...]
    shape: str


def styles(arms: Iterable[ArmSpec]) -> dict[str, Style]:
    """Return the look of every arm of a study, by label.

    A built-in activation has its own colour; a second arm of it (or another activation of that colour) has
    another dash and marker. The user's own arms take, in order, the colours the study uses least.

    Parameters
    ----------
    arms : iterable of ArmSpec
    """
    arms = list(arms)
    names = list(registry)
    taken: dict[str, tuple[int, int]] = {}

    def take(label: str, colour: int, level: int) -> None:
        levels = [*range(level, len(_DASHES)), *range(level)]
        free = (place for place in ((colour, one) for one in levels) if place not in taken.values())
        taken[label] = next(free, (colour, level))

    for arm in arms:
        if arm.name in registry:
            take(arm.label, *_place(names.index(arm.name)))
    for arm in arms:
        if arm.name not in registry:
            used = [colour for colour, _ in taken.values()]
            take(arm.label, min(range(len(PALETTE)), key=used.count), 0)
    return {arm.label: _style(*taken[arm.label]) for arm in arms}


def on_terminal(style: Style) -> str:
    """Return an arm's colour as rich understands it.

    The colours made for white paper keep a contrast of 3 on a black terminal too, all but the ink.
    """
    return "default" if style.light == INK[0] else style.light


def _place(index: int) -> tuple[int, int]:
    level, colour = divmod(index, len(PALETTE))
    return colour, level % len(_DASHES)


def _style(colour: int, level: int) -> Style:
    light, dark = PALETTE[colour]
    turn = (colour + level) % len(_DASHES)
    return Style(light, dark, _DASHES[turn], _SHAPES[turn])
