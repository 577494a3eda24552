"""What the figures suggest, each sentence with the figure it rests on and what would test it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rectifiers.diagnosis.quantities.reach import Reach

__all__ = ["SQUASHING", "Advice", "advise"]

_FLAT_SIDED = ("relu", "relu6", "squared_relu", "crelu")
SQUASHING = ("sigmoid", "tanh", "hardsigmoid", "hardtanh", "softsign")
# From where on a figure is worth a sentence; chosen so that healthy networks get none.
_DEAD, _ONE_SIDED, _FLAT, _LOST, _UPDATES = 0.1, 0.9, 0.5, 0.1, 0.2
_VANISHES, _EXPLODES, _SCALE = 1e-3, 1e3, 5.0

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Advice:
    """One thing to know.

    Attributes
    ----------
    code : str
        ``"dead"``, ``"one-sided"``, ``"saturated"``, ``"vanishing"``, ``"exploding"``, ``"gain"``,
        ``"rounding"``, ``"updates"``, ``"range"`` or ``"healthy"``.
    site : str
        Where; empty for all of the model.
    sentence : str
        With the figure.
    command : str
        What would test it; may be empty.
    """

    code: str
    site: str
    sentence: str
    command: str = ""

    def as_dict(self) -> dict[str, str]:
        """Return it as a dictionary."""
        return asdict(self)

    def __str__(self) -> str:
        return f"- {self.sentence}" + (f"\n    {self.command}" if self.command else "")


def advise(
    start: Sequence[Row], rows: Sequence[Row], updates: Mapping[str, float], reach: Reach | None
) -> list[Advice]:
    """Return advice from the figures at the start and in the last window, the most serious first."""
    found = [
        *_exploding(start, rows),
        *_vanishing(rows),
        *_scale(start),
        *_range(reach),
        *_rounding(rows, updates),
    ]
    for row in rows:
        found += _site(row)
    return found or [Advice("healthy", "", _healthy(rows))]


def _site(row: Row) -> Iterator[Advice]:
    name, activation, steps = (
        row["site"],
        row["activation"],
        f"steps {row['first_step']} to {row['last_step']}",
    )
    if (row["dead"] or 0) >= _DEAD:
        said = (
            f"{_share(row['dead'])} of the {row['units']} units of {name} are dead: the derivative of "
            f"{activation} was 0 for every sample seen ({steps})"
        )
        leaky = "; a leaky variant keeps their gradient" if activation in _FLAT_SIDED else ""
        yield Advice(
            "dead", name, said + leaky + ".", _compare(activation, "leaky_relu,elu") if leaky else ""
        )
    elif (row["linear"] or 0) >= _ONE_SIDED and activation not in ("gelu", "silu", "mish"):
        yield Advice(
            "one-sided",
            name,
            f"{_share(row['linear'])} of the {row['units']} units of {name} see inputs on one side "
            f"of the kink alone ({steps}): {activation} adds no non-linearity there.",
        )
    if activation in SQUASHING and (row["saturation"] or 0) >= _FLAT:
        yield Advice(
            "saturated",
            name,
            f"{_share(row['saturation'])} of what {name} sees lies where the slope of {activation} "
            f"is below 0.05 ({steps}): its inputs have standard deviation {row['deviation']:.3g}.",
            _compare(activation, "relu,elu"),
        )


def _gradients(rows: Sequence[Row]) -> tuple[Row, Row, float] | None:
    known = [row for row in rows if row["gradient"] is not None]
    if len(known) < 2 or not known[-1]["gradient"]:
        return None
    return known[0], known[-1], known[0]["gradient"] / known[-1]["gradient"]


def _vanishing(rows: Sequence[Row]) -> Iterator[Advice]:
    found = _gradients(rows)
    if found is None:
        return
    first, last, ratio = found
    if ratio < _VANISHES:
        yield Advice(
            "vanishing",
            first["site"],
            f"the gradient vanishes: its RMS is {first['gradient']:.2g} at {first['site']}, {ratio:.2g} of "
            f"that at {last['site']}.",
            _compare(first["activation"], "relu,elu,selu"),
        )
    elif ratio > _EXPLODES:
        yield Advice(
            "exploding",
            first["site"],
            f"the gradient explodes: its RMS is {first['gradient']:.2g} at {first['site']}, {ratio:.2g} "
            f"times that at {last['site']}.",
            _init(first["activation"]),
        )


def _exploding(start: Sequence[Row], rows: Sequence[Row]) -> Iterator[Advice]:
    for row in (*start, *rows):
        deviation, gradient = row["deviation"], row["gradient"]
        if not all(value is None or math.isfinite(value) for value in (deviation, gradient)):
            what = "pre-activations" if not math.isfinite(deviation) else "gradients"
            yield Advice(
                "exploding",
                row["site"],
                f"the {what} of {row['site']} are not finite.",
                _init(row["activation"]),
            )
            return


def _scale(start: Sequence[Row]) -> Iterator[Advice]:
    """Whether pre-activations grow or shrink along the depth before anything was learned."""
    sizes = [(row, math.hypot(row["mean"], row["deviation"])) for row in start]
    if len(sizes) < 3 or not all(0 < size < math.inf for _, size in sizes):
        return
    (first, early), (last, late) = sizes[0], sizes[-1]
    factor = late / early
    if factor > _SCALE or factor < 1 / _SCALE:
        verb = "grow" if factor > 1 else "shrink"
        yield Advice(
            "gain",
            last["site"],
            f"pre-activations {verb} along the depth from the start: their RMS is {early:.2g} at "
            f"{first['site']} and {late:.2g} at {last['site']} in the first step.",
            _init(last["activation"]),
        )


def _range(reach: Reach | None) -> Iterator[Advice]:
    if reach is not None and reach.missed:
        yield Advice(
            "range",
            reach.site,
            f"{_share(reach.missed)} of the targets are out of reach: {reach.activation} at the output "
            f"({reach.site}) gives {reach.low:.3g} to {reach.high:.3g}, the targets go from "
            f"{reach.lowest:.3g} to {reach.highest:.3g}.",
        )


def _rounding(rows: Sequence[Row], updates: Mapping[str, float]) -> Iterator[Advice]:
    lossy = [row for row in rows if (row["rounding"] or 0) >= _LOST]
    if lossy:
        worst = max(lossy, key=lambda row: row["rounding"])
        yield Advice(
            "rounding",
            worst["site"],
            f"{_share(worst['rounding'])} of the gradients at {worst['site']} are subnormal or "
            "flushed to 0 in their dtype: scale the loss (torch.amp.GradScaler) or use bfloat16.",
        )
    lost = {name: share for name, share in updates.items() if share >= _UPDATES}
    if lost:
        name = max(lost, key=lambda key: lost[key])
        yield Advice(
            "updates",
            name,
            f"{_share(lost[name])} of the updates of {name} are lost to rounding: they are below half a unit "
            f"in the last place of the weight ({len(lost)} of {len(updates)} parameters lose "
            f"{_share(_UPDATES)} or more): keep float32 weights.",
        )


def _healthy(rows: Sequence[Row]) -> str:
    dead = max((row["dead"] or 0.0 for row in rows), default=0.0)
    died = "no unit died" if dead == 0 else f"at most {_share(dead)} of the units of a site are dead"
    return (
        f"{died}; no site saturates; gradients reach every site: a leaky variant has nothing to repair here."
    )


def _share(value: float) -> str:
    return f"{100 * value:.0f} %" if value >= 0.01 else "under 1 %"


def _compare(activation: str, others: str) -> str:
    return f"rectifiers compare --model yours:build --data yours:load --arms {activation},{others}"


def _init(activation: str) -> str:
    return f"rectifiers.init_(model, {activation!r}, example=x)"
