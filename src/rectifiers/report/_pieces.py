"""What the report's charts are made of: data, the look of an arm, labels at the ends of lines."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rectifiers.report import _layout
from rectifiers.report._looks import Look

__all__ = [
    "HEIGHT",
    "PADDING",
    "ROW",
    "altair",
    "arm_axis",
    "arm_colour",
    "arm_line",
    "arm_shape",
    "data",
    "end_labels",
    "focus",
    "unpacked",
]

# Labels beside a chart are counted in by Vega's own fitting; this is the rest.
PADDING = {"left": 4, "top": 6, "right": 8, "bottom": 4}
ROW = 30
HEIGHT = 300


def altair() -> Any:
    """Return altair, imported when something is drawn: it takes longer than all the rest of this room."""
    import altair as library

    return library


def data(rows: Sequence[Mapping[str, Any]], name: str | None = None) -> Any:
    """Return rows as a chart's data, as one text until `unpacked`.

    Altair copies a list of dictionaries anew with every method that is called on the chart.
    """
    rounded = [{key: _rounded(value) for key, value in row.items()} for row in rows]
    named = {} if name is None else {"name": name}
    return altair().Data(values=json.dumps(rounded, allow_nan=False), **named)


def unpacked(spec: dict[str, Any]) -> dict[str, Any]:
    """Return a specification with the texts made by `data` as the rows they stand for."""
    for layer in (spec, *spec["layer"]):
        values = layer.get("data", {}).get("values")
        if isinstance(values, str):
            layer["data"]["values"] = json.loads(values)
    return spec


def _rounded(value: Any) -> Any:
    # Six digits are more than a pixel can show.
    return float(f"{value:.6g}") if isinstance(value, float) else value


def _arm_scale(look: Look, values: Sequence[Any]) -> Any:
    alt = altair()
    return alt.Scale(domain=list(look.styles), range=list(values))


def arm_colour(look: Look) -> Any:
    """Return an arm's colour."""
    alt = altair()
    return alt.Color("arm:N", legend=None, scale=_arm_scale(look, list(look.arms.values())))


def arm_shape(look: Look) -> Any:
    """Return an arm's marker."""
    alt = altair()
    return alt.Shape("arm:N", legend=None, scale=_arm_scale(look, [s.shape for s in look.styles.values()]))


def arm_line(look: Look) -> dict[str, Any]:
    """Return colour and dash of an arm's line."""
    alt = altair()
    dashes = [list(style.dash) or [1, 0] for style in look.styles.values()]
    return {
        "color": arm_colour(look),
        "strokeDash": alt.StrokeDash("arm:N", legend=None, scale=_arm_scale(look, dashes)),
    }


def arm_axis(look: Look) -> Any:
    """Return an axis of arms' labels."""
    alt = altair()
    return alt.Axis(labelLimit=150, labelColor=look.ink, labelFontSize=12.5)


def focus(full: float = 1.0, faint: float = 0.12) -> Any:
    """Return the opacity of an arm: faint while the page's legend points at another one."""
    pointed = {"test": "focus === '' || datum.arm === focus", "value": full}
    return altair().OpacityValue(faint, condition=pointed)


def end_labels(
    name: str, ends: dict[str, Any], x: float, domain: tuple[float, float], logarithmic: bool, look: Look
) -> Any:
    """Return each arm's label beside the end of its line, clear of the others."""
    alt = altair()
    known = {label: value for label, value in ends.items() if value is not None}
    places = _layout.spread(list(known.values()), domain, HEIGHT, logarithmic)
    rows = [{"arm": label, "x": x, "y": y} for label, y in zip(known, places, strict=True)]
    return (
        alt.Chart(data(rows), name=f"wide-labels-{name}")
        .mark_text(align="left", dx=6, fontSize=11.5, limit=130)
        .encode(x="x:Q", y="y:Q", text="arm:N", color=arm_colour(look), opacity=focus())
    )
