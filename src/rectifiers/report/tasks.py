"""The same arms on several tasks: studies side by side, and what they say together."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rectifiers.errors import ArgumentError
from rectifiers.evidence import tasks
from rectifiers.records.values import ArmSpec, Study
from rectifiers.report import colours, words
from rectifiers.report._looks import on_paper
from rectifiers.report._pieces import HEIGHT, altair, arm_line, data, unpacked
from rectifiers.report.summary import summarize

__all__ = ["Together", "TogetherRow", "together"]

_MEANING = """\
IQM: mean of the middle half of all runs, each in margins of its task, with a bootstrap interval at {:g} %
that holds for other seeds on these tasks; a failed run is lower than any other."""

_THRESHOLDS = tuple(round(-3 + i / 10, 1) for i in range(61))  # margins


@dataclass(frozen=True)
class TogetherRow:
    """One arm over all tasks; see `Together`.

    Attributes
    ----------
    arm : str
    differences : tuple of float or None
        Mean difference from the control per task, in that task's metric; None where no run finished.
    iqm, low, high : float or None
        Interquartile mean of the scores with its interval; None where it is not finite, because too many runs
        failed.
    profile : tuple of float
        Share of runs whose score is above each threshold.
    """

    arm: str
    differences: tuple[float | None, ...]
    iqm: float | None
    low: float | None
    high: float | None
    profile: tuple[float, ...]


@dataclass(frozen=True)
class Together:
    """The same arms on several tasks, best first.

    A score is a run's difference from the control's run of the same seed, in margins of its task: 0 is as
    good as the control, 1 is better by the smallest difference that was said to be worth caring about. So
    tasks of different metrics and levels count alike.

    Attributes
    ----------
    tasks : tuple of str
    control : str
    seeds : int
        Runs of every arm on every task: the first for which all have one.
    confidence : float
    thresholds : tuple of float
        Of the profiles, in margins.
    rows : tuple of TogetherRow
    """

    tasks: tuple[str, ...]
    control: str
    seeds: int
    confidence: float
    thresholds: tuple[float, ...]
    rows: tuple[TogetherRow, ...]

    def to_json(self) -> dict[str, Any]:
        """Return everything as JSON-able values."""
        return {**vars(self), "rows": [dict(vars(row)) for row in self.rows]}

    def __str__(self) -> str:
        titles = ["arm", *self.tasks, "all tasks (IQM, in margins)", "above control"]
        lines = [titles]
        for row in self.rows:
            if row.arm == self.control:
                lines.append([row.arm, *("control" for _ in self.tasks), "0", ""])
                continue
            each = ["failed" if d is None else f"{d:+.3g}" for d in row.differences]
            mean = "too many failed" if row.iqm is None else f"{row.iqm:+.2f}"
            ends = "" if row.low is None or row.high is None else f" [{row.low:+.2f} to {row.high:+.2f}]"
            share = row.profile[self.thresholds.index(0.0)]
            lines.append([row.arm, *each, mean + ends, f"{100 * share:.0f} %"])
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        table = "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)
        arms, seeds = words.plural(len(self.rows), "arm"), words.plural(self.seeds, "seed")
        head = f"{arms} on {len(self.tasks)} tasks, {seeds} each; differences from {self.control} by seed."
        return "\n\n".join((head, table, _MEANING.format(100 * self.confidence)))

    def chart(self, arms: Iterable[ArmSpec]) -> dict[str, Any]:
        """Return the performance profiles as a Vega-Lite specification, each arm in its look."""
        alt, look = altair(), on_paper(colours.styles(arms))
        rows = [
            {"arm": row.arm, "margins": x, "share": y}
            for row in self.rows
            for x, y in zip(self.thresholds, row.profile, strict=True)
        ]
        lines = alt.Chart(data(rows)).mark_line(interpolate="step-after", strokeWidth=2)
        x = alt.X("margins:Q", title=f"difference from {self.control} in margins")
        y = alt.Y("share:Q", title="share of runs above", scale=alt.Scale(domain=[0, 1]))
        chart = alt.layer(lines.encode(x=x, y=y, **arm_line(look))).properties(height=HEIGHT)
        spec = unpacked(chart.to_dict())
        spec["layer"][0]["encoding"]["color"]["legend"] = {"title": None}
        return spec | {"width": look.width, "config": look.config(), "title": "Performance profiles"}


def together(studies: Sequence[Study], *, seed: int = 0, confidence: float = 0.95) -> Together:
    """Put studies side by side.

    Parameters
    ----------
    studies : sequence of Study
        Of one control and at least one more common arm; with a margin, and two seeds or more.
    seed : int
        Of the bootstrap.
    confidence : float

    Raises
    ------
    ArgumentError
        If they have too little in common.
    """
    control = studies[0].plan.control
    names = [arm.label for arm in studies[0].plan.arms]
    common = [arm for arm in names if all(arm in {a.label for a in study.plan.arms} for study in studies)]
    norm = studies[0].plan.norms[0]
    for study in studies:
        if study.plan.control != control or norm not in study.plan.norms or study.margin is None:
            margin = "no margin yet" if study.margin is None else f"margin {study.margin.value:g}"
            raise ArgumentError(
                f"studies side by side have one control ({control}), one normalisation ({norm}) and a "
                f"margin, but got {study.plan.task} with control {study.plan.control}, "
                f"{', '.join(study.plan.norms)} and {margin}"
            )
        if not (summary := summarize(study)).valid:
            raise ArgumentError(
                f"{study.plan.task} means nothing by itself: {summary.recommendation.sentence}"
            )
    if len(common) < 2:
        raise ArgumentError(
            f"studies side by side have two arms in common, but got {', '.join(common) or 'none'}"
        )
    scores = [{arm: _scores(study, arm, norm) for arm in common} for study in studies]
    seeds = min(len(values) for task in scores for values in task.values())
    if seeds < 2:
        raise ArgumentError(
            f"every arm needs two seeds on every task, but one has {seeds}: go on with the studies"
        )
    rows = []
    for arm in common:
        matrix = np.array([task[arm][:seeds] for task in scores]).T
        low, high = tasks.interval(matrix, generator=np.random.default_rng(seed), alpha=1 - confidence)
        rows.append(
            TogetherRow(
                arm,
                tuple(_mean(study, column) for study, column in zip(studies, matrix.T, strict=True)),
                _finite(tasks.interquartile_mean(matrix)),
                _finite(low),
                _finite(high),
                tuple(float(share) for share in tasks.profile(matrix, _THRESHOLDS)),
            )
        )
    rows.sort(key=lambda row: -math.inf if row.iqm is None else row.iqm, reverse=True)
    return Together(tuple(_names(studies)), control, seeds, confidence, _THRESHOLDS, tuple(rows))


def _scores(study: Study, arm: str, norm: str) -> list[float]:
    """Return an arm's scores, seed by seed, of those at which the control's run finished."""
    assert study.margin is not None
    pairs = zip(study.series(arm, norm), study.series(study.plan.control, norm), strict=False)
    return [
        -math.inf if run.metric is None else (run.metric - other.metric) / study.margin.value
        for run, other in pairs
        if other.metric is not None
    ]


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _mean(study: Study, scores: np.ndarray[Any, np.dtype[np.float64]]) -> float | None:
    assert study.margin is not None
    finished = scores[np.isfinite(scores)]
    return float(finished.mean()) * study.margin.value if finished.size else None


def _names(studies: Sequence[Study]) -> list[str]:
    """Return the tasks' names, numbered where one comes twice."""
    names = [study.plan.task for study in studies]
    return [name if names.count(name) == 1 else f"{name} ({i})" for i, name in enumerate(names, 1)]
