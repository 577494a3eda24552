"""Where the arms of a study stand against their control, by the records alone."""

from __future__ import annotations

from collections.abc import Sequence

from rectifiers.evidence import correction
from rectifiers.evidence.standing import Standing, standing
from rectifiers.records.values import Study

__all__ = ["against_control", "judge"]


def against_control(study: Study) -> dict[tuple[str, str], Standing]:
    """Return every arm against the control of its norm, at the plan's confidence; none without margin."""
    plan = study.plan
    if study.margin is None:
        return {}
    series = {cell: [run.metric for run in study.series(*cell)] for cell in plan.cells}
    return {
        (arm, norm): judge(study, values, series[plan.control, norm])
        for (arm, norm), values in series.items()
        if arm != plan.control
    }


def judge(
    study: Study,
    arm: Sequence[float | None],
    control: Sequence[float | None],
    comparisons: int | None = None,
) -> Standing:
    """Return where an arm stands by its metric at seed 0, 1, ... (None: that run failed), by a study's rules.

    Parameters
    ----------
    study : Study
        With a margin.
    arm, control : sequence of float or None
    comparisons : int, optional
        The error is shared by so many; by default by all comparisons with the control.
    """
    plan = study.plan
    assert study.margin is not None
    return standing(
        arm,
        control,
        planned=plan.seeds,
        racing=plan.racing,
        paired=plan.paired,
        margin=study.margin.value,
        alpha=correction.corrected(1.0 - plan.confidence, comparisons or plan.comparisons),
        resolution=plan.resolution,
        first=study.first_analysis,
    )
