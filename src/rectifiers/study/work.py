"""The one thing runners, race, store and report know of a training: it turns trials into records."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from rectifiers.records.events import EpochFinished
from rectifiers.records.values import Notice, Plan, Run, Trial

__all__ = ["TRIES", "Wanted", "Work", "always", "now"]

TRIES = 3
"""Of a trial whose process dies, before it has crashed: it may have been killed by mistake."""

Wanted = Callable[[Trial], bool]
"""Says whether anybody still waits for a trial that is under way."""


class Work(ABC):
    """A plan with what carries out its trials: the built-in loop, a function of the user's, or a command.

    Attributes
    ----------
    plan : Plan
    environment : mapping of str
        What it runs on, for the record.
    warnings : tuple of Notice
        What the reader of the result must know already.
    options : mapping of str, or None
        What stands for a training of the user's on a command line; None where nothing can, or need.
    parallel : {"processes", "threads"}
        What trials need to run side by side: processes, unless each starts one itself.
    """

    plan: Plan
    environment: Mapping[str, str]
    warnings: tuple[Notice, ...]
    options: Mapping[str, Any] | None = None
    parallel: ClassVar[Literal["processes", "threads"]] = "processes"

    @abstractmethod
    def train(self, trial: Trial, wanted: Wanted = ...) -> Generator[EpochFinished | Run]:
        """Carry out one trial: tell of its epochs, and end with its record.

        No record comes of a trial that ended because it was not `wanted` any more.
        """

    def lost(self, trial: Trial, reason: str) -> Run:
        """Return the record of a trial whose process was lost."""
        return Run(trial, "crashed", reason, started=now())

    @property
    def shared(self) -> Mapping[str, Any]:
        """Fields too large to be sent to each process, by name: tensors, and views of them."""
        return {}

    @property
    def usual_jobs(self) -> int | None:
        """How many trials run side by side unless the user says; None for as many as there are cores."""
        return None if self.plan.device == "cpu" else 1

    def at(self, directory: Path) -> Self:
        """Return the same for a study that is kept in a directory."""
        return self

    def seconds(self, arm: str, norm: str) -> float | None:
        """Return how long a trial takes by estimate; None where that is not known before one was made."""
        return None

    def changed(self) -> str | None:
        """Return, in another process, what is not the same there; None where everything is."""
        return None

    def log(self, trial: Trial) -> Path | None:
        """Return the file with what a trial printed; None where nothing is kept."""
        return None


def always(trial: Trial) -> bool:
    """Return that a trial is wanted."""
    return True


def now() -> str:
    """Return the time as records have it: ISO 8601, UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")
