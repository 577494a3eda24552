"""Whether values that came out of a file are of the types they are declared as."""

from __future__ import annotations

import math
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

__all__ = ["checked"]

T = TypeVar("T")


def checked(record: T) -> T:
    """Return a dataclass instance if every field fits its annotation; else `ValueError` names one."""
    for name, hint in get_type_hints(type(record)).items():
        if not _fits(getattr(record, name), hint):
            raise ValueError(f"{name} is {getattr(record, name)!r:.80}")
    return record


def _fits(value: Any, hint: Any) -> bool:
    origin, parts = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return any(_fits(value, part) for part in parts)
    if origin is Literal:
        return value in parts
    if origin is tuple:
        kinds = parts[:1] * len(value) if parts[-1] is ... and isinstance(value, tuple) else parts
        return isinstance(value, tuple) and len(value) == len(kinds) and all(map(_fits, value, kinds))
    if hint in (int, float):
        number = isinstance(value, int | hint) and not isinstance(value, bool)
        return number and math.isfinite(value)
    return isinstance(value, NoneType if hint is None else hint)
