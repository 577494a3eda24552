"""What running a claim gave: an immutable record, as a JSON file."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from rectifiers.claims._claim import SCALES, Claim, Verdict
from rectifiers.claims._words import lines
from rectifiers.errors import SchemaError, StoreError

__all__ = ["COMMITTED", "PartRecord", "Record", "recorded"]

COMMITTED = Path(__file__).parent / "records"
"""Where the records are kept that come with the package; the pages are made of them."""

_SCHEMA = 1


@dataclass(frozen=True)
class PartRecord:
    """What was measured for one part.

    Attributes
    ----------
    says, criterion : str
        What was claimed, and what had to be measured, in words.
    value, low, high : float or None
        What was measured, with its interval; an end that is None is unbounded.
    n : int
        Seeds it rests on; 0 where it is exact.
    margin : float or None
        The study's, where the criterion uses it.
    verdict : {"reproduced", "not reproduced", "inconclusive"}
    decides : bool
    note : str
    """

    says: str
    criterion: str
    value: float | None
    low: float | None
    high: float | None
    n: int
    margin: float | None
    verdict: Verdict
    decides: bool
    note: str = ""


@dataclass(frozen=True)
class Record:
    """What running a claim at a scale gave. Never changed once written.

    Attributes
    ----------
    claim, scale : str
    verdict : {"reproduced", "not reproduced", "inconclusive"}
        Reproduced if all deciding parts are; not reproduced if one of them is not; else inconclusive.
    proxy : bool
        Whether it is about something like the claim only.
    parts : tuple of PartRecord
    plan : str
        Hash of the claim's plan at that scale.
    studies : dict of str
        The recommendation of each study, or why it has none.
    seconds : float
        Processor time of all processes; runs that were there already are not counted.
    environment : dict of str
    made : str
        ISO 8601 date, UTC.
    """

    claim: str
    scale: str
    verdict: Verdict
    proxy: bool
    parts: tuple[PartRecord, ...]
    plan: str
    studies: dict[str, str]
    seconds: float
    environment: dict[str, str]
    made: str

    @property
    def text(self) -> str:
        """The verdict in words; that of a proxy says so."""
        return f"{self.verdict} (proxy)" if self.proxy else self.verdict

    @property
    def command(self) -> str:
        """The command that makes it anew."""
        return f"rectifiers claims run {self.claim} --scale {self.scale}"

    def matches(self, claim: Claim) -> bool:
        """Return whether it was made by the claim as it stands, criteria included."""
        return self.scale in claim.scales and self.plan == claim.hash(self.scale)

    def to_json(self) -> dict[str, Any]:
        """Return the record as JSON-able values, as ``rectifiers claims run --json`` prints it."""
        return {"schema": _SCHEMA, **dataclasses.asdict(self), "parts": [vars(part) for part in self.parts]}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Rebuild a record from `to_json`."""
        values = dict(value)
        if (schema := values.pop("schema", None)) != _SCHEMA:
            raise SchemaError(
                f"a record has schema {_SCHEMA}, but this one has {schema}: run the claim again"
            )
        parts = tuple(PartRecord(**part) for part in values.pop("parts"))
        return cls(**values, parts=parts)

    def write(self, directory: str | Path) -> Path:
        """Write it as ``NAME.SCALE.json`` and return the path."""
        path = Path(directory) / f"{self.claim}.{self.scale}.json"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(self.to_json(), indent=1, ensure_ascii=False, allow_nan=False) + "\n")
        except OSError as error:
            raise StoreError(
                f"cannot write {path}: {error.strerror or error}; choose another --out"
            ) from error
        return path

    def __str__(self) -> str:
        return "\n".join(lines(self))


def recorded(name: str, directory: Path = COMMITTED) -> dict[str, Record]:
    """Return the records of a claim that come with the package, by scale, the smallest first."""
    found = {}
    for scale in SCALES:
        path = directory / f"{name}.{scale}.json"
        if path.is_file():
            found[scale] = Record.from_json(json.loads(path.read_text()))
    return found
