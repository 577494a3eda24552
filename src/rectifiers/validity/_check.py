"""What a check is, what it looks at, and how the checks are run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from rectifiers.errors import ArgumentError, UnknownNameError
from rectifiers.records.values import Notice, Plan, Run, Study

if TYPE_CHECKING:
    from rectifiers.tasks import Data

__all__ = ["CHECKS", "Check", "Finding", "Probe", "Seen", "allowed", "at_end", "before", "listed", "withheld"]

Cell = tuple[str, str]
_LISTED = 6
Severity = Literal["refused", "withheld", "warned"]


@dataclass(frozen=True)
class Seen:
    """What one arm under one norm was seen to do before training: plain values, no model is kept for them.

    Where the arm's modules cannot be told from others, in TorchScript and where models share layers, all that
    is about what ran is left at its default.

    Attributes
    ----------
    made, ran : int
        How many modules `build` made of the arm, and how many of them ran on a batch.
    matters : bool
        Whether the model's answer changes with what they put out.
    outputs : str
        SHA-256 of what they put out, from the weights that all arms share; -0.0 counts as 0.0.
    fixed : tuple of str
        Activations that ran although the arm did not make them, each with its place.
    varied : tuple of str
        Places at which the arm's own modules ran.
    per_position : tuple of str
        Learned slopes that belong to positions rather than to features, each with its place.
    shared : tuple of str
        Layers that learn, or change otherwise, and that the model built just before has as well.
    same_start : bool
        Whether the initial weights are the same under seeds 0 and 1.
    """

    made: int = 0
    ran: int = 0
    matters: bool = True
    outputs: str = ""
    fixed: tuple[str, ...] = ()
    varied: tuple[str, ...] = ()
    per_position: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()
    same_start: bool = False


@dataclass(frozen=True)
class Probe:
    """What is known of a study before anything is trained.

    Attributes
    ----------
    plan : Plan
    data : Data
    cells : mapping of (arm, norm) to Seen
    overlap : int
        Training samples of the user's own data that are in its test part as well.
    """

    plan: Plan
    data: Data
    cells: Mapping[Cell, Seen]
    overlap: int = 0

    def all_of(self, name: str) -> tuple[str, ...]:
        """Return the different values of a tuple in `Seen`, over all cells whose activation matters."""
        seen = [seen for seen in self.cells.values() if seen.matters]
        return tuple(dict.fromkeys(value for one in seen for value in getattr(one, name)))

    def naming(self, cells: Iterable[Cell]) -> str:
        """Return " (arms a and b)" for some of the arms; nothing for all of them."""
        arms = tuple(dict.fromkeys(arm for arm, _ in cells))
        if len(arms) == len(self.plan.arms):
            return ""
        return f" (arm{'s' if len(arms) > 1 else ''} {' and '.join(arms)})"


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
        How it goes wrong, for the documentation: of a check before training, the user's file, which defines
        what of `build`, `load` and `arms` is not the default; of one at the end, a table or words.
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


def listed(names: Sequence[str]) -> str:
    """Return names in a line, the first six of them."""
    more = [f"and {len(names) - _LISTED} more"] if len(names) > _LISTED else []
    return ", ".join([*names[:_LISTED], *more])


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


def withheld(notices: Iterable[Notice], plan: Plan) -> list[Notice]:
    """Return the notices that leave a study without verdicts: those that its plan does not allow."""
    return [notice for notice in notices if notice.severity == "withheld" and notice.code not in plan.allow]


def allowed(codes: str | Iterable[str]) -> tuple[str, ...]:
    """Return the codes a user overrules, also as text with commas; each must be that of a check."""
    split = [code.strip() for code in codes.split(",")] if isinstance(codes, str) else codes
    given = tuple(dict.fromkeys(filter(None, split)))
    for code in given:
        if code not in CHECKS:
            raise UnknownNameError.of("check", code, CHECKS)
    return given
