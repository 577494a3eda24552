"""What a part of a claim measures: a computation, or something about the runs of a study."""

from __future__ import annotations

import dataclasses
import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from rectifiers.claims._code import code_of
from rectifiers.errors import ArgumentError, ArgumentTypeError, UnknownNameError
from rectifiers.evidence import paired, share
from rectifiers.records import contrasts
from rectifiers.records.values import Study

if TYPE_CHECKING:
    from rectifiers.claims._claim import Scale

__all__ = [
    "Computed",
    "Count",
    "Difference",
    "Interaction",
    "Lead",
    "Measured",
    "Reading",
    "Share",
    "TimeToTarget",
    "Trend",
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

    value: float | None
    low: float | None
    high: float | None
    n: int = 0
    margin: float | None = None
    note: str = ""


class Count(NamedTuple):
    """How many of `n` independent runs did something."""

    successes: int
    n: int


class Reading(ABC):
    """What is measured, in the terms of a plan.

    Attributes
    ----------
    studies, arms, norms : tuple of str
        The studies it reads, and the arms and normalisations in each of them.
    """

    studies: tuple[str, ...] = ()
    arms: tuple[str, ...] = ()
    norms: tuple[str, ...] = ("none",)

    @abstractmethod
    def read(self, studies: Mapping[str, Study], settings: Mapping[str, Any], alpha: float) -> Measured:
        """Return the number, with an interval that misses with probability `alpha`."""

    def check(self, scale: Scale, where: str) -> None:
        """Raise `ArgumentError` if the plan of a scale does not measure this."""
        for study in self.studies:
            if study not in scale.studies:
                raise UnknownNameError.of(f"study, read by {where},", study, scale.studies)
            for arm in self.arms:
                if arm not in scale.arms(study):
                    raise UnknownNameError.of(f"arm, read by {where},", arm, scale.arms(study))
            norms = scale.studies[study].get("norms", ("none",))
            for norm in self.norms:
                if norm not in norms:
                    raise UnknownNameError.of(f"norm, read by {where},", norm, norms)

    def plan(self) -> list[Any]:
        """Return what identifies it, as JSON-able values."""
        return [type(self).__name__, *dataclasses.astuple(self)]  # type: ignore[call-overload]


@dataclass(frozen=True)
class Computed(Reading):
    """What a function returns for the settings of a scale.

    Parameters
    ----------
    function : callable
        Called with the settings by name. Returns a number, which is exact; a `Count`, which gets the
        interval of a share; or an array of one number per seed, whose mean gets Student's interval.
    **arguments
        What this part adds to the settings.
    """

    function: Callable[..., Any]
    arguments: Mapping[str, Any]

    def __init__(self, function: Callable[..., Any], **arguments: Any) -> None:
        object.__setattr__(self, "function", function)
        object.__setattr__(self, "arguments", arguments)

    def check(self, scale: Scale, where: str) -> None:
        """Raise if the function does not take the settings."""
        try:
            inspect.signature(self.function).bind(**scale.settings, **self.arguments)
        except TypeError as error:
            raise ArgumentError(
                f"{where} calls {self.function.__name__} with the settings: {error}"
            ) from None

    def read(self, studies: Mapping[str, Study], settings: Mapping[str, Any], alpha: float) -> Measured:
        """Call the function and take the interval that belongs to what it returned."""
        found = self.function(**settings, **self.arguments)
        if isinstance(found, Count):
            low, high = share.interval(*found, alpha=alpha)
            return Measured(found.successes / found.n, low, high, found.n)
        values = np.asarray(found, dtype=np.float64)
        if values.ndim == 0:
            exact = float(values)
            return Measured(exact, exact, exact)
        if values.ndim != 1:
            raise ArgumentTypeError(
                f"{self.function.__name__} returns a number, a Count or one number per seed, but returned "
                f"an array of shape {values.shape}"
            )
        return _of(paired.compare(values, np.zeros_like(values), margin=0.0, alpha=alpha))

    def plan(self) -> list[Any]:
        """Return the function's name with a hash of its module's code, and the arguments."""
        return ["Computed", code_of(self.function), dict(self.arguments)]


@dataclass(frozen=True)
class _OfStudy(Reading):
    """Something about an arm and its control in one study."""

    arm: str
    control: str
    study: str = "main"
    norm: str = "none"
    quantity: str = "metric"

    def __post_init__(self) -> None:
        object.__setattr__(self, "studies", (self.study,))
        object.__setattr__(self, "arms", (self.arm, self.control))
        object.__setattr__(self, "norms", (self.norm,))


@dataclass(frozen=True)
class Difference(_OfStudy):
    """Mean difference of a quantity between an arm and its control, paired by seed.

    Parameters
    ----------
    arm, control, study : str
    norm : str
    quantity : {"metric", "train_loss", "train_error", "gap"}
        See `rectifiers.records.contrasts.series`.
    """

    def read(self, studies: Mapping[str, Study], settings: Mapping[str, Any], alpha: float) -> Measured:
        """Take Student's interval."""
        study = studies[self.study]
        options: dict[str, Any] = {"norm": self.norm, "quantity": self.quantity, "alpha": alpha}
        return _of(contrasts.difference(study, self.arm, self.control, **options), study)


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

    def __post_init__(self) -> None:
        object.__setattr__(self, "studies", (self.study,))
        object.__setattr__(self, "arms", (self.arm, *self.others))
        object.__setattr__(self, "norms", (self.norm,))

    def read(self, studies: Mapping[str, Study], settings: Mapping[str, Any], alpha: float) -> Measured:
        """Take Student's interval."""
        study = studies[self.study]
        return _of(
            contrasts.lead(study, self.arm, self.others, self.place, norm=self.norm, alpha=alpha), study
        )


@dataclass(frozen=True)
class Interaction(_OfStudy):
    """How much more an arm gains over its control with a normalisation than without it, paired by seed."""

    norm: str = "batch"

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "norms", ("none", self.norm))

    def read(self, studies: Mapping[str, Study], settings: Mapping[str, Any], alpha: float) -> Measured:
        """Take Student's interval of the differences of differences."""
        study = studies[self.study]
        options: dict[str, Any] = {"norm": self.norm, "quantity": self.quantity, "alpha": alpha}
        return _of(contrasts.interaction(study, self.arm, self.control, **options), study)


@dataclass(frozen=True)
class TimeToTarget(_OfStudy):
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
class Share(Reading):
    """Share of an arm's runs whose metric is at least `level`; failed runs are not among them."""

    arm: str
    level: float
    study: str = "main"
    norm: str = "none"

    def __post_init__(self) -> None:
        object.__setattr__(self, "studies", (self.study,))
        object.__setattr__(self, "arms", (self.arm,))
        object.__setattr__(self, "norms", (self.norm,))

    def read(self, studies: Mapping[str, Study], settings: Mapping[str, Any], alpha: float) -> Measured:
        """Take the exact interval of a share."""
        values = contrasts.series(studies[self.study], self.arm, self.norm)
        if not values:
            return Measured(None, None, None)
        successes = sum(value is not None and value >= self.level for value in values)
        low, high = share.interval(successes, len(values), alpha=alpha)
        return Measured(successes / len(values), low, high, len(values))


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

    def __post_init__(self) -> None:
        object.__setattr__(self, "studies", tuple(study for _, study in self.along))
        object.__setattr__(self, "arms", (self.arm, self.control))
        object.__setattr__(self, "norms", (self.norm,))

    def read(self, studies: Mapping[str, Study], settings: Mapping[str, Any], alpha: float) -> Measured:
        """Take Student's interval of the slopes of single seeds."""
        found = contrasts.trend(
            {value: studies[study] for value, study in self.along},
            self.arm,
            self.control,
            norm=self.norm,
            quantity=self.quantity,
            alpha=alpha,
        )
        margin = studies[self.along[0][1]].margin
        return Measured(found.slope, found.low, found.high, found.n, None if margin is None else margin.value)


def _of(found: paired.PairedComparison, study: Study | None = None) -> Measured:
    """Return a comparison, without an interval where so many runs failed that survivors mislead."""
    margin = None if study is None or study.margin is None else study.margin.value
    seeds = found.n if study is None else study.plan.seeds
    note = "" if found.n == seeds else f"in {seeds - found.n} of {seeds} seeds a run failed"
    if seeds - found.n > _MOST_FAILED * seeds:
        return Measured(found.difference, None, None, found.n, margin, f"{note}: too many for a verdict")
    return Measured(found.difference, found.low, found.high, found.n, margin, note)
