"""What running a claim gave: an immutable record, as a JSON file."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from rectifiers.claims._claim import SCALES, Verdict
from rectifiers.claims._readings import Measured
from rectifiers.errors import SchemaError
from rectifiers.records.saving import make_directory, save

__all__ = ["COMMITTED", "PartRecord", "Record", "recorded", "short"]

COMMITTED = Path(__file__).parent / "records"
"""Where the records are kept that come with the package; the pages are made of them."""

_SCHEMA = 1


@dataclass(frozen=True, kw_only=True)
class PartRecord(Measured):
    """What was measured for one part.

    Attributes
    ----------
    says, criterion : str
        What was claimed, and what had to be measured, in words.
    verdict : {"reproduced", "not reproduced", "inconclusive"}
    decides : bool
    """

    says: str
    criterion: str
    verdict: Verdict
    decides: bool

    @property
    def numbers(self) -> str:
        """The measured value with its interval, in words."""
        if self.n == 0 and self.value is not None:
            return short(self.value)
        if self.value is None and self.low is None and self.high is None:
            return "nothing"
        low, high = ("unbounded" if end is None else short(end) for end in (self.low, self.high))
        return f"{short(self.value)} ({low} to {high})"


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

    def to_json(self) -> dict[str, Any]:
        """Return the record as JSON-able values, as ``rectifiers claims run --json`` prints it."""
        return {"schema": _SCHEMA, **dataclasses.asdict(self)}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Rebuild a record from `to_json`."""
        values = dict(value)
        if (schema := values.pop("schema", None)) != _SCHEMA:
            raise SchemaError(f"a record has schema {_SCHEMA}, but this one {schema}: run the claim again")
        return cls(**{**values, "parts": tuple(PartRecord(**part) for part in values["parts"])})

    def write(self, directory: str | Path) -> Path:
        """Write it as ``NAME.SCALE.json`` and return the path."""
        text = json.dumps(self.to_json(), indent=1, ensure_ascii=False, allow_nan=False)
        place = make_directory(directory) / f"{self.claim}.{self.scale}.json"
        return save(f"{text}\n", place)

    def __str__(self) -> str:
        told = [f"{self.claim}: {self.text}, at scale {self.scale}"]
        for part in self.parts:
            aside = "" if part.decides else " [does not decide]"
            told.append(f"  {part.verdict:<14}  {part.says}: {part.numbers} (needs {part.criterion}){aside}")
            if part.note:
                told.append(f"                  {part.note}")
        return "\n".join(told)


def recorded(name: str, directory: Path = COMMITTED) -> dict[str, Record]:
    """Return the records of a claim that come with the package, by scale, the smallest first."""
    paths = [directory / f"{name}.{scale}.json" for scale in SCALES]
    found = [Record.from_json(json.loads(path.read_bytes())) for path in paths if path.is_file()]
    return {record.scale: record for record in found}


def short(value: float | None) -> str:
    """Return a number with three digits that count."""
    return "?" if value is None else f"{value:.3g}".replace("-", "\N{MINUS SIGN}")
