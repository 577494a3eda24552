"""The same arms on several tasks: studies side by side, and what they say together."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from typing import Any

import numpy as np

from rectifiers.errors import ArgumentError
from rectifiers.evidence import tasks
from rectifiers.records.values import Study
from rectifiers.report import words
from rectifiers.report.summary import summarize

__all__ = ["Together", "TogetherRow", "together"]

Pair = tuple[float | None, float | None]

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
    left_out : tuple of str
        What the studies hold beyond that, in words.
    rows : tuple of TogetherRow
    """

    tasks: tuple[str, ...]
    control: str
    seeds: int
    confidence: float
    thresholds: tuple[float, ...]
    left_out: tuple[str, ...]
    rows: tuple[TogetherRow, ...]

    @property
    def title(self) -> str:
        """What is compared, in a sentence."""
        arms, seeds = words.plural(len(self.rows), "arm"), words.plural(self.seeds, "seed")
        return f"{arms} on {len(self.tasks)} tasks, {seeds} each; differences from {self.control} by seed."

    @property
    def meaning(self) -> str:
        """What the figures are."""
        return (
            f"IQM: mean of the middle half of all runs, each in margins of its task, with a bootstrap "
            f"interval at {100 * self.confidence:g} % for each arm alone; it holds for other seeds on these "
            f"tasks. A failed run is lower than any other."
        )

    def to_json(self) -> dict[str, Any]:
        """Return everything as JSON-able values."""
        return {**vars(self), "rows": [dict(vars(row)) for row in self.rows]}

    def __str__(self) -> str:
        lines = [["arm", *self.tasks, "all tasks (IQM, in margins)", "above control"]]
        for row in self.rows:
            if row.arm == self.control:
                lines.append([row.arm, *("control" for _ in self.tasks), "0", ""])
                continue
            each, ends = map(self.difference, row.differences), self.between(row)
            ends = f" [{ends}]" if ends else ""
            lines.append([row.arm, *each, f"{self.mean(row)}{ends}", self.above(row)])
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        table = "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)
        return "\n\n".join((self.title, table, "\n".join((self.meaning, *self.left_out))))

    @staticmethod
    def difference(value: float | None) -> str:
        """Return a mean difference on one task as text."""
        return "failed" if value is None else f"{value:+.3g}".replace("-", words.MINUS)

    def mean(self, row: TogetherRow) -> str:
        """Return an arm's interquartile mean as text."""
        return "too many failed" if row.iqm is None else words.signed(row.iqm, 2)

    def between(self, row: TogetherRow) -> str:
        """Return its interval as text; empty where there is none."""
        return "" if row.low is None or row.high is None else words.between(row.low, row.high, 2)

    def above(self, row: TogetherRow) -> str:
        """Return the share of its runs that are better than the control's, as text."""
        return f"{100 * row.profile[self.thresholds.index(0.0)]:.0f} %"


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
                f"{', '.join(study.plan.norms)} and {margin}: the same command with --control {control} and "
                "the same --out asks a study for it"
            )
        if not (summary := summarize(study)).valid:
            raise ArgumentError(
                f"{study.plan.task} means nothing by itself: {summary.recommendation.sentence}"
            )
    for one, other in combinations(studies, 2):
        if same := one.by_key.keys() & other.by_key.keys():
            raise ArgumentError(
                f"studies side by side have runs of their own, but two of {one.plan.task} have {len(same)} "
                "in common, which would count twice: name one of them"
            )
    for arm in common:
        if len(meant := {study.plan.arm(arm).identity for study in studies}) > 1:
            raise ArgumentError(f"{arm} is not the same in all studies: {' and '.join(sorted(meant))}")
    if len(common) < 2:
        raise ArgumentError(
            f"studies side by side have two arms in common, but got {', '.join(common) or 'none'}"
        )
    pairs = {arm: [_pairs(study, arm, norm) for study in studies] for arm in common}
    seeds = min(len(one) for each in pairs.values() for one in each)
    if seeds < 2:
        raise ArgumentError(
            f"every arm needs two seeds on every task, but one has {seeds}: go on with the studies"
        )
    margins = [study.margin.value for study in studies if study.margin is not None]
    draw = partial(np.random.default_rng, seed)
    found = [
        _row(arm, [one[:seeds] for one in each], margins, draw(), 1 - confidence)
        for arm, each in pairs.items()
    ]
    rows = [row for _, row in sorted(found, key=lambda pair: pair[0], reverse=True)]
    left_out = tuple(_left_out(studies, common, norm, seeds))
    return Together(tuple(_names(studies)), control, seeds, confidence, _THRESHOLDS, left_out, tuple(rows))


def _pairs(study: Study, arm: str, norm: str) -> list[Pair]:
    """Return an arm's metric and the control's, seed by seed; None for a failed run."""
    control = study.series(study.plan.control, norm)
    return [(a.metric, b.metric) for a, b in zip(study.series(arm, norm), control, strict=False)]


def _row(
    arm: str, pairs: list[list[Pair]], margins: list[float], draw: np.random.Generator, alpha: float
) -> tuple[float, TogetherRow]:
    """Return an arm's place and figures; `pairs` and `margins` are task by task."""
    columns = [[_score(*pair) / size for pair in one] for one, size in zip(pairs, margins, strict=True)]
    scores = np.transpose(columns)
    iqm, ends = tasks.interquartile_mean(scores), tasks.interval(scores, generator=draw, alpha=alpha)
    finished = [[a - b for a, b in one if a is not None and b is not None] for one in pairs]
    means = tuple(statistics.fmean(one) if one else None for one in finished)
    low, high = map(_finite, ends)
    shares = tuple(float(share) for share in tasks.profile(scores, _THRESHOLDS))
    return -math.inf if math.isnan(iqm) else iqm, TogetherRow(arm, means, _finite(iqm), low, high, shares)


def _score(metric: float | None, control: float | None) -> float:
    """Return the difference of two runs, where a failed one is lower than any other."""
    if metric is None:
        return 0.0 if control is None else -math.inf
    return math.inf if control is None else metric - control


def _left_out(studies: Sequence[Study], common: list[str], norm: str, seeds: int) -> Iterator[str]:
    """Say what of the studies is not in the figures."""
    arms = dict.fromkeys(arm.label for study in studies for arm in study.plan.arms)
    if others := [arm for arm in arms if arm not in common]:
        yield f"Left out, as not every study has them: {words.enumerate_names(others)}."
    if norms := dict.fromkeys(one for study in studies for one in study.plan.norms if one != norm):
        yield f"Left out: runs {words.enumerate_names([words.norm_text(one) for one in norms])}."
    runs = sum(max(0, len(study.series(arm, norm)) - seeds) for study in studies for arm in common)
    if runs:
        yield f"Left out: {words.plural(runs, 'run')} of seeds that not every arm has on every task."
    if raced := [name for name, study in zip(_names(studies), studies, strict=True) if study.plan.racing]:
        yield (
            f"On {words.enumerate_names(raced)} seeds ended when arms were decided, which tends to overstate "
            f"differences: each study's own report allows for that, these intervals do not."
        )


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _names(studies: Sequence[Study]) -> list[str]:
    """Return the tasks' names, numbered where one comes twice."""
    names = [study.plan.task for study in studies]
    return [name if names.count(name) == 1 else f"{name} ({i})" for i, name in enumerate(names, 1)]
