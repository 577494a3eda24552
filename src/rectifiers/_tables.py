"""Tables of results as they come - files, frames, columns, rows - turned into one run per number."""

from __future__ import annotations

import csv
import dataclasses
import json
import math
from collections.abc import Iterable, Iterator, Mapping
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
_INDEX = ("", "unnamed: 0")  # a frame's index, written to a file


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


@dataclass(frozen=True)
class _Table:
    """Rows as they are counted by whoever looks them up, each with its cells by column."""

    name: str
    rows: list[tuple[Any, Mapping[str, Any]]]

    @property
    def columns(self) -> list[str]:
        return list(dict.fromkeys(name for _, cells in self.rows for name in cells))


def read(data: Any, *, arm: str | None, seed: str | None, value: str | None, wide: bool) -> Results:
    """Return the runs in a table; see `rectifiers.judging.judge` for the arguments and what it raises."""
    table = _file(Path(data)) if isinstance(data, str | Path) else _object(data)
    if not table.rows:
        raise DataError(f"{table.name} is empty: names of columns and a row per run are needed")
    seed = _column(table, "seed", seed)
    if not wide:
        arm, value = _column(table, "arm", arm), _column(table, "value", value)
    if wide or (arm is None and _is_wide(table, seed)):
        results = _wide(table, seed)
    else:
        results = _long(table, arm, seed, value)
    seen: dict[tuple[str, str], Any] = {}
    for run in results.runs:
        if (run.arm, run.seed) in seen:
            raise ArgumentError(
                f"an arm has one row per seed, but {run.arm} has seed {run.seed} twice (rows "
                f"{seen[run.arm, run.seed]} and {run.row}): keep one, or judge one task at a time"
            )
        seen[run.arm, run.seed] = run.row
    return results


def _long(table: _Table, arm: str | None, seed: str | None, value: str | None) -> Results:
    rest = [name for name in table.columns if name not in (arm, seed) and name.lower() not in _INDEX]
    if value is None and len(rest) == 1:
        value = rest[0]
    if arm is None or value is None:
        kind = "arm" if arm is None else "value"
        raise ArgumentError(
            f"which column holds the {kind}? Say --{kind}-column, or --wide if every column is an arm "
            f"(columns: {', '.join(table.columns)})"
        )
    runs, count = [], dict[str, int]()
    for row, cells in table.rows:
        name = _text(cells.get(arm))
        count[name] = count.get(name, 0) + 1
        key = str(count[name]) if seed is None else _text(cells.get(seed))
        if not (name and key):
            raise ArgumentError(
                f"every run has an arm and a seed, but row {row} lacks its {arm if key else seed}"
            )
        runs.append(Measured(name, key, _number(cells.get(value), value, row), row))
    told = f"arm: {arm}, {f'seed: {seed}, ' if seed else ''}value: {value}"
    metric = "metric" if value.lower() in ("value", "result") else value
    return Results(table.name, metric, tuple(runs), seed is not None, told)


def _wide(table: _Table, seed: str | None) -> Results:
    seed = seed or next((name for name in table.columns if name.lower() in _INDEX), None)
    arms = [name for name in table.columns if name != seed]
    runs = tuple(
        Measured(arm, str(i) if seed is None else _text(cells.get(seed)), _number(cells[arm], arm, row), row)
        for arm in arms
        for i, (row, cells) in enumerate(table.rows, 1)
        if arm in cells
    )
    full = len(runs) == len(arms) * len(table.rows)
    told = f"an arm per column, {'a seed per row' if seed is None else f'seed: {seed}'}"
    return Results(table.name, "metric", runs, seed is not None or full, told)


def _is_wide(table: _Table, seed: str | None) -> bool:
    arms = [name for name in table.columns if name != seed and name.lower() not in _INDEX]
    try:
        numbers = [_number(cells[arm], arm, row) for row, cells in table.rows for arm in arms if arm in cells]
    except ArgumentError:
        return False
    return len(arms) > 1 and any(number is not None for number in numbers)


def _column(table: _Table, kind: str, given: str | None) -> str | None:
    """Return the column that was named, or the one with a usual name; None where there is none."""
    if given is not None:
        if given not in table.columns:
            raise UnknownNameError.of("column", given, table.columns)
        return given
    names = {name.strip().lower(): name for name in table.columns}
    found = [names[usual] for usual in _USUAL[kind].split() if usual in names]
    if len(found) > 1 and kind not in names:
        raise ArgumentError(f"which column holds the {kind}, {' or '.join(found)}? Say --{kind}-column")
    return found[0] if found else None


def _number(cell: Any, column: str, row: Any) -> float | None:
    text = _text(cell)
    if text.lower() in _FAILED:
        return None
    try:
        value = float(text)
    except ValueError:
        raise ArgumentError(f"column {column!r} holds numbers, but row {row} has {text[:40]!r}") from None
    return value if math.isfinite(value) else None


def _text(cell: Any) -> str:
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)  # a seed in a column of floats
    return "" if cell is None else " ".join(str(cell).split())


def _object(data: Any) -> _Table:
    if hasattr(data, "to_dict") and hasattr(data, "reset_index"):  # a frame of pandas
        named = data.reset_index() if any(name is not None for name in data.index.names) else data
        rows = named.rename(columns=str).to_dict("records")
        return _of_rows("results", zip(named.index.tolist(), rows, strict=True))
    if isinstance(data, Mapping):
        columns = {str(name): list(cells) for name, cells in data.items() if _is_list(cells)}
        if len(columns) == len(data):
            longest = max(map(len, columns.values()), default=0)
            rows = [{n: cells[i] for n, cells in columns.items() if i < len(cells)} for i in range(longest)]
            return _of_rows("results", enumerate(rows, 1))
    elif isinstance(data, Iterable):
        return _of_rows("results", enumerate(data, 1))
    raise ArgumentTypeError(f"results are a path, a frame, columns or rows, but got {type(data).__name__}")


def _is_list(cells: Any) -> bool:
    return isinstance(cells, Iterable) and not isinstance(cells, str | Mapping)


def _of_rows(name: str, rows: Iterable[tuple[Any, Any]]) -> _Table:
    table = _Table(name, list(rows))
    for place, row in table.rows:
        if not isinstance(row, Mapping):
            raise ArgumentError(f"every row names its columns, but row {place} is {str(row)[:40]!r}")
    return table


def _file(path: Path) -> _Table:
    if not path.is_file():
        raise DataError(f"there is no file {path}")
    try:
        if path.suffix == ".parquet":
            return dataclasses.replace(_object(_parquet(path)), name=path.name)
        text = path.read_text(encoding="utf-8-sig")
        if path.suffix in (".jsonl", ".ndjson"):
            lines = [(i, line) for i, line in enumerate(text.splitlines(), 1) if line.strip()]
            return _of_rows(path.name, [(i, _json(line, i)) for i, line in lines])
    except ArgumentError:
        raise
    except (OSError, ValueError) as error:  # ValueError: of pyarrow, or bytes that are no text
        raise DataError(f"cannot read {path}: {error}; it should be CSV, *.jsonl or *.parquet") from error
    return _Table(path.name, list(_csv(path, text)))


def _json(line: str, row: int) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        raise ArgumentError(f"every row is a JSON object, but row {row} is {line[:40]!r}") from None


def _parquet(path: Path) -> Any:
    import pandas as pd

    try:
        return pd.read_parquet(path)
    except ImportError as error:
        raise MissingDependencyError(f"{path} is read with pyarrow: pip install pyarrow") from error


def _csv(path: Path, text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    lines = text.splitlines()
    delimiter = max(",;\t", key=(lines or [""])[0].count)
    reader = csv.DictReader(lines, delimiter=delimiter, restkey="", restval=None)
    names = [name.strip() for name in reader.fieldnames or ()]
    reader.fieldnames = names
    if len(set(names)) < len(names):
        raise ArgumentError(f"columns have different names, but {path} has {', '.join(names)}")
    for cells in reader:
        if len(cells) != len(names) or None in cells.values():
            row = f"row {reader.line_num} of {path}"
            raise ArgumentError(f"every row has {len(names)} cells like the first, but {row} has not")
        yield reader.line_num, cells
