"""Tables of results as they come - files, frames, columns, rows - turned into one run per number."""

from __future__ import annotations

import csv
import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from rectifiers.errors import (
    ArgumentError,
    ArgumentTypeError,
    DataError,
    MissingDependencyError,
    UnknownNameError,
)

__all__ = ["Measured", "Results", "read"]

# what a column may be called, in small letters
_USUAL = {
    "arm": "arm activation act method model algorithm variant config",
    "seed": "seed run trial replicate repetition rep fold",
    "value": "value accuracy acc metric score result test_accuracy test_acc val_accuracy val_acc top1 r2 auc "
    "f1 reward loss test_loss val_loss error perplexity",
}
_FAILED = ("", "nan", "na", "n/a", "none", "null", "<na>")
_NOTHING = ("", "nan", "<NA>")  # where a name should be
_INDEX = ("", "unnamed: 0")  # a frame's index, written to a file

Rows = Sequence[tuple[Any, Mapping[str, Any]]]
"""Rows as they are counted by whoever looks them up, each with its cells by column."""


class Measured(NamedTuple):
    """One run as the table has it: `value` is None where there is no finite number, `row` is for messages."""

    arm: str
    seed: str
    value: float | None
    row: Any


@dataclass(frozen=True)
class Results:
    """The runs in a table, in its order.

    `metric` is what its numbers are called, `seeded` says whether runs of one seed belong together, and
    `columns` which columns were taken for what.
    """

    name: str
    metric: str
    runs: tuple[Measured, ...]
    seeded: bool
    columns: str


def read(data: Any, *, arm: str | None, seed: str | None, value: str | None) -> Results:
    """Return the runs in a table; see `rectifiers.judging.judge` for the arguments and what it raises.

    Without a column of arms and one of values, every column but that of the seeds is an arm.
    """
    path = Path(data) if isinstance(data, str | Path) else None
    table = path.name if path else "results"
    rows = list(_file(path) if path else _object(data))
    for place, row in rows:
        if not isinstance(row, Mapping) or not all(isinstance(name, str) for name in row):
            raise ArgumentError(f"every row names its columns, but row {place} is {str(row)[:40]!r}")
    if not rows:
        raise DataError(f"{table} is empty: names of columns and a row per run are needed")
    columns = list(dict.fromkeys(column for _, cells in rows for column in cells))
    given = {"arm": arm, "seed": seed, "value": value}
    arm, seed, value = (_column(columns, kind, name) for kind, name in given.items())
    rest = [name for name in columns if name not in (arm, seed) and name.lower() not in _INDEX]
    if arm is not None and value is None and len(rest) == 1:
        value = rest[0]
    if (arm is None) != (value is None):
        kind = "arm" if arm is None else "value"
        named = ", ".join(columns)
        raise ArgumentError(f"which column holds the {kind}? Say --{kind}-column (columns: {named})")
    if arm is None or value is None:
        found = [(row, cells, name, name) for name in rest for row, cells in rows if name in cells]
        told, metric = "an arm per column" + (f", seed: {seed}" if seed else ""), "metric"
    else:
        found = [(row, cells, _text(cells.get(arm)), value) for row, cells in rows]
        told = f"arm: {arm}, {f'seed: {seed}, ' if seed else ''}value: {value}"
        metric = "metric" if value.lower() in ("value", "result") else value
    runs, count = dict[tuple[str, str], Measured](), Counter[str]()
    for row, cells, name, column in found:
        count[name] += 1
        key = str(count[name]) if seed is None else _text(cells.get(seed))
        if name in _NOTHING or key in _NOTHING:
            lacking = arm if name in _NOTHING else seed
            raise ArgumentError(f"every run has an arm and a seed, but row {row} lacks its {lacking}")
        if (name, key) in runs:
            raise ArgumentError(
                f"an arm has one row per seed, but {name} has seed {key} twice (rows {runs[name, key].row} "
                f"and {row}): keep one, or judge one task at a time"
            )
        runs[name, key] = Measured(name, key, _number(cells.get(column), column, row, arm is None), row)
    return Results(table, metric, tuple(runs.values()), seed is not None, told)


def _column(columns: list[str], kind: str, given: str | None) -> str | None:
    """Return the column that was named, or the one with a usual name; None where there is none."""
    if given is not None:
        if given not in columns:
            raise UnknownNameError.of("column", given, columns)
        return given
    names = {name.strip().lower(): name for name in columns}
    found = [names[usual] for usual in _USUAL[kind].split() if usual in names]
    if len(found) > 1 and kind not in names:
        raise ArgumentError(f"which column holds the {kind}, {' or '.join(found)}? Say --{kind}-column")
    return found[0] if found else None


def _number(cell: Any, column: str, row: Any, wide: bool) -> float | None:
    text = _text(cell)
    if wide and not text:
        hint = "write nan for a run that failed; a run that was never made takes a table of a row per run"
        raise ArgumentError(f"column {column!r} is empty in row {row}: {hint}")
    if text.lower() in _FAILED:
        return None
    try:
        value = float(text)
    except ValueError:
        hint = "; or is it the --arm-column?" if wide else ""
        raise ArgumentError(
            f"column {column!r} holds numbers, but row {row} has {text[:40]!r}{hint}"
        ) from None
    return value if math.isfinite(value) else None


def _text(cell: Any) -> str:
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)  # a seed in a column of floats
    return "" if cell is None else " ".join(str(cell).split())


def _object(data: Any) -> Iterable[tuple[Any, Any]]:
    if hasattr(data, "itertuples"):  # a frame of pandas
        named = data.reset_index() if any(name is not None for name in data.index.names) else data
        return _named(map(str, named.columns), zip(named.index, named.itertuples(index=False), strict=True))
    if isinstance(data, Mapping) and all(map(_is_list, data.values())):
        columns = {str(name): list(cells) for name, cells in data.items()}
        longest = max(map(len, columns.values()), default=0)
        rows = ({n: cells[i] for n, cells in columns.items() if i < len(cells)} for i in range(longest))
        return enumerate(rows, 1)
    if _is_list(data):
        return enumerate(data, 1)
    raise ArgumentTypeError(f"results are a path, a frame, columns or rows, but got {type(data).__name__}")


def _is_list(cells: Any) -> bool:
    return isinstance(cells, Iterable) and not isinstance(cells, str | Mapping)


def _file(path: Path) -> Iterable[tuple[Any, Any]]:
    if not path.is_file():
        raise DataError(f"there is no file {path}")
    try:
        if path.suffix == ".parquet":
            import pandas as pd

            return _object(pd.read_parquet(path))
        lines = path.read_text(encoding="utf-8-sig").strip("\n").split("\n")
        if path.suffix in (".jsonl", ".ndjson"):
            return enumerate(json.loads("[" + ",\n".join(lines) + "]"), 1)  # errors name the line
    except ImportError as error:
        raise MissingDependencyError(f"{path} is read with pyarrow: pip install pyarrow") from error
    except (OSError, ValueError) as error:  # ValueError: of pyarrow or json, or bytes that are no text
        raise DataError(f"cannot read {path}: {error}; it should be CSV, *.jsonl or *.parquet") from error
    table = csv.reader(lines, delimiter=max(",;\t", key=lines[0].count))
    return _named(next(table, []), ((table.line_num, cells) for cells in table if cells))


def _named(names: Iterable[str], rows: Iterable[tuple[Any, Sequence[Any]]]) -> Iterator[tuple[Any, Any]]:
    """Yield rows with their cells by column."""
    names = [name.strip() for name in names]
    if len(set(names)) < len(names):
        raise ArgumentError(f"columns have different names, but these are {', '.join(names)}")
    for row, cells in rows:
        if len(cells) != len(names):
            raise ArgumentError(f"every row has {len(names)} cells like the first, but row {row} has not")
        yield row, dict(zip(names, cells, strict=True))
