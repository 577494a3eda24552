"""Where a trial of the user's own training writes."""

from __future__ import annotations

import shutil
from pathlib import Path

from rectifiers.records.values import Trial

__all__ = ["emptied", "log_of", "place_of"]


def place_of(directory: Path | None, trial: Trial) -> Path:
    """Return a trial's own directory, in that of the study."""
    assert directory is not None
    return directory / "trials" / trial.key[:16]


def log_of(directory: Path | None, trial: Trial) -> Path:
    """Return the file with what a trial printed, beside its directory."""
    return place_of(directory, trial).with_suffix(".txt")


def emptied(place: Path) -> Path:
    """Return a directory without what an attempt that was killed has left in it."""
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    return place
