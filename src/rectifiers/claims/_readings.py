"""What a part of a claim measures: a computation, or something about the runs of a study."""

from __future__ import annotations

import hashlib
import inspect
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from rectifiers.errors import ArgumentError, ArgumentTypeError, UnknownNameError
from rectifiers.evidence import paired, share
from rectifiers.records import contrasts
from rectifiers.records.values import Study

if TYPE_CHECKING:
    from rectifiers.claims._claim import Scale

__all__ = [
    "Computed",
    "Difference",
    "Interaction",
    "Lead",
    "Measured",
    "Reading",
    "Share",
    "TimeToTarget",
    "Trend",
    "code_of",
]

_MOST_FAILED = 0.1  # of all seeds


@dataclass(frozen=True)
class Measured:
    """A number and its interval.

    Attributes
    ----------
    value : float or None
        None where it is not known.
    low, high : float or None
        Interval; both equal to `value` where it is exact, None where an end is unbounded.
    n : int
        Seeds it rests on; 0 where it is exact.
    margin : float or None
        Of the study it comes from.
    note : str
        What it leaves out, in one line.
    """

    value: float | None = None
    low: float | None = None
    high: float | None = None
    n: int = 0
    margin: float | None = None
    note: str = ""


class Reading(ABC):
    """What is measured, in the terms of a plan."""

    @abstractmethod
    def cells(self) -> list[tuple[str, str, str]]:
        """Return study, arm and normalisation of all runs that it reads."""

    @abstractmethod
    def read(self, studies: Mapping[str, Study], settings: Mapping[str, Any], alpha: float) -> Measured:
        """Return the number, with an interval that misses with probability `alpha`."""

    def check(self, scale: Scale, where: str) -> None:
        """Raise `ArgumentError` if the plan of a scale does not measure this."""
        for study, arm, norm in self.cells():
            plan = scale.studies.get(study, {})
            for kind, name, known in (
                ("study", study, scale.studies),
                ("arm", arm, plan.get("arms", ())),
                ("norm", norm, plan.get("norms", ("none",))),
            ):
                if name not in known:
                    raise UnknownNameError.of(f"{kind}, read by {where},", name, known)

    def plan(self) -> list[Any]:
        """Return what identifies it: JSON-able values and functions."""
        return [type(self).__name__, *vars(self).values()]


class Computed(Reading):
    """What a function returns for the settings of a scale.

    Parameters
    ----------
    function : callable
        Called with the settings by name. Returns a number, which is exact; or an array of one number per
        seed, whose mean gets Student's interval, or of one truth value per seed, whose share of true ones
        gets the exact interval of a share.
    **arguments
        What this part adds to the settings, or changes in them.
    """

    def __init__(self, function: Callable[..., Any], **arguments: Any) -> None:
        self.function, self.arguments = function, arguments

    def cells(self) -> list[tuple[str, str, str]]:
        """Return nothing: no study is read."""
        return []

    def check(self, scale: Scale, where: str) -> None:
        """Raise if the function does not take the settings."""
        try:
            inspect.signature(self.function).bind(**{**scale.settings, **self.arguments})
        except TypeError as error:
            raise ArgumentError(
                f"{where} calls {self.function.__name__} with the settings: {error}"
            ) from None

    def read(self, studies: Mapping[str, Study], settings: Mapping[str, Any], alpha: float) -> Measured:
        """Call the function and take the interval that belongs to what it returned."""
        found = self.function(**{**settings, **self.arguments})
        values = np.asarray(found, dtype=np.float64)
        if values.ndim == 0:
            exact = float(values)
            return Measured(exact, exact, exact)
        if values.ndim != 1:
            raise ArgumentTypeError(
                f"{self.function.__name__} returns a number or one per seed, but returned "
                f"an array of shape {values.shape}"
            )
        if np.asarray(found).dtype == bool:
            return _share(int(values.sum()), len(values), alpha)
        return Measured(
            *paired.compare(values, np.zeros_like(values), margin=0.0, alpha=alpha).ends, len(values)
        )


@dataclass(frozen=True)
class Difference(Reading):
    """Mean difference of a quantity between an arm and its control, paired by seed.

    Parameters
    ----------
    arm, control, study : str
    norm : str
    quantity : {"metric", "train_loss", "train_error", "gap"}
        See `rectifiers.records.contrasts.series`.
    """

    arm: str
    control: str
    study: str = "main"
    norm: str = "none"
    quantity: str = "metric"
    _contrast: ClassVar[Any] = staticmethod(contrasts.difference)

    def cells(self) -> list[tuple[str, str, str]]:
        """Return the arm and its control."""
        return [(self.study, arm, self.norm) for arm in (self.arm, self.control)]

    def read(self, studies: Mapping[str, Study], settings: Mapping[str, Any], alpha: float) -> Measured:
        """Take Student's interval."""
        study = studies[self.study]
        options = {"norm": self.norm, "quantity": self.quantity, "alpha": alpha}
        return _of(self._contrast(study, self.arm, self.control, **options), study)


@dataclass(frozen=True)
class Interaction(Difference):
    """How much more an arm gains over its control with a normalisation than without it, paired by seed."""

    norm: str = "batch"
    _contrast: ClassVar[Any] = staticmethod(contrasts.interaction)

    def cells(self) -> list[tuple[str, str, str]]:
        """Return both with the normalisation and without."""
        return [(study, arm, norm) for study, arm, with_ in super().cells() for norm in ("none", with_)]


@dataclass(frozen=True)
class TimeToTarget(Difference):
    """How many times sooner an arm reaches the study's target than its control."""

    def check(self, scale: Scale, where: str) -> None:
        """Raise if the study has no target, too."""
        super().check(scale, where)
        if scale.studies[self.study].get("target") is None:
            raise ArgumentError(f"{where} reads a time to target, but study {self.study!r} has no target")

    def read(self, studies: Mapping[str, Study], settings: Mapping[str, Any], alpha: float) -> Measured:
        """Take the median's interval, with censored runs."""
        found = contrasts.speedup(studies[self.study], self.arm, self.control, alpha=alpha)
        told = [
            f"{count} of {found.n} runs of {arm} did not reach the target"
            for arm, count in ((self.arm, found.unreached), (self.control, found.control_unreached))
            if count
        ]
        return Measured(found.ratio, found.low, found.high, found.n, note="; ".join(told))


@dataclass(frozen=True)
class Lead(Reading):
    """How far an arm's metric is above the `place`-th highest of some others, seed by seed.

    Above 0 with place 1 the arm is best; below 0 with the last place but one it is among the two worst.
    """

    arm: str
    others: tuple[str, ...]
    place: int = 1
    study: str = "main"
    norm: str = "none"

    def cells(self) -> list[tuple[str, str, str]]:
        """Return the arm and the others."""
        return [(self.study, arm, self.norm) for arm in (self.arm, *self.others)]

    def read(self, studies: Mapping[str, Study], settings: Mapping[str, Any], alpha: float) -> Measured:
        """Take Student's interval."""
        study = studies[self.study]
        return _of(
            contrasts.lead(study, self.arm, self.others, self.place, norm=self.norm, alpha=alpha), study
        )


@dataclass(frozen=True)
class Share(Reading):
    """Share of an arm's runs whose metric is at least `level`; failed runs are not among them."""

    arm: str
    level: float
    study: str = "main"
    norm: str = "none"

    def cells(self) -> list[tuple[str, str, str]]:
        """Return the arm."""
        return [(self.study, self.arm, self.norm)]

    def read(self, studies: Mapping[str, Study], settings: Mapping[str, Any], alpha: float) -> Measured:
        """Take the exact interval of a share."""
        values = contrasts.series(studies[self.study], self.arm, self.norm)
        return _share(sum(value is not None and value >= self.level for value in values), len(values), alpha)


@dataclass(frozen=True)
class Trend(Reading):
    """How the difference between an arm and its control changes per doubling of a quantity.

    Parameters
    ----------
    arm, control : str
    along : tuple of (float, str)
        The quantity's value and the study at that value.
    norm, quantity : str
    """

    arm: str
    control: str
    along: tuple[tuple[float, str], ...]
    norm: str = "none"
    quantity: str = "metric"

    def cells(self) -> list[tuple[str, str, str]]:
        """Return the arm and its control in every study."""
        return [(study, arm, self.norm) for _, study in self.along for arm in (self.arm, self.control)]

    def read(self, studies: Mapping[str, Study], settings: Mapping[str, Any], alpha: float) -> Measured:
        """Take Student's interval of the slopes of single seeds."""
        levels = {value: studies[study] for value, study in self.along}
        options: dict[str, Any] = {"norm": self.norm, "quantity": self.quantity, "alpha": alpha}
        found = contrasts.trend(levels, self.arm, self.control, **options)
        margin = _margin(studies[self.along[0][1]])
        return Measured(found.slope, found.low, found.high, found.n, margin)


def _share(successes: int, n: int, alpha: float) -> Measured:
    return Measured(successes / n, *share.interval(successes, n, alpha=alpha), n) if n else Measured()


def _margin(study: Study) -> float | None:
    return None if study.margin is None else study.margin.value


def _of(found: paired.PairedComparison, study: Study) -> Measured:
    """Return a comparison, without an interval where so many runs failed that survivors mislead."""
    margin = _margin(study)
    failed = study.plan.seeds - found.n
    note = f"in {failed} of {study.plan.seeds} seeds a run failed" if failed else ""
    if failed > _MOST_FAILED * study.plan.seeds:
        return Measured(found.difference, None, None, found.n, margin, f"{note}: too many for a verdict")
    return Measured(*found.ends, found.n, margin, note)


def code_of(function: Any) -> str:
    """Return a function's name with a hash of the code it shares a module with, and of what claims share.

    Texts and numbers of the module are left out: those that matter are in the plan.
    """
    if not callable(function):
        raise ArgumentTypeError(f"a plan has numbers, texts, lists and functions, but got {function!r}")
    home = function.__module__
    own = []
    for value in map(inspect.unwrap, filter(callable, vars(sys.modules[home]).values())):
        place = getattr(value, "__module__", "") or ""
        shared = inspect.isfunction(value) and place.startswith("rectifiers.claims.")
        if shared or (place == home and (inspect.isfunction(value) or inspect.isclass(value))):
            own.append(inspect.getsource(value))
    digest = hashlib.sha256("\n".join(sorted(own)).encode()).hexdigest()
    return f"{function.__qualname__}:{digest[:16]}"
