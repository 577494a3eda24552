"""The file that keeps a study: SQLite in WAL mode, one writer, rows that never change.

Its tables are documented in ``docs/records.md``; any SQLite tool reads them while a study runs.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import sqlite3
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from rectifiers._version import __version__
from rectifiers.errors import PlanMismatchError, SchemaError, StoreError
from rectifiers.records._schema import APPLICATION_ID, SCHEMA, statements
from rectifiers.records.differences import differences
from rectifiers.records.values import QUESTION, Margin, Notice, Plan, Run, Study, Trial

__all__ = ["Store"]

_TRIAL = tuple(field.name for field in dataclasses.fields(Trial))
_CURVES = ("train_loss", "train_error")
_MEASURED = tuple(f.name for f in dataclasses.fields(Run) if f.name not in ("trial", *_CURVES))


class Store:
    """One study's file.

    Made by `create` or `open`, closed by `close` or at the end of a ``with`` block. A writing store
    holds a lock (``study.db.lock`` beside the file) that the operating system frees when the process
    ends, however it ends.

    Parameters
    ----------
    path : Path
        The file.
    connection : sqlite3.Connection
        Open on `path`.
    lock : sqlite3.Connection or None
        Holds the writer's lock; None when reading.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection, lock: sqlite3.Connection | None) -> None:
        self.path = path
        self._connection = connection
        self._lock = lock
        self._session: int | None = None

    @classmethod
    def create(cls, path: str | Path) -> Self:
        """Make an empty file, with its directory, and open it for writing.

        Parameters
        ----------
        path : str or Path

        Raises
        ------
        StoreError
            If the file exists, or the directory cannot be written.
        """
        path = Path(path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(
                f"cannot make the directory {path.parent}: {_reason(error)}; choose another --out"
            ) from error
        if path.exists():
            raise StoreError(f"{path} exists already: open it, or choose another --out")
        lock = _take_lock(path)
        try:
            with _translated(path, "make"):
                _make(path)
                connection = _connect(path)
                _tune(connection)
        except BaseException:
            lock.close()
            raise
        return cls(path, connection, lock)

    @classmethod
    def open(cls, path: str | Path, *, readonly: bool = False) -> Self:
        """Open an existing file, or the ``study.db`` of a directory.

        Parameters
        ----------
        path : str or Path
        readonly : bool
            Read without the writer's lock, also while another process writes.

        Raises
        ------
        StoreError
            If there is no such file, it is no study, or another process is writing to it.
        SchemaError
            If a newer or an older rectifiers wrote it.
        """
        path = Path(path)
        if path.is_dir():
            path = path / "study.db"
        if not path.is_file():
            raise StoreError(
                f"there is no study at {path}: run `rectifiers compare --out {path.parent}` first"
            )
        lock = None if readonly else _take_lock(path)
        try:
            with _translated(path, "open"):
                connection = _connect_readonly(path) if readonly else _connect(path)
                try:
                    _check_schema(path, connection)
                    if not readonly:
                        _tune(connection)
                except BaseException:
                    connection.close()
                    raise
        except BaseException:
            if lock is not None:
                lock.close()
            raise
        return cls(path, connection, lock)

    def close(self) -> None:
        """Close the file and give the lock back; a closed store may be closed again."""
        self._connection.close()
        if self._lock is not None:
            self._lock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def write_plan(self, plan: Plan, environment: Mapping[str, str], command: str = "") -> None:
        """Begin a session: write the plan, or go on from the one that is there.

        Parameters
        ----------
        plan : Plan
            Of the same protocol as the one that is there; its question may be another one.
        environment : mapping of str
            What this session runs on; every session keeps its own.
        command : str
            The command that reproduces the study.

        Raises
        ------
        PlanMismatchError
            If the trials of the study in the file are not those of this plan; the message says in what they
            differ.
        """
        self.check(plan)
        known = self.plan()
        with self._writing() as connection:
            cursor = connection.execute(
                "INSERT INTO session (started, command) VALUES (?, ?)", (_now(), command)
            )
            self._session = cursor.lastrowid
            connection.executemany(
                "INSERT INTO environment VALUES (?, ?, ?)",
                [(self._session, name, value) for name, value in environment.items()],
            )
            if known is None:
                _insert_protocol(connection, plan)
            if known != plan:
                _insert_question(connection, plan, self._session)

    def check(self, plan: Plan) -> None:
        """Raise `PlanMismatchError` if the trials in the file are not those of a plan."""
        known = self.plan()
        if known is not None and (told := differences(known, plan)):
            raise PlanMismatchError(
                f"the trials in {self.path.parent} were made with {'; '.join(told)}: use another --out, or "
                f"the same options (arms, seeds, margin, confidence and rates may change)"
            )

    def plan(self) -> Plan | None:
        """Return the protocol with the question that was asked last, or None while none is written."""
        rows = self._select("SELECT name, value FROM protocol")
        if not rows:
            return None
        last = "(SELECT max(session) FROM question)"
        rows += self._select(f"SELECT name, value FROM question WHERE session = {last}")
        fields = {name: json.loads(value) for name, value in rows}
        columns = ("label", "identity", "name", "gain", "width", "curve")
        arms = self._select(f"SELECT {', '.join(columns)} FROM arm WHERE session = {last} ORDER BY position")
        fields["arms"] = [dict(zip(columns, row, strict=True)) for row in arms]
        for arm in fields["arms"]:
            arm["curve"] = None if arm["curve"] is None else json.loads(arm["curve"])
        return Plan.from_json(fields)

    def add(self, run: Run) -> None:
        """Write one run, whole or not at all.

        Raises
        ------
        StoreError
            If that trial is written already, or the disk refuses.
        """
        columns = ("session", *_TRIAL, *_MEASURED)
        values = (
            self._session,
            *(getattr(run.trial, name) for name in _TRIAL),
            *(getattr(run, name) for name in _MEASURED),
        )
        errors = run.train_error or (None,) * len(run.train_loss)
        curve = zip(run.train_loss, errors, strict=True)
        with self._writing() as connection:
            connection.execute(
                f"INSERT INTO run ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})", values
            )
            connection.executemany(
                "INSERT INTO curve VALUES (?, ?, ?, ?)",
                [(run.trial.key, epoch, *point) for epoch, point in enumerate(curve, 1)],
            )

    def add_rate(self, arm: str, norm: str, learning_rate: float, *, at_edge: bool) -> None:
        """Write the learning rate this session chose for an arm under a norm; the last one written counts."""
        with self._writing() as connection:
            connection.execute(
                "INSERT INTO rate VALUES (?, ?, ?, ?, ?)", (self._session, arm, norm, learning_rate, at_edge)
            )

    def add_margin(self, margin: Margin) -> None:
        """Write the margin this session decides by; the last one written counts."""
        with self._writing() as connection:
            connection.execute(
                "INSERT INTO margin VALUES (?, ?, ?)", (self._session, margin.value, margin.rule)
            )

    def add_warning(self, notice: Notice) -> bool:
        """Write a warning unless this session wrote it already; return whether it is new.

        What an earlier session warned of counts no more, unless it is about how the study came to be.
        """
        with self._writing() as connection:
            cursor = connection.execute(
                "INSERT OR IGNORE INTO warning (session, code, text, severity) VALUES (?, ?, ?, ?)",
                (self._session, notice.code, notice.text, notice.severity),
            )
        return cursor.rowcount > 0

    def study(self) -> Study:
        """Return everything the file holds.

        Raises
        ------
        StoreError
            If no plan was written yet.
        """
        plan = self.plan()
        if plan is None:
            raise StoreError(f"the study in {self.path.parent} was never started: remove {self.path}")
        # of the session that asked the present question: those after it only went on with it
        session = self._select(
            "SELECT session, command FROM session WHERE session = (SELECT max(session) FROM question)"
        )[0]
        margins = self._select("SELECT value, rule FROM margin ORDER BY session DESC LIMIT 1")
        return Study(
            plan=plan,
            runs=self._runs(),
            rates={
                (arm, norm): rate
                for arm, norm, rate in self._select(
                    "SELECT arm, norm, learning_rate FROM rate ORDER BY session"
                )
            },
            margin=Margin(*margins[0]) if margins else None,
            warnings=tuple(
                dict.fromkeys(
                    Notice(*row)
                    for row in self._select(
                        "SELECT code, text, severity FROM warning WHERE code IN ('elsewhere', 'reopened') "
                        "OR session = (SELECT max(session) FROM session) ORDER BY position"
                    )
                )
            ),
            environment=dict(
                self._select(
                    "SELECT name, value FROM environment WHERE session = ? ORDER BY rowid", session[0]
                )
            ),
            command=session[1],
        )

    def _runs(self) -> tuple[Run, ...]:
        curves: dict[str, list[tuple[float, float | None]]] = {}
        for key, loss, error in self._select(
            "SELECT key, train_loss, train_error FROM curve ORDER BY key, epoch"
        ):
            curves.setdefault(key, []).append((loss, error))
        runs = []
        for row in self._select(f"SELECT {', '.join((*_TRIAL, *_MEASURED))} FROM run ORDER BY position"):
            trial = Trial(*row[: len(_TRIAL)])
            measured = dict(zip(_MEASURED, row[len(_TRIAL) :], strict=True))
            points = curves.get(trial.key, [])
            losses = tuple(loss for loss, _ in points)
            errors = tuple(error for _, error in points if error is not None)
            runs.append(Run(trial=trial, train_loss=losses, train_error=errors, **measured))
        return tuple(runs)

    def _select(self, query: str, *values: Any) -> list[Any]:
        with _translated(self.path, "read"):
            return self._connection.execute(query, values).fetchall()

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        if self._lock is None:
            raise StoreError(f"{self.path} was opened for reading: open it with readonly=False to write")
        with _translated(self.path, "write"), _transaction(self._connection):
            yield self._connection


def _make(path: Path) -> None:
    """Make an empty study file under another name first: a file of that name is whole, whatever happens."""
    draft = path.with_name(path.name + ".new")
    draft.unlink(missing_ok=True)
    with contextlib.closing(_connect(draft)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        with _transaction(connection):
            for statement in statements():
                connection.execute(statement)
            connection.executemany(
                "INSERT INTO meta VALUES (?, ?)",
                [("schema", str(SCHEMA)), ("rectifiers", __version__), ("created", _now())],
            )
    draft.replace(path)


def _insert_protocol(connection: sqlite3.Connection, plan: Plan) -> None:
    rows = [(name, json.dumps(value)) for name, value in plan.to_json().items() if name not in QUESTION]
    connection.executemany("INSERT INTO protocol VALUES (?, ?)", rows)


def _insert_question(connection: sqlite3.Connection, plan: Plan, session: int | None) -> None:
    fields = plan.to_json()
    arms = fields.pop("arms")
    rows = [(session, name, json.dumps(value)) for name, value in fields.items() if name in QUESTION]
    connection.executemany("INSERT INTO question VALUES (?, ?, ?)", rows)
    for position, arm in enumerate(arms):
        curve = None if arm["curve"] is None else json.dumps(arm["curve"])
        connection.execute(
            "INSERT INTO arm VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (session, position, *(arm[k] for k in ("label", "identity", "name", "gain", "width")), curve),
        )


def _connect(path: Path) -> sqlite3.Connection:
    # transactions are begun by hand: isolation_level=None keeps the module from beginning its own
    return sqlite3.connect(path, isolation_level=None)


def _connect_readonly(path: Path) -> sqlite3.Connection:
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


def _tune(connection: sqlite3.Connection) -> None:
    # a finished run survives even a power cut; the fsync costs 2 ms a run
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA recursive_triggers = ON")  # so that REPLACE cannot get round the triggers


def _check_schema(path: Path, connection: sqlite3.Connection) -> None:
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (schema,) = connection.execute("PRAGMA user_version").fetchone()
    if application != APPLICATION_ID:
        raise StoreError(f"{path} is a database, but not a study of rectifiers: choose another --out")
    if schema < SCHEMA:
        raise SchemaError(
            f"{path} was written by an older rectifiers (schema {schema}; this one reads {SCHEMA}): choose "
            f"another --out, or read it with the version in its table `meta`"
        )
    if schema > SCHEMA:
        raise SchemaError(
            f"{path} was written by a newer rectifiers (schema {schema}; this one reads {SCHEMA}): "
            f"upgrade rectifiers"
        )


def _take_lock(path: Path) -> sqlite3.Connection:
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
        if "locked" in str(error):
            raise StoreError(
                f"{path} is being written by another run: wait for it, stop it, or choose another --out"
            ) from error
        raise StoreError(f"cannot write in {path.parent}: {error}; choose another --out") from error
    return lock


@contextlib.contextmanager
def _translated(path: Path, verb: str) -> Iterator[None]:
    try:
        yield
    except StoreError:
        raise
    except (sqlite3.DatabaseError, OSError) as error:
        raise StoreError(f"cannot {verb} {path}: {error}") from error


@contextlib.contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # a full disk makes SQLite roll back by itself
            connection.execute("ROLLBACK")
        raise


def _reason(error: OSError) -> str:
    return error.strerror or str(error)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
