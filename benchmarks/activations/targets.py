"""What the activations are meant to reach, and whether they do."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.activations.cases import CASES
from benchmarks.activations.results import Ratio, Timed, ratio
from benchmarks.activations.settings import Group

__all__ = ["ENOUGH", "TARGETS", "Judged", "Target", "judge"]


@dataclass(frozen=True)
class Target:
    """The largest time in a group that is fine, in units of what it is measured against."""

    case: str
    against: str
    group: str
    most: float


@dataclass(frozen=True)
class Judged:
    """A target and what was measured; `elements` tells apart the sizes of a group."""

    target: Target
    elements: int
    measured: Ratio | None

    @property
    def verdict(self) -> str:
        """``"reached"``, ``"not reached"`` or ``"not measured"``."""
        if self.measured is None:
            return "not measured"
        return "reached" if self.measured.value <= self.target.most else "not reached"


# case, against, at 2^21 elements, at 2^24
_RATIOS = (
    ("relu", "own", 0.7, 0.85),
    ("leaky_relu", "own", 0.7, 0.85),
    ("leaky_relu", "relu", 0.7, 0.85),
    ("prelu", "own", 0.15, 0.15),
    ("prelu", "relu", 1.0, 1.0),
    ("rrelu", "own", 0.06, 0.06),
    ("rrelu", "relu", 1.0, 1.5),
    ("elu", "own", 0.4, 0.4),
    ("elu", "relu", 1.0, 1.5),
    ("crelu", "own", 0.25, 0.25),
    ("crelu", "relu", 2.0, 2.0),
    ("maxout", "own", 0.15, 0.15),
    ("maxout", "relu", 0.8, 0.8),
)
_SMALL = 1.1
ENOUGH = 0.9
"""Of a copy's bandwidth, for forward and backward alone on a GPU."""
_COMPILED = 1.0
_MIDDLE = ("flat", "flat-kept", "nchw", "nchw-kept", "channels-last")

TARGETS = (
    *(Target(case, other, group, most) for case, other, most, _ in _RATIOS for group in _MIDDLE),
    *(Target(case, other, "large", most) for case, other, _, most in _RATIOS),
    *(Target(case.name, "compiled", group, _COMPILED) for case in CASES for group in (*_MIDDLE, "large")),
    *(Target(case.name, "own", "small", _SMALL) for case in CASES),
)


def judge(rows: Mapping[str, Sequence[Timed]], groups: Collection[Group]) -> list[Judged]:
    """Hold every target against the rows of its group, if it is among `groups`; without one: not measured."""
    found = []
    there = {group.name: group for group in groups}
    for target in TARGETS:
        group = there.get(target.group)
        if group is None or (target.against == "compiled" and not group.compiled):
            continue
        mine = [row for row in rows.get(target.group, ()) if row.case == target.case]
        found += [Judged(target, row.elements, ratio(row, "ours", target.against)) for row in mine]
        if not mine:
            found.append(Judged(target, 0, None))
    return found
