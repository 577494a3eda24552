"""The file behind a store: made whole, opened with its settings, locked, and its errors told in one line."""

from __future__ import annotations

import contextlib
import errno
import re
import sqlite3
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias

from rectifiers._version import __version__
from rectifiers.errors import SchemaError, StoreError, StoreLostError, error_line
from rectifiers.records._schema import APPLICATION_ID, OLDEST, SCHEMA, TABLES, statements

__all__ = [
    "Files",
    "check_schema",
    "check_there",
    "check_types",
    "connect",
    "connect_readonly",
    "files_of",
    "make",
    "now",
    "take_lock",
    "transaction",
    "translated",
    "tune",
    "understood",
]


_COLUMN = r"(?:^|, )(\w+) (TEXT|INTEGER|REAL)( NOT NULL| PRIMARY KEY)?"


def make(path: Path) -> None:
    """Make an empty study file under another name first: a file of that name is whole, whatever happens."""
    draft = path.with_name(path.name + ".new")
    draft.unlink(missing_ok=True)
    with contextlib.closing(connect(draft)) as connection:
        with transaction(connection):
            for statement in statements():
                connection.execute(statement)
            connection.executemany(
                "INSERT INTO meta VALUES (?, ?)",
                [("schema", str(SCHEMA)), ("rectifiers", __version__), ("created", now())],
            )
        # last: a full disk, met while what is in a log goes into the file, would be told to nobody
        connection.execute("PRAGMA journal_mode = WAL")
    _forget_log(path)
    draft.replace(path)


def _forget_log(path: Path) -> None:
    """Delete the log of a file that is gone, which SQLite would play back into the next of that name."""
    for left in ("-wal", "-shm"):
        path.with_name(path.name + left).unlink(missing_ok=True)


def connect(path: Path) -> sqlite3.Connection:
    # transactions are begun by hand: isolation_level=None keeps the module from beginning its own
    return sqlite3.connect(path, isolation_level=None)


def connect_readonly(path: Path) -> sqlite3.Connection:
    address = path.resolve().as_uri() + "?mode=ro"
    connection = sqlite3.connect(address, uri=True, isolation_level=None)
    try:
        connection.execute("PRAGMA schema_version").fetchone()
    except sqlite3.Error as error:
        connection.close()
        if not isinstance(error, sqlite3.OperationalError) or path.with_name(path.name + "-wal").exists():
            raise
        # a closed study in a directory that cannot be written: SQLite cannot make the WAL's index there
        connection = sqlite3.connect(address + "&immutable=1", uri=True, isolation_level=None)
    return connection


def tune(connection: sqlite3.Connection) -> None:
    # a finished run survives even a power cut; the fsync costs 2 ms a run
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA recursive_triggers = ON")  # so that REPLACE cannot get round the triggers


def check_schema(path: Path, connection: sqlite3.Connection) -> None:
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (schema,) = connection.execute("PRAGMA user_version").fetchone()
    if application != APPLICATION_ID:
        raise StoreError(f"{path} is a database, but not a study of rectifiers: choose another --out")
    if schema < OLDEST:
        raise SchemaError(
            f"{path} was written by an older rectifiers (schema {schema}; this one reads {SCHEMA}): choose "
            f"another --out, or read it with the version in its table `meta`"
        )
    if schema > SCHEMA:
        raise SchemaError(
            f"{path} was written by a newer rectifiers (schema {schema}; this one reads {SCHEMA}): "
            f"upgrade rectifiers"
        )


def take_lock(path: Path) -> sqlite3.Connection:
    """Hold an exclusive lock on ``<path>.lock`` until the returned connection is closed.

    SQLite's own file lock, because it is the same on every system and dies with the process.
    """
    try:
        lock = sqlite3.connect(path.with_name(path.name + ".lock"), timeout=0, isolation_level=None)
        try:
            lock.execute("BEGIN EXCLUSIVE")
        except BaseException:
            lock.close()
            raise
    except sqlite3.Error as error:
        if _refuses_locks(path.parent):
            raise StoreError(
                f"the file system of {path.parent} refuses locks, which keep two runs out of one study: "
                f"choose an --out on a local disk"
            ) from error
        if "locked" in str(error):
            raise StoreError(
                f"{path} is being written by another run: wait for it, stop it, or choose another --out"
            ) from error
        raise StoreError(f"cannot write in {path.parent}: {error}; choose another --out") from error
    return lock


def _refuses_locks(directory: Path) -> bool:
    """Return whether not even a file of one's own can be locked there: SQLite calls that locked as well."""
    try:
        import fcntl
    except ImportError:  # Windows
        return False
    try:
        with tempfile.TemporaryFile(dir=directory) as file:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno in (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)
    return False


@contextlib.contextmanager
def translated(path: Path, verb: str) -> Iterator[None]:
    try:
        yield
    except StoreError:
        raise
    except (sqlite3.DatabaseError, OSError, UnicodeDecodeError) as error:
        kind = StoreLostError if verb == "write" else StoreError
        raise kind(f"cannot {verb} {path}: {error}") from error


@contextlib.contextmanager
def understood(path: Path) -> Iterator[None]:
    """Say in one line that a file holds what no study does, whatever trips over it."""
    try:
        yield
    except StoreError:
        raise
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        raise StoreError(
            f"{path} is damaged: it holds what no study does ({error_line(error, 160)})"
        ) from error


def check_types(path: Path, connection: sqlite3.Connection) -> None:
    """Raise unless every value is of the type its column has, and every number finite."""
    there = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    for table, columns in TABLES.items():
        wrong = []
        for name, kind, filled in re.findall(_COLUMN, columns):
            kinds = f"'{kind.lower()}'" if filled else f"'{kind.lower()}', 'null'"
            wrong.append(f"typeof({name}) NOT IN ({kinds})")
            wrong += [f"abs({name}) > 1.7e308"] if kind == "REAL" else []
        query = f"SELECT 1 FROM {table} WHERE {' OR '.join(wrong)} LIMIT 1"
        if table in there and connection.execute(query).fetchone():
            raise StoreError(f"{path} is damaged: a row of {table} holds what none of a study does")


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # a full disk makes SQLite roll back by itself
            connection.execute("ROLLBACK")
        raise


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


Files: TypeAlias = tuple[tuple[int, int], tuple[int, int]]


def files_of(path: Path) -> Files:
    """Return inode and size of a study and of its log (the WAL); zeros for one that is not there."""
    there = path, path.with_name(path.name + "-wal")
    states = (one.stat() if one.exists() else None for one in there)
    file, log = ((state.st_ino, state.st_size) if state else (0, 0) for state in states)
    return file, log


def check_there(path: Path, files: Files, connection: sqlite3.Connection) -> Files:
    """Return what files a study is in, if they are those it was in and have not shrunk.

    Otherwise write what is left of it to its place, and raise.
    """
    with translated(path, "write"):
        there = files_of(path)
        if all(a[0] == b[0] and a[1] >= b[1] for a, b in zip(there, files, strict=True)):
            return there
        mine = there[0][0] in (0, files[0][0])
        saved = "runs are lost"  # somebody else's file is left alone
        if mine and _rescue(path, connection):
            saved = f"what it held is there again ({path})"
        raise StoreLostError(f"{path} was deleted, replaced or cut off while in use: {saved}; start again")


def _rescue(path: Path, connection: sqlite3.Connection) -> bool:
    """Write what a connection still holds of a study that lost file or log; return whether it is there."""
    runs = "SELECT count(*) FROM run"
    try:
        held = connection.execute(runs).fetchone()
        if path.exists():
            connection.execute("PRAGMA wal_checkpoint(FULL)").fetchone()
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            _forget_log(path)
            with contextlib.closing(connect(path)) as copy:
                connection.backup(copy)
        with contextlib.closing(connect_readonly(path)) as copy:
            whole = copy.execute("PRAGMA quick_check").fetchone() == ("ok",)
            return bool(whole and copy.execute(runs).fetchone() == held)
    except (sqlite3.Error, OSError):
        return False
