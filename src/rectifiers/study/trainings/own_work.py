"""What all work by a training of the user's has in common: what stands for it, and where its trials write."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from rectifiers.records.values import Notice, Plan
from rectifiers.records.values import Trial as Planned
from rectifiers.study.work import Work

__all__ = ["OwnWork"]


@dataclass(frozen=True)
class OwnWork(Work):
    """A plan whose trials the user's own training carries out; the rest is as `Work` says.

    Attributes
    ----------
    directory : Path, optional
        That of the study, whose ``trials`` keeps what trials write and print.
    """

    plan: Plan
    _: KW_ONLY
    environment: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[Notice, ...] = ()
    options: Mapping[str, Any] | None = None
    directory: Path | None = None

    def at(self, directory: Path) -> Self:
        """See `Work`."""
        return replace(self, directory=directory.resolve())

    def log(self, trial: Planned) -> Path:
        """See `Work`."""
        assert self.directory is not None
        return self.directory / "trials" / f"{trial.key[:16]}.txt"

    def place(self, trial: Planned) -> Path:
        """Return a trial's own directory, without what an attempt that was killed has left in it."""
        place = self.log(trial).with_suffix("")
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        return place
