"""What a claim is: a statement, criteria that are written before anything runs, and what is run, as data."""

from __future__ import annotations

import dataclasses
import inspect
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from rectifiers.claims._readings import Reading, code_of
from rectifiers.comparison import compare
from rectifiers.errors import ArgumentError, UnknownNameError
from rectifiers.records.trial import content_hash

__all__ = ["SCALES", "Claim", "Criterion", "Part", "Scale", "Verdict"]

Verdict = Literal["reproduced", "not reproduced", "inconclusive"]
SCALES = ("quick", "desk", "full")
_DIRECTIONS = ("above", "below", "within")


@dataclass(frozen=True)
class Criterion:
    """What has to be measured for a part of a claim to count as reproduced.

    Parameters
    ----------
    direction : {"above", "below", "within"}
        On which side of `size` the claim says that the measured quantity is.
    size : float
        In the unit of the quantity.
    tolerance : float or "margin"
        At least 0. For ``"within"`` the largest distance from `size` that still agrees with the claim; else
        the smallest excess over `size` worth caring about. ``"margin"`` is that of the study, which is fixed
        before its deciding runs.

    Raises
    ------
    ArgumentError
        Without a direction, a finite size, or a tolerance.
    """

    direction: str = ""  # what is left out is refused in words
    size: float = math.nan
    tolerance: float | Literal["margin"] = math.nan

    def __post_init__(self) -> None:
        if self.direction not in _DIRECTIONS:
            raise ArgumentError(
                f"a criterion has a direction, one of {', '.join(_DIRECTIONS)}, but got {self.direction!r}: "
                "say on which side of its size the claim is"
            )
        if not isinstance(self.size, int | float) or not math.isfinite(self.size):
            raise ArgumentError(f"a criterion has a size, a finite number, but got {self.size!r}")
        number = isinstance(self.tolerance, int | float) and 0 <= self.tolerance < math.inf
        if not number and self.tolerance != "margin":
            raise ArgumentError(
                f"a criterion has a tolerance, a number >= 0 or 'margin', but got {self.tolerance!r}"
            )

    def reach(self, margin: float | None) -> float | None:
        """Return the tolerance as a number; None where it is the margin of a study that has none."""
        return margin if isinstance(self.tolerance, str) else self.tolerance

    def verdict(self, low: float | None, high: float | None, margin: float | None = None) -> Verdict:
        """Return what an interval says; None is an end that is unbounded.

        An interval whose excess over `size` is below the tolerance does not reproduce ``"above"``, even where
        it leaves out `size`: whatever excess there is, it is too small to care about.
        """
        tolerance = self.reach(margin)
        if tolerance is None:  # the study did not get so far
            return "inconclusive"
        below = -math.inf if low is None else low - self.size
        above = math.inf if high is None else high - self.size
        if self.direction == "below":
            below, above = -above, -below
        if self.direction == "within":
            if -tolerance <= below and above <= tolerance:
                return "reproduced"
            return "not reproduced" if below > tolerance or above < -tolerance else "inconclusive"
        if above <= 0 or above < tolerance:
            return "not reproduced"
        return "reproduced" if below > 0 else "inconclusive"

    def __str__(self) -> str:
        tolerance = "the margin" if self.tolerance == "margin" else f"{self.tolerance:g}"
        if self.direction == "within":
            return f"{self.size:g} ± {tolerance}"
        return f"{self.direction} {self.size:g}" + (f", by {tolerance}" if self.tolerance else "")


@dataclass(frozen=True)
class Part:
    """One thing that a claim says, and by what it is decided.

    Parameters
    ----------
    says : str
        In a few words.
    reads : Reading
        What is measured: `Computed`, `Difference`, `Interaction`, `TimeToTarget`, `Share`, `Trend`.
    criterion : Criterion
    decides : bool
        Whether the verdict of the claim rests on it. Other readings of a claim, and what explains it, are
        shown with verdicts of their own.
    """

    says: str
    reads: Reading
    criterion: Criterion = None  # type: ignore[assignment]  # left out, it is refused in words
    decides: bool = True

    def __post_init__(self) -> None:
        if not isinstance(self.criterion, Criterion):
            raise ArgumentError(
                f"a part has a criterion, written before anything runs, but {self.says!r} has none: "
                "Criterion(direction, size, tolerance)"
            )


@dataclass(frozen=True)
class Scale:
    """What is run at one scale.

    Parameters
    ----------
    minutes : float
        About how long it takes on two cores.
    changes : str
        What differs from the set-up of the source, in a sentence; empty where nothing does.
    proxy : bool
        Whether that is so much that the verdict is about something like the claim, not the claim.
    studies : mapping of str to mapping
        Arguments of `rectifiers.compare` by the name that readings give the study; each with `seeds`, since a
        criterion that is written beforehand is held against a number of runs that is fixed beforehand.
    settings : mapping
        Arguments of every `Computed` function.
    """

    minutes: float
    changes: str = ""
    proxy: bool = False
    studies: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.proxy and not self.changes:
            raise ArgumentError("a proxy says what it changes, but got proxy=True and changes=''")
        known = inspect.signature(compare).parameters.keys() - {"out", "progress", "report", "execution"}
        for name, study in self.studies.items():
            for argument in study.keys() - known:
                raise UnknownNameError.of(f"argument of study {name!r}", argument, known)
            if not isinstance(study.get("arms"), list | tuple | Mapping):
                raise ArgumentError(
                    f"study {name!r} lists its arms, or maps labels to them: arms=('relu', 'elu')"
                )
            if not isinstance(study.get("seeds"), int):
                raise ArgumentError(
                    f"study {name!r} fixes its number of seeds, since its criterion is fixed, but got "
                    f"seeds={study.get('seeds')!r}"
                )


@dataclass(frozen=True)
class Claim:
    """Something that has been said about rectifiers, in a form in which it can fail.

    Parameters
    ----------
    name : str
        Lower-case words with hyphens.
    title : str
        The claim in one line.
    statement : str
        What was claimed, in our words.
    source : str
        Who said it and where: paper, section, figure; or a post's title and year.
    parts : sequence of Part
    scales : mapping of str to Scale
        By ``"quick"``, ``"desk"`` and ``"full"``; one is enough.
    remarks : str
        How it is tested, and what else a reader of the result should know.

    Raises
    ------
    ArgumentError
        If something is missing, or a part reads what no scale measures.
    """

    name: str
    title: str
    statement: str
    source: str
    parts: Sequence[Part]
    scales: Mapping[str, Scale]
    remarks: str = ""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", self.name):
            raise ArgumentError(f"a claim's name is lower-case words with hyphens, but got {self.name!r}")
        for name in ("title", "statement", "source"):
            if not getattr(self, name):
                raise ArgumentError(f"claim {self.name!r} needs a {name}")
        if not any(part.decides for part in self.parts):
            raise ArgumentError(f"claim {self.name!r} has no part with a criterion that decides it")
        if not self.scales or not set(self.scales) <= set(SCALES):
            raise ArgumentError(
                f"claim {self.name!r} has scales among {', '.join(SCALES)}, but got {', '.join(self.scales)}"
            )
        for key, scale in self.scales.items():
            for part in self.parts:
                part.reads.check(scale, f"claim {self.name!r}, {key}, {part.says!r}")

    def plan(self, scale: str) -> dict[str, Any]:
        """Return all that determines a verdict at a scale, as JSON-able values: `hash` is taken of it."""
        at = self.scale(scale)
        parts = [(p.says, p.reads.plan(), dataclasses.astuple(p.criterion), p.decides) for p in self.parts]
        found = {"parts": parts, "proxy": at.proxy, "studies": at.studies, "settings": at.settings}
        plain: dict[str, Any] = json.loads(json.dumps(found, default=code_of))
        return plain

    def hash(self, scale: str) -> str:
        """Return the SHA-256 (hex) of `plan`."""
        return content_hash(self.plan(scale))

    def scale(self, name: str) -> Scale:
        """Return one of the scales.

        Raises
        ------
        UnknownNameError
            If the claim has none of that name.
        """
        if name not in self.scales:
            raise UnknownNameError.of(f"scale of claim {self.name!r}", name, self.scales)
        return self.scales[name]
