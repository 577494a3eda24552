"""Data files: found in a directory, or downloaded once; used only if their content is the official one."""

from __future__ import annotations

import gzip
import hashlib
import logging
import os
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from rectifiers.errors import DataError, DownloadError

__all__ = ["ENVIRONMENT_VARIABLE", "RemoteFile", "locate", "read", "verify"]

ENVIRONMENT_VARIABLE = "RECTIFIERS_DATA"
_CONNECT_SECONDS, _READ_SECONDS = 10, 30
_ATTEMPTS = 2  # per address, once a connection stood

Found = TypeVar("Found")


@dataclass(frozen=True)
class RemoteFile:
    """A file at its official addresses.

    Attributes
    ----------
    name : str
        File name.
    sha256 : str
        Of the file as it is downloaded.
    bases : tuple of str
        Addresses of the directories that hold it, tried in order.
    """

    name: str
    sha256: str
    bases: tuple[str, ...]


def locate(
    task: str,
    data_dir: Path | None,
    subdirectories: Sequence[str],
    find: Callable[[Path], Found | None],
    remote: Sequence[RemoteFile],
    wanted: str,
) -> tuple[Found, tuple[str, ...]]:
    """Return a task's files, and notes on where they were looked for in vain.

    Parameters
    ----------
    task : str
    data_dir : Path or None
        The directory asked for: it has them, or it is an error. Without it: the directory named by
        ``RECTIFIERS_DATA`` if it has them, then the cache, then a download into the cache.
    subdirectories : sequence of str
        Where below such a directory they usually are.
    find : callable
        Returns the files in one directory, None if none of them is there.
    remote : sequence of RemoteFile
        What to download, so that `find` succeeds in the directory it goes to.
    wanted : str
        Their names, for the message.

    Raises
    ------
    DataError
        If `data_dir` does not have them.
    DownloadError
        If they could not be downloaded.
    """
    if data_dir is not None:
        found, reason = _search(data_dir, subdirectories, find, wanted)
        if found is None:
            raise DataError(f"--data-dir {reason}: put the files there, or leave the option out to download")
        return found, ()
    notes: tuple[str, ...] = ()
    if named := os.environ.get(ENVIRONMENT_VARIABLE):
        found, reason = _search(Path(named).expanduser(), subdirectories, find, wanted)
        if found is not None:
            return found, ()
        notes = (f"{ENVIRONMENT_VARIABLE} {reason}",)
    cache = _cache(task)
    for file in remote:
        _download(file, cache, task, notes)
    found = find(cache)
    assert found is not None, "a download provides what is looked for"
    return found, notes


def _search(
    root: Path, subdirectories: Sequence[str], find: Callable[[Path], Found | None], wanted: str
) -> tuple[Found | None, str]:
    """Return the files below a directory, or None and the reason."""
    if not root.is_dir():
        return None, f"{root} is no directory"
    # the usual places first: several data sets have files of the same names
    for place in [*(root / sub for sub in subdirectories), root]:
        for directory in (place / "raw", place):
            found = find(directory)
            if found is not None:
                return found, ""
    looked = ", ".join(["itself", *subdirectories])
    return None, f"{root} lacks {wanted} (looked in {looked}, and raw/ in each)"


def read(path: Path) -> bytes:
    """Return a file's content, decompressed if its name ends in ``.gz``.

    Raises
    ------
    DataError
        If it cannot be read, is empty, or its compression is broken or ends early.
    """
    with reading(path):
        content = path.read_bytes()
        if not content:
            raise DataError(f"{path} is empty: delete it and fetch it again")
        return gzip.decompress(content) if path.suffix == ".gz" else content


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn what can go wrong with a file's compression into a `DataError` that names it."""
    try:
        yield
    except DataError:
        raise
    except EOFError:
        raise DataError(f"{path} is truncated, its compressed content ends early: fetch it again") from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{path} is no gzip file, or damaged ({error}): fetch it again") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from None


def verify(content: bytes, sha256: str, path: Path, others: dict[str, str]) -> None:
    """Raise unless the content is the official one.

    Parameters
    ----------
    content : bytes
    sha256 : str
        Of the official content.
    path : Path
        Where it came from.
    others : dict
        What other contents are, by their SHA-256, for the message.
    """
    got = hashlib.sha256(content).hexdigest()
    if got == sha256:
        return
    what = f"but {others[got]}" if got in others else "it was altered"
    raise DataError(
        f"{path} is not the official file, {what}: the content's SHA-256 must be {sha256}, got {got}"
    )


def _cache(task: str) -> Path:
    """Return the directory a task's downloads are kept in, below the cache of the operating system."""
    import pooch

    return Path(pooch.os_cache("rectifiers")) / task


def _download(file: RemoteFile, directory: Path, task: str, notes: tuple[str, ...]) -> None:
    """Put a file into a directory unless it is there already with the right content.

    A download goes to a temporary file first and takes its name only when it is whole and has the
    right SHA-256, so that an interrupted one leaves nothing behind.
    """
    import pooch
    import requests

    fetch = pooch.HTTPDownloader(timeout=(_CONNECT_SECONDS, _READ_SECONDS))
    failures = []
    with _quiet(pooch.get_logger()):
        for base in file.bases:
            for _ in range(_ATTEMPTS):
                try:
                    pooch.retrieve(
                        base + file.name, f"sha256:{file.sha256}", file.name, directory, downloader=fetch
                    )
                    return
                except (requests.RequestException, ValueError) as error:
                    failures.append(f"{base} {_short(error)}")
                    if isinstance(error, requests.ConnectionError):
                        break
                except OSError as error:  # not the network's
                    raise DataError(
                        f"the cache {directory} cannot be written ({error.strerror or error}): make room "
                        f"for it, or put the files of {task} into a directory and name it with --data-dir"
                    ) from None
    told = "; ".join([*dict.fromkeys(failures), *notes])
    raise DownloadError(
        f"{file.name} could not be downloaded ({told}): try again with a network, or put the files of "
        f"{task} into a directory and name it with --data-dir or {ENVIRONMENT_VARIABLE}"
    )


@contextmanager
def _quiet(logger: logging.Logger) -> Iterator[None]:
    """Keep pooch's notes out of a progress display."""
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def _short(error: Exception) -> str:
    """Say in a few words why a download failed."""
    text = " ".join(str(error).split())
    for known, short in (
        ("NameResolutionError", "is a name that cannot be resolved (no network?)"),
        ("Name or service not known", "is a name that cannot be resolved (no network?)"),
        ("timed out", "timed out"),
        ("refused", "refused the connection"),
        ("known hash", "sent a file with another SHA-256"),
    ):
        if known in text:
            return short
    return f"failed: {text}" if len(text) <= 120 else f"failed: {text[:117]}..."
