"""What a chart is drawn with: paper, ink and the colours of arms, for a page or for a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rectifiers.report import colours
from rectifiers.report.colours import Style

__all__ = ["TOKENS", "Look", "on_page", "on_paper"]

_PAGE_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
_FILE_FONT = "'Helvetica Neue', Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif"


TOKENS = {
    "paper": colours.BACKGROUND,
    "page": ("#f5f6f8", "#0d0f12"),
    "ink": ("#1a1d21", "#f2f4f7"),
    "muted": ("#59616c", "#a5aeba"),
    "line": ("#d9dde3", "#323943"),
    "band": ("#e4ecf6", "#202c3b"),
    "link": ("#0b5cad", "#7db8f0"),
    "good": ("#00684b", "#5fd3a6"),
    "good-paper": ("#dcf3ea", "#0f2f25"),
    "bad": ("#a33c00", "#ff9d66"),
    "bad-paper": ("#fdeadf", "#3a2014"),
    "same": ("#1c5a92", "#8cc0f0"),
    "same-paper": ("#e2edf8", "#152a40"),
    "shade": ("rgb(16 24 40/.16)", "rgb(0 0 0/.7)"),
    "open-paper": ("#eceef1", "#262b33"),
}
"""The page's colours by name, on light and on dark: style sheet and charts take them from here."""


@dataclass(frozen=True)
class Look:
    """Paper, ink and the colours of arms.

    On a page colours are CSS variables, so that switching between dark and light draws nothing again;
    in a file they are themselves.

    Attributes
    ----------
    background, ink, muted, line, band : str
    font : str
    width : int or "container"
        In pixels; a chart on a page takes the width it is given.
    arms : mapping of str to str
        Colour per arm's label.
    styles : mapping of str to Style
    """

    background: str
    ink: str
    muted: str
    line: str
    band: str
    font: str
    width: int | str
    arms: Mapping[str, str]
    styles: Mapping[str, Style]

    @property
    def standalone(self) -> bool:
        """Whether the chart has to explain itself: title and width of its own."""
        return self.width != "container"

    def config(self) -> dict[str, Any]:
        """Return Vega-Lite's configuration for it."""
        text = {"labelColor": self.muted, "titleColor": self.muted, "labelFontSize": 12, "titleFontSize": 12}
        return {
            "background": self.background,
            "font": self.font,
            "view": {"stroke": None},
            "axis": {
                **text,
                "domainColor": self.line,
                "tickColor": self.line,
                "gridColor": self.line,
                "titleFontWeight": "normal",
                "titlePadding": 8,
                "labelPadding": 6,
                "labelFlush": False,
            },
            "axisX": {"grid": False, "tickCount": 6},
            "axisY": {"domain": False, "ticks": False},
            "title": {"color": self.ink, "anchor": "start", "fontSize": 15, "offset": 14},
            "text": {"fill": self.ink, "fontSize": 12},
        }


def on_page(styles: Mapping[str, Style]) -> Look:
    """Return the look of a chart inside the HTML file, whose style sheet defines the variables."""
    return Look(
        background="transparent",
        **{name: f"var(--{name})" for name in ("ink", "muted", "line", "band")},
        font=_PAGE_FONT,
        width="container",
        arms={label: f"var(--arm-{index})" for index, label in enumerate(styles)},
        styles=styles,
    )


def on_paper(styles: Mapping[str, Style]) -> Look:
    """Return the look of a chart in a file of its own: on white."""
    return Look(
        background=TOKENS["paper"][0],
        **{name: TOKENS[name][0] for name in ("ink", "muted", "line", "band")},
        font=_FILE_FONT,
        width=640,
        arms={label: style.light for label, style in styles.items()},
        styles=styles,
    )
