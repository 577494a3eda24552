"""Measured figures: as values, and as JSON files that outlive an interrupted run."""

from __future__ import annotations

import datetime
import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.activations.cases import by_name
from benchmarks.activations.settings import Group

__all__ = ["Kept", "Outcome", "Peak", "Ratio", "Timed", "bandwidth", "bandwidth_of", "load", "ratio", "save"]


class Ratio(NamedTuple):
    """A ratio of medians, with the smallest and the largest ratio of one round."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Timed:
    """Seconds of forward and backward, per contestant and round; ``times[one][k]`` belong to one round.

    Contestants are ``ours``, ``own`` (torch's), ``relu`` (torch.relu), ``compiled``, ``copy`` (a copy of the
    input) and what a case has for information. `notes` say why one is missing or differs.
    """

    case: str
    elements: int
    itemsize: int
    times: Mapping[str, Sequence[float]]
    notes: Mapping[str, str] = field(default_factory=dict)
    ran: str = ""


@dataclass(frozen=True)
class Kept:
    """Bytes per element of input that are kept for backward, in total and beyond input and output."""

    case: str
    ours: tuple[float, float]
    own: tuple[float, float]


@dataclass(frozen=True)
class Peak:
    """Bytes that are alive at the peak of a training step."""

    case: str
    ours: int
    own: int


@dataclass(frozen=True)
class Outcome:
    """What one group gave: rows of its kind, or why there are none."""

    group: str
    fingerprint: str
    when: str
    notes: tuple[str, ...] = ()
    timed: tuple[Timed, ...] = ()
    kept: tuple[Kept, ...] = ()
    peak: tuple[Peak, ...] = ()
    failure: str = ""


def ratio(row: Timed, one: str, other: str) -> Ratio | None:
    """Return how long `one` takes in units of `other`; None if either was not measured."""
    if not (row.times.get(one) and row.times.get(other)):
        return None
    rounds = [a / b for a, b in zip(row.times[one], row.times[other], strict=True)]
    value = statistics.median(row.times[one]) / statistics.median(row.times[other])
    return Ratio(value, min(rounds), max(rounds))


def bandwidth(row: Timed, who: str) -> float | None:
    """Return the bandwidth of forward and backward over that of a plain copy.

    It counts the fewest bytes the activation can move, whoever runs it: above 1 is possible where a copy
    does not reach what reading or writing alone does.
    """
    found = ratio(row, "copy", who)
    if found is None:
        return None
    return found.value * by_name(row.case).bytes_moved(row.itemsize) / (2.0 * row.itemsize)


def bandwidth_of(row: Timed, who: str, direction: str) -> Ratio | None:
    """Return the bandwidth of forward or backward alone over that of a plain copy."""
    found = ratio(row, "copy", f"{who} {direction}")
    if found is None:
        return None
    share = by_name(row.case).bytes_of(direction, row.itemsize) / (2.0 * row.itemsize)
    return Ratio(*(share * value for value in found))


def now() -> str:
    """Return the date and time to the minute."""
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")


def place(cache: Path, device: str, group: Group) -> Path:
    """Return the file of a group's outcome."""
    return cache / f"{device}-{group.name}.json"


def save(outcome: Outcome, path: Path) -> None:
    """Write an outcome; its directory is made, and left out of version control."""
    path.parent.mkdir(parents=True, exist_ok=True)
    (path.parent / ".gitignore").write_text("*\n", encoding="utf-8")
    path.write_text(json.dumps(asdict(outcome), indent=1), encoding="utf-8")


def load(path: Path, fingerprint: str) -> Outcome | None:
    """Return an outcome that was measured with the same code, settings and machine, if there is one."""
    if not path.is_file():
        return None
    raw: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if raw["fingerprint"] != fingerprint:
        return None
    return Outcome(
        raw["group"],
        raw["fingerprint"],
        raw["when"],
        tuple(raw["notes"]),
        tuple(Timed(**row) for row in raw["timed"]),
        tuple(Kept(row["case"], tuple(row["ours"]), tuple(row["own"])) for row in raw["kept"]),
        tuple(Peak(**row) for row in raw["peak"]),
        raw["failure"],
    )
