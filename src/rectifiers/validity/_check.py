"""What a check is, what it looks at, and how the checks are run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from rectifiers.errors import ArgumentError, UnknownNameError
from rectifiers.records.values import Notice, Plan, Run, Study

if TYPE_CHECKING:
    from torch import Tensor, nn

    from rectifiers.arms import Arm
    from rectifiers.tasks import Data

__all__ = ["CHECKS", "Check", "Finding", "Probe", "Seen", "allowed", "at_end", "before"]

Cell = tuple[str, str]
Severity = Literal["refused", "withheld", "warned"]


@dataclass(frozen=True)
class Seen:
    """What one arm under one norm was seen to do before training.

    Attributes
    ----------
    models : tuple of nn.Module
        Two, built one after the other under seeds 0 and 1, initialised as the plan says.
    proofs : tuple of str
        Hashes of their initial weights.
    made : tuple of nn.Module
        The activation modules that the arm made for a third model, built under seed 0 and left as it drew its
        weights, in training mode.
    called : int
        How many of them ran when that model was given a batch.
    output : Tensor
        Its answer, so that arms can be compared from the same weights.
    fixed : tuple of str
        Activations that ran although the arm did not make them, each with its place.
    varied : tuple of str
        Places at which the arm's own modules ran.
    inputs : tuple of (nn.Module, tuple of int)
        The arm's modules that ran, with the shape of what each was given.
    """

    models: tuple[nn.Module, nn.Module]
    proofs: tuple[str, str]
    made: tuple[nn.Module, ...]
    called: int
    output: Tensor
    fixed: tuple[str, ...] = ()
    varied: tuple[str, ...] = ()
    inputs: tuple[tuple[nn.Module, tuple[int, ...]], ...] = ()


@dataclass(frozen=True)
class Probe:
    """What is known of a study before anything is trained.

    Attributes
    ----------
    plan : Plan
    data : Data
    arms : mapping of str to Arm
    cells : mapping of (arm, norm) to Seen
    """

    plan: Plan
    data: Data
    arms: Mapping[str, Arm]
    cells: Mapping[Cell, Seen]


@dataclass(frozen=True)
class Finding:
    """What a check found, in one line, and its severity where that is not the check's."""

    text: str
    severity: Severity | None = None


Before = Callable[[Probe], Iterable[Finding]]
AtEnd = Callable[[Study, Mapping[Cell, tuple[Run, ...]]], Iterable[Finding]]


@dataclass(frozen=True)
class Check:
    """One rule that a study must keep to mean anything.

    Attributes
    ----------
    code : str
        Stable name, as in ``--allow CODE``.
    severity : {"refused", "withheld", "warned"}
        Of what it finds.
    rule : str
        What must hold, in a sentence.
    remedy : str
        What to do where it does not, in a sentence.
    before : callable, optional
        Looks at a `Probe` before training.
    at_end : callable, optional
        Looks at the records: a study and, per (arm, norm), the runs that decide.
    example : str
        How it goes wrong, as code or in words: for the documentation.
    """

    code: str
    severity: Severity
    rule: str
    remedy: str
    before: Before | None = None
    at_end: AtEnd | None = None
    example: str = ""

    def __post_init__(self) -> None:
        if self.code in CHECKS:
            raise ValueError(f"two checks are called {self.code!r}")
        CHECKS[self.code] = self


CHECKS: dict[str, Check] = {}


def before(probe: Probe) -> tuple[Notice, ...]:
    """Run the checks that come before training.

    Returns
    -------
    tuple of Notice
        What is warned of or withheld.

    Raises
    ------
    ArgumentError
        For what is refused, unless the plan allows it.
    """
    notices = []
    for check in CHECKS.values():
        for finding in check.before(probe) if check.before else ():
            severity = finding.severity or check.severity
            text = f"{finding.text}: {check.remedy}"
            if severity != "refused":
                notices.append(Notice(check.code, text, severity))
            elif check.code in probe.plan.allow:
                notices.append(Notice(check.code, text))
            else:
                raise ArgumentError(f"{text} (or --allow {check.code})")
    return tuple(notices)


def at_end(study: Study, runs: Mapping[Cell, tuple[Run, ...]]) -> Iterator[Notice]:
    """Run the checks on what was measured; needs no torch."""
    for check in CHECKS.values():
        for finding in check.at_end(study, runs) if check.at_end else ():
            severity = finding.severity or check.severity
            assert severity != "refused"
            yield Notice(check.code, f"{finding.text}: {check.remedy}", severity)


def allowed(codes: Iterable[str]) -> tuple[str, ...]:
    """Return the codes a user overrules, each of which must be that of a check."""
    listed = tuple(dict.fromkeys(codes))
    for code in listed:
        if code not in CHECKS:
            raise UnknownNameError.of("check", code, CHECKS)
    return listed
