"""What is said of the figures: a table, and what they suggest, with the figure and what would test it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rectifiers.call_sites import aligned
from rectifiers.diagnosis.quantities import ALL
from rectifiers.diagnosis.quantities.reach import Reach

__all__ = ["SQUASHING", "Advice", "advise", "table"]

Row = Mapping[str, Any]

_SHOWN = {quantity.name: quantity.title for quantity in ALL if quantity.title}
_COLUMNS = {**_SHOWN, "gradient_ratio": "of the last"}
_SHARES = {quantity.name for quantity in ALL if quantity.share}
_WORST = ("dead", "rounding", "linear", "dormant")


_SMOOTH = {"gelu", "silu", "mish"}
SQUASHING = {"sigmoid", "tanh", "hardsigmoid", "hardtanh", "softsign"}
# From where on a figure is worth a sentence; chosen so that healthy networks get none.
_DEAD, _ONE_SIDED, _FLAT, _LOST, _UPDATES = 0.1, 0.9, 0.5, 0.1, 0.2
_VANISHES, _EXPLODES, _SCALE = 1e-3, 1e3, 5.0


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

    def __str__(self) -> str:
        return f"- {self.sentence}" + (f"\n    {self.command}" if self.command else "")


def advise(
    start: Sequence[Row], rows: Sequence[Row], updates: Mapping[str, float], reach: Reach | None
) -> list[Advice]:
    """Return advice from the figures at the start and in the last window, the most serious first."""
    found = [
        *_not_finite([*start, *rows]),
        *_along_depth(rows),
        *_scale(start),
        *_range(reach),
        *_rounding(rows),
        *_updates(updates),
        *(advice for row in rows for advice in _of_site(row)),
    ]
    return found or [Advice("healthy", "", _healthy(rows))]


def _of_site(row: Row) -> Iterator[Advice]:
    name, activation = row["site"], row["activation"]
    units = f"of the {row['units']} units of {name}"
    steps = f"(steps {row['first_step']} to {row['last_step']})"
    dead, linear, flat = (row[key] or 0 for key in ("dead", "linear", "saturation"))
    if dead >= _DEAD:
        said = f"{share(dead)} {units} are dead: the derivative of {activation} was 0 for every sample seen"
        said += f" {steps}; a leaky variant keeps their gradient."
        yield Advice("dead", name, said, _compare(activation, "leaky_relu,elu"))
    if linear >= _ONE_SIDED and activation not in _SMOOTH:
        said = f"{share(linear)} {units} see inputs on one side of the kink alone {steps}"
        yield Advice("one-sided", name, f"{said}: {activation} adds no non-linearity there.")
    if flat >= _FLAT and activation in SQUASHING:
        said = f"{share(flat)} of what {name} sees lies where the slope of {activation} is below 0.05 {steps}"
        said += f": its inputs have standard deviation {row['deviation']:.3g}."
        yield Advice("saturated", name, said, _compare(activation, "relu,elu"))


def _not_finite(rows: Sequence[Row]) -> Iterator[Advice]:
    for row in rows:
        deviation, gradient = row["deviation"] or 0.0, row["gradient"] or 0.0
        if not math.isfinite(deviation + gradient):
            steps = f"steps {row['first_step']} to {row['last_step']}"
            said = f"not all is finite at {row['site']} in {steps}: pre-activations have standard deviation "
            said += f"{deviation:.2g}, gradients RMS {gradient:.2g} (a GradScaler skips such)."
            yield Advice("exploding", row["site"], said, _init(row["activation"]))
            return


def _along_depth(rows: Sequence[Row]) -> Iterator[Advice]:
    known = [row for row in rows if row["gradient"] is not None]
    if len(known) < 2 or not known[-1]["gradient"]:
        return
    first, last = known[0], known[-1]
    ratio = first["gradient"] / last["gradient"]
    rms = f"its RMS is {first['gradient']:.2g} at {first['site']}, {ratio:.2g}"
    if ratio < _VANISHES:
        said = f"the gradient vanishes: {rms} of that at {last['site']}."
        yield Advice("vanishing", first["site"], said, _compare(first["activation"], "relu,elu,selu"))
    elif ratio > _EXPLODES:
        said = f"the gradient explodes: {rms} times that at {last['site']}."
        yield Advice("exploding", first["site"], said, _init(first["activation"]))


def _scale(start: Sequence[Row]) -> Iterator[Advice]:
    """Whether pre-activations grow or shrink along the depth before anything was learned."""
    sizes = [math.hypot(row["mean"], row["deviation"]) for row in start]
    if len(sizes) < 3 or not all(0 < size < math.inf for size in sizes):
        return
    first, last = start[0], start[-1]
    if not 1 / _SCALE <= sizes[-1] / sizes[0] <= _SCALE:
        verb = "grow" if sizes[-1] > sizes[0] else "shrink"
        said = (
            f"pre-activations {verb} along the depth from the start: their RMS is {sizes[0]:.2g} at "
            f"{first['site']} and {sizes[-1]:.2g} at {last['site']} in the first step."
        )
        yield Advice("gain", last["site"], said, _init(last["activation"]))


def _range(reach: Reach | None) -> Iterator[Advice]:
    if reach is not None and reach.missed:
        said = (
            f"{share(reach.missed)} of the targets are out of reach: {reach.activation} at the output "
            f"({reach.site}) gives {reach.low:.3g} to {reach.high:.3g}, the targets go from "
            f"{reach.lowest:.3g} to {reach.highest:.3g}."
        )
        yield Advice("range", reach.site, said)


def _rounding(rows: Sequence[Row]) -> Iterator[Advice]:
    worst = max(rows, key=lambda row: row["rounding"] or 0.0)
    if (worst["rounding"] or 0.0) >= _LOST:
        said = (
            f"{share(worst['rounding'])} of the gradients at {worst['site']} are subnormal or "
            "flushed to 0 in their dtype: scale the loss (torch.amp.GradScaler) or use bfloat16."
        )
        yield Advice("rounding", worst["site"], said)


def _updates(updates: Mapping[str, float]) -> Iterator[Advice]:
    lost = {name: lost for name, lost in updates.items() if lost >= _UPDATES}
    if lost:
        name = max(lost, key=lambda key: lost[key])
        said = (
            f"{share(lost[name])} of the updates of {name} are lost to rounding: they are below half a unit "
            "in the last place of the weight: keep float32 weights."
        )
        yield Advice("updates", name, said)


def _healthy(rows: Sequence[Row]) -> str:
    """Say what was seen, and no more: dead units need samples, and a frozen layer gets no gradient."""
    dead = max((row["dead"] for row in rows if row["dead"] is not None), default=None)
    unreached = next((row["site"] for row in rows if not row["gradient"]), None)
    if dead is None:
        died = "too few samples to tell dead units"
    else:
        died = f"at the worst site {share(dead)} of the units are dead" if dead else "no unit died"
    reached = "gradients reach every site" if unreached is None else f"no gradient reached {unreached}"
    ending = ": a leaky variant has nothing to repair here" if dead is not None and unreached is None else ""
    return f"{died}; no site saturates; {reached}{ending}."


def _compare(activation: str, others: str) -> str:
    arms = ",".join(dict.fromkeys((activation, *others.split(","))))
    return f"rectifiers compare --model yours:build --data yours:load --arms {arms}"


def _init(activation: str) -> str:
    return f"rectifiers.init_(model, {activation!r}, example=x)"


def table(rows: Sequence[Mapping[str, Any]], steps: int, every: int) -> str:
    """Return the figures of all sites as text, those with the most dead units first."""
    ordered = sorted(rows, key=lambda row: tuple(row[name] or 0.0 for name in _WORST), reverse=True)
    lines = [
        [row["site"], row["activation"], str(row["units"]), *(_cell(row, name) for name in _COLUMNS)]
        for row in ordered
    ]
    seen = [row for row in rows if row["seen"]]
    first, last = min(row["first_step"] for row in seen), max(row["last_step"] for row in seen)
    head = f"watch: {steps} training steps, every {every}. watched; figures of steps {first} to {last}"
    return f"{head}\n\n{aligned(('site', 'activation', 'units', *_COLUMNS.values()), lines)}"


def _cell(row: Mapping[str, Any], name: str) -> str:
    value = row[name]
    return "-" if value is None else share(value) if name in _SHARES else f"{value:.2g}"


def share(value: float) -> str:
    """Return a number between 0 and 1 in percent."""
    return f"{100 * value:.0f} %" if value == 0 or value >= 0.01 else "< 1 %"
