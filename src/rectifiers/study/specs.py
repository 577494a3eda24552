"""The arms of a plan, as the record knows them: width, gain, picture."""

from __future__ import annotations

import math

from rectifiers.arms import Arm
from rectifiers.errors import RectifiersError
from rectifiers.records.values import ArmSpec, Curve, Notice, Plan
from rectifiers.tasks import models

__all__ = ["curve_of", "specs_of"]


def specs_of(plan: Plan, arms: tuple[Arm, ...]) -> tuple[tuple[ArmSpec, ...], tuple[Notice, ...]]:
    """Match the arms' widths and gains to the plan.

    Returns
    -------
    specs : tuple of ArmSpec
        In the order of `arms`.
    warnings : tuple of Notice
        Arms that have no gain (their outputs depend on each other, or are not finite): drawn with gain 1.
    """
    control = next(arm for arm in arms if arm.label == plan.control)
    specs: list[ArmSpec] = []
    warnings: list[Notice] = []
    for arm in arms:
        width = None
        if plan.model_code is None:
            width = models.match_width(
                plan.model,
                arm,
                control,
                input_shape=plan.input_shape,
                outputs=plan.outputs,
                width=plan.width,
                depth=plan.depth,
                norm=plan.norms[0],
                match=plan.match,
            )
        gain = 1.0
        if plan.initialization == "gain":
            try:
                gain = arm.gain
            except RectifiersError as error:
                text = f"{arm.label}: weights are drawn with gain 1, for it has none: {error}"
                warnings.append(Notice("no-gain", text))
        specs.append(ArmSpec(arm.label, arm.identity, arm.name, gain, width, curve_of(arm)))
    return tuple(specs), tuple(warnings)


def curve_of(arm: Arm) -> Curve | None:
    """Return the arm's picture where it is finite."""
    sampled = arm.curve()
    if sampled is None:
        return None
    points = [point for point in zip(*sampled, strict=True) if all(map(math.isfinite, point))]
    return Curve(*zip(*points, strict=True)) if points else None
