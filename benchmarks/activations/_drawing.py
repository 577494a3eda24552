"""Paper and ink of the plots, the same as in a report; one file for light and dark backgrounds."""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

from benchmarks.activations.cases import CASES

from rectifiers.report import colours
from rectifiers.report._looks import TOKENS, Look, on_paper

__all__ = ["adaptive", "paper", "title"]


class _Named(NamedTuple):
    label: str
    name: str


@functools.cache
def paper() -> Look:
    """Return the look of the plots, in which every activation has its own colour."""
    return on_paper(colours.styles(_Named(case.title, case.name) for case in CASES))


def title(text: str, below: str) -> dict[str, Any]:
    """Return a plot's title, with a line that says how to read it."""
    return {"text": text, "subtitle": below, "subtitleColor": paper().muted, "subtitleFontSize": 12}


def adaptive(svg: str) -> str:
    """Return an SVG in light colours with a style that swaps them where dark ones are preferred.

    The background is swapped with the rest, so that it can be read on either in any case.
    """
    pairs = dict([*TOKENS.values(), *colours.PALETTE])
    rules = "".join(
        f'[{attribute}="{light}"]{{{attribute}:{dark}}}'
        for light, dark in pairs.items()
        for attribute in ("fill", "stroke")
    )
    style = f"<style>@media (prefers-color-scheme: dark){{{rules}}}</style>"
    head, end, rest = svg.partition(">")
    return head + end + style + rest
