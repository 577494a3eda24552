"""What the activations are meant to reach, and whether they do."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.activations.cases import CASES
from benchmarks.activations.results import Ratio, Timed, ratio
from benchmarks.activations.settings import Group

__all__ = ["AS_FAST", "ENOUGH", "FASTER", "OWN", "OWN_RANDOM", "Judged", "Target", "judge", "targets"]


@dataclass(frozen=True)
class Target:
    """The largest time in a group that is fine, in units of that of torch's own."""

    case: str
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


FASTER = 0.8
"""Of the time of torch's own, on large tensors: what a kernel is there for."""
AS_FAST = 1.25
"""The same where a kernel is there to keep a thirty-second of the bytes: ReLU and LeakyReLU."""
OWN = 1.15
"""The same where torch's own operations run, and on small tensors."""
OWN_RANDOM = 1.5
"""The same of RReLU in training, on small tensors."""
ENOUGH = 0.9
"""Of a copy's bandwidth, for forward and backward alone on a GPU."""
_FASTER = {
    "cpu": ("prelu", "rrelu", "elu", "selu", "celu", "crelu", "maxout"),
    "cuda": ("rrelu", "crelu", "maxout"),
}


def targets(device: str) -> list[Target]:
    """Return all targets for a device."""
    groups = ("flat", "flat-kept", "nchw", "nchw-kept", "channels-last", "large", "small")
    return [Target(case.name, group, _most(device, case.name, group)) for group in groups for case in CASES]


def _most(device: str, case: str, group: str) -> float:
    if group == "small":
        return OWN_RANDOM if case == "rrelu" else OWN
    if case in _FASTER[device]:
        return FASTER
    return AS_FAST if case in ("relu", "leaky_relu") and group == "large" else OWN


def judge(device: str, rows: Mapping[str, Sequence[Timed]], groups: Collection[Group]) -> list[Judged]:
    """Hold every target against the rows of its group, if it is among `groups`; without one: not measured."""
    found = []
    there = {group.name: group for group in groups}
    for target in targets(device):
        group = there.get(target.group)
        if group is None:
            continue
        mine = [row for row in rows.get(target.group, ()) if row.case == target.case]
        found += [Judged(target, row.elements, ratio(row, "ours", "own")) for row in mine]
        if not mine:
            found.append(Judged(target, 0, None))
    return found
