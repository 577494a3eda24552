"""Plans, arms and runs as rows of the tables, and back."""

from __future__ import annotations

import dataclasses
import json
import sqlite3
from collections.abc import Iterable
from typing import Any

from rectifiers.records.values import QUESTION, ArmSpec, Plan, Run, Trial

__all__ = ["ARM", "MEASURED", "TRIAL", "arm_of", "fields_of", "insert", "plan_of"]

ARM = tuple(field.name for field in dataclasses.fields(ArmSpec))
TRIAL = Trial._fields
MEASURED = tuple(field.name for field in dataclasses.fields(Run)[1:-3])
"""Columns of a run: its trial is spread over others, and the last three fields have tables of their own."""


def insert(connection: sqlite3.Connection, table: str, rows: Iterable[tuple[Any, ...]]) -> None:
    """Write rows with a value for every column."""
    for row in rows:
        connection.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})", row)


def fields_of(plan: Plan, *, question: bool) -> list[tuple[str, str]]:
    """Return name and value, as JSON, of what a plan asks, or of its protocol; without arms."""
    fields = plan.to_json().items()
    return [(n, json.dumps(v)) for n, v in fields if (n in QUESTION) is question and n != "arms"]


def arm_of(arm: ArmSpec) -> tuple[Any, ...]:
    """Return an arm as values of the columns `ARM`."""
    curve = None if arm.curve is None else json.dumps(dataclasses.asdict(arm.curve))
    return arm.label, arm.identity, arm.name, arm.gain, arm.width, curve


def plan_of(rows: Iterable[tuple[str, str]], arms: Iterable[tuple[Any, ...]]) -> Plan:
    """Return a plan of its `fields_of`, protocol and question, and its arms; what is none raises anything."""
    fields = {name: json.loads(value) for name, value in rows}
    fields["arms"] = [dict(zip(ARM, row, strict=True)) for row in arms]
    for arm in fields["arms"]:
        arm["curve"] = arm["curve"] and json.loads(arm["curve"])
    return Plan.from_json(fields)
