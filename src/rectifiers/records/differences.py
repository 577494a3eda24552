"""In what the trials of two plans differ, in the words of the command line."""

from __future__ import annotations

import dataclasses
from typing import Any

from rectifiers.records.options import COMPARE
from rectifiers.records.plan import QUESTION, Plan

__all__ = ["differences"]

_DATA = {
    *("data_source", "data_hash", "data_code", "train_size", "test_size", "input_shape", "outputs"),
    *("labels", "baseline"),
}
_FROM_TASK = {"metric", "unit", "resolution"}
# what the user says for a field; fields that follow from the data or the package are told in words
_OPTIONS = {o.field: f"--{o.flag}" for o in COMPARE if o.field and o.field not in (*QUESTION, *_DATA)}


def differences(old: Plan, new: Plan) -> list[str]:
    """Say in what the trials of `new` differ from those of `old`; empty when a study can go on.

    What is asked of the trials (`rectifiers.records.values.QUESTION`) does not count.

    Parameters
    ----------
    old, new : Plan

    Returns
    -------
    list of str
        For example ``["--epochs 5, now --epochs 7"]``.
    """
    told: list[str] = []
    if old.task != new.task:
        told.append(f"task {old.task}, now task {new.task}")
    if old.kind != new.kind:
        told.append(f"trained by a {old.kind}, now by a {new.kind}")
    changed = {f.name for f in dataclasses.fields(Plan) if getattr(old, f.name) != getattr(new, f.name)}
    told += [
        f"{option} {_text(getattr(old, field))}, now {option} {_text(getattr(new, field))}"
        for field, option in (_OPTIONS if new.kind == "loop" else {**_OPTIONS, "model": new.kind}).items()
        if field in changed
    ]
    if changed & _DATA and old.task == new.task:
        same = old.data_hash == new.data_hash
        told.append(
            _code("the data", old.data_code, new.data_code)
            if same and "data_code" in changed
            else f"data {old.data_hash[:12]}, now data {new.data_hash[:12]} ({new.data_source})"
        )
    if "validation_size" in changed and not changed & _DATA:
        told.append(f"{old.validation_size} validation samples, now {new.validation_size}")
    if "model_code" in changed and "model" not in changed:
        told.append(_code(new.model, old.model_code, new.model_code))
    if "protocol" in changed:
        told.append(f"protocol {old.protocol}, now protocol {new.protocol} of another rectifiers")
    if changed & _FROM_TASK and old.task == new.task:
        told.append(f"metric {old.metric} in {old.unit}, now {new.metric} in {new.unit}")
    return told


def _code(what: str, old: str | None, new: str | None) -> str:
    """Say which parts of the user's code changed, where its identity lists them."""
    was, now = _parts(str(old)), _parts(str(new))
    changed = [name for name in {**was, **now} if was.get(name) != now.get(name)]
    where = f" ({', '.join(changed)} changed)" if changed else ""
    return f"another version of the code of {what}{where}"


def _parts(identity: str) -> dict[str, str]:
    """Return the hashes by part, of an identity such as ``mine:build@1a2b (mine.py 3c4d, ...)``."""
    if not identity.endswith(")"):
        return {}
    listed = identity.rpartition(" (")[2].rstrip(")").split(", ")
    return dict(tuple(part.rsplit(" ", 1)) for part in listed if " " in part)  # type: ignore[misc]


def _text(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, tuple):
        return ",".join(_text(item) for item in value)
    return f"{value:g}" if isinstance(value, float) else str(value)
