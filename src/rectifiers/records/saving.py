"""Files and directories that people asked for: made whole, or said in one line not to be."""

from __future__ import annotations

import contextlib
import shutil
import uuid
from pathlib import Path

from rectifiers.errors import StoreError

__all__ = ["make_directory", "save"]


def make_directory(path: str | Path) -> Path:
    """Make a directory unless it is there; `StoreError` where that is not possible."""
    try:
        Path(path).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = error.strerror or str(error)
        raise StoreError(f"cannot make the directory {path}: {reason}; choose another --out") from error
    return Path(path)


def save(content: str | bytes, path: str | Path) -> Path:
    """Write a file beside its place first: the one that was there stays whole until the new one is.

    Raises
    ------
    StoreError
        It cannot be written; what was there before still is.
    """
    data = content.encode() if isinstance(content, str) else content
    try:
        place = Path(path).resolve()  # a link stays one
        if place.exists() and not place.is_file():  # a pipe or a device cannot be replaced
            place.write_bytes(data)
            return Path(path)
        draft = place.with_name(f".{uuid.uuid4().hex}.new")
        try:
            draft.write_bytes(data)
            with contextlib.suppress(FileNotFoundError):
                shutil.copymode(place, draft)
            draft.replace(place)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        reason = error.strerror or str(error)
        raise StoreError(
            f"a file that can be written is needed, but {path}: {reason}; choose another place"
        ) from None
    return Path(path)
