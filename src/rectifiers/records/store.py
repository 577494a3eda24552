"""The file that keeps a study: SQLite in WAL mode, one writer, rows that never change.

Its tables are documented in ``docs/records.md``; any SQLite tool reads them while a study runs.
"""

from __future__ import annotations

import contextlib
import itertools
import operator
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self

from rectifiers.errors import PlanMismatchError, StoreError
from rectifiers.records import _file, _rows
from rectifiers.records.collector import uncollected
from rectifiers.records.differences import differences
from rectifiers.records.saving import make_directory
from rectifiers.records.values import Margin, Notice, Plan, Run, Study, Trial

__all__ = ["NAME", "Store"]

NAME = "study.db"


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
        self._files = None if lock is None else _file.files_of(path)
        self._session: int | None = None
        self._plan: Plan | None = None  # one object as long as it says the same: it remembers its trials
        self._told: Any = None  # the rows it was made of
        self._study: Study | None = None  # likewise: it remembers what follows from its runs
        self._read: list[Run] = []  # rows never change
        self._last = 0  # position of the last of them

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
        make_directory(path.parent)
        if path.exists():
            raise StoreError(f"{path} exists already: open it, or choose another --out")
        return cls._opened(path, "make")

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
        if path.is_dir() or not path.suffix:
            path = path / NAME
        if not path.is_file():
            raise StoreError(
                f"there is no study at {path}: run `rectifiers compare --out {path.parent}` first"
            )
        return cls._opened(path, "open", readonly)

    @classmethod
    def _opened(cls, path: Path, verb: str, readonly: bool = False) -> Self:
        with contextlib.ExitStack() as undone:
            lock = None if readonly else undone.enter_context(contextlib.closing(_file.take_lock(path)))
            with _file.translated(path, verb):
                if verb == "make":
                    _file.make(path)
                opened = _file.connect_readonly(path) if readonly else _file.connect(path)
                connection = undone.enter_context(contextlib.closing(opened))
                _file.check_schema(path, connection)
                if readonly:  # it may come from a stranger
                    _file.check_types(path, connection)
                else:
                    _file.tune(connection)
            undone.pop_all()
        return cls(path, connection, lock)

    @classmethod
    def for_plan(cls, path: str | Path, plan: Plan) -> Self:
        """Open a file for writing the trials of a plan, or make it; one that holds no run is made anew.

        Raises
        ------
        PlanMismatchError
            If the trials in the file are not those of the plan.
        StoreError
            As `create` and `open` do.
        """
        path = Path(path)
        if not path.exists():
            return cls.create(path)
        store = cls.open(path)
        with contextlib.ExitStack() as undone:
            undone.enter_context(store)
            if store._select("SELECT key FROM run LIMIT 1"):
                store._plan = plan
                store.check(plan)
                undone.pop_all()
                return store
        path.unlink()
        return cls.create(path)

    def close(self) -> None:
        """Close the file and give the lock back; a closed store may be closed again."""
        try:
            self._check_there()
        finally:
            self._files = None
            self._connection.close()
            if self._lock is not None:
                self._lock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
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
        known = self.check(plan)
        with self._writing() as connection:
            cursor = connection.execute(
                "INSERT INTO session (started, command) VALUES (?, ?)", (_file.now(), command)
            )
            self._session = cursor.lastrowid
            _rows.insert(connection, "environment", [(self._session, *item) for item in environment.items()])
            if known is None:
                _rows.insert(connection, "protocol", _rows.fields_of(plan, question=False))
            if known != plan:
                asked = _rows.fields_of(plan, question=True)
                _rows.insert(connection, "question", [(self._session, *field) for field in asked])
                arms = [(self._session, i, *_rows.arm_of(arm)) for i, arm in enumerate(plan.arms)]
                _rows.insert(connection, "arm", arms)
        self._plan = plan

    def check(self, plan: Plan) -> Plan | None:
        """Return the plan in the file; `PlanMismatchError` if its trials are not those of this one."""
        known = self.plan()
        if known is not None and (told := differences(known, plan)):
            raise PlanMismatchError(
                f"the trials in {self.path.parent} were made with {'; '.join(told)}: use another --out, or "
                f"the same options (arms, seeds, margin, confidence and rates may change)"
            )
        return known

    def plan(self) -> Plan | None:
        """Return the protocol with the question that was asked last, or None while none is written."""
        rows, arms = self._question("(SELECT max(session) FROM question)")
        if not rows:
            return None
        if (rows, arms) == self._told:
            return self._plan
        with _file.understood(self.path):
            found = _rows.plan_of(rows, arms)
        self._plan = self._plan if found == self._plan else found
        self._told = rows, arms
        return self._plan

    def _question(self, session: Any) -> tuple[list[Any], list[Any]]:
        """Return the rows of the protocol and of what a session asked, and those of its arms."""
        rows = self._select("SELECT name, value FROM protocol")
        rows += self._select(f"SELECT name, value FROM question WHERE session = {session}")
        arms = f"SELECT {', '.join(_rows.ARM)} FROM arm WHERE session = {session} ORDER BY position"
        return rows, self._select(arms)

    def before(self) -> Study | None:
        """Return what there was, without curves, when the present question was asked; None if nothing.

        It is the same however often the study was stopped since.
        """
        asked = self._select("SELECT DISTINCT session FROM question ORDER BY session DESC LIMIT 2")
        if len(asked) < 2:
            return None
        (now,), (then,) = asked
        keys = {key for (key,) in self._select("SELECT key FROM run WHERE session < ?", now)}
        rates = "SELECT arm, norm, learning_rate FROM rate WHERE session < ? ORDER BY session"
        margins = "SELECT value, rule FROM margin WHERE session < ? ORDER BY session DESC LIMIT 1"
        warnings = self._select("SELECT code, text, severity FROM warning WHERE session < ?", now)
        with _file.understood(self.path):
            plan = _rows.plan_of(*self._question(then))
        return Study(
            plan=plan,
            runs=tuple(run for run in self._runs(False) if run.trial.key in keys),
            rates={(arm, norm): rate for arm, norm, rate in self._select(rates, now)},
            margin=next((Margin(*row) for row in self._select(margins, now)), None),
            warnings=tuple(Notice(*row) for row in warnings),
        )

    def add(self, run: Run) -> None:
        """Write one run, whole or not at all.

        Raises
        ------
        StoreError
            If that trial is written already, or the disk refuses.
        """
        columns = ("session", *_rows.TRIAL, *_rows.MEASURED)
        values = (
            self._session,
            *(getattr(run.trial, name) for name in _rows.TRIAL),
            *(getattr(run, name) for name in _rows.MEASURED),
        )
        errors = run.train_error or (None,) * len(run.train_loss)
        curve = zip(run.train_loss, errors, strict=True)
        with self._writing() as connection:
            connection.execute(
                f"INSERT INTO run ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})", values
            )
            _rows.insert(
                connection, "curve", [(run.trial.key, epoch, *point) for epoch, point in enumerate(curve, 1)]
            )
            _rows.insert(connection, "measure", [(run.trial.key, *pair) for pair in run.measures])

    def add_rate(self, arm: str, norm: str, learning_rate: float, *, at_edge: bool) -> None:
        """Write the learning rate this session chose for an arm under a norm; the last one written counts."""
        with self._writing() as connection:
            _rows.insert(connection, "rate", [(self._session, arm, norm, learning_rate, at_edge)])

    def add_margin(self, margin: Margin) -> None:
        """Write the margin this session decides by; the last one written counts."""
        with self._writing() as connection:
            _rows.insert(connection, "margin", [(self._session, margin.value, margin.rule)])

    def add_warning(self, notice: Notice) -> bool:
        """Write a warning unless this session wrote it already; return whether it is new.

        What an earlier session warned of counts no more, but that it ran elsewhere.
        """
        with self._writing() as connection:
            cursor = connection.execute(
                "INSERT OR IGNORE INTO warning (session, code, text, severity) VALUES (?, ?, ?, ?)",
                (self._session, notice.code, notice.text, notice.severity),
            )
        return cursor.rowcount > 0

    def study(self, *, curves: bool = True) -> Study:
        """Return everything the file holds.

        Parameters
        ----------
        curves : bool
            Whether runs have their losses and errors per epoch, which are most of a file: without, they have
            none, and a run that was read before is not read again.

        Raises
        ------
        StoreError
            If no plan was written yet.
        """
        plan = self.plan()
        if plan is None:
            raise StoreError(f"the study in {self.path.parent} was never started: remove {self.path}")
        # of the session that asked the present question: those after it only went on with it
        asked = "SELECT session, command FROM session WHERE session = (SELECT max(session) FROM question)"
        with _file.understood(self.path):
            ((session, command),) = self._select(asked)
        margins = self._select("SELECT value, rule FROM margin ORDER BY session DESC LIMIT 1")
        rates = self._select("SELECT arm, norm, learning_rate FROM rate ORDER BY session")
        warnings = self._select(
            "SELECT code, text, severity FROM warning WHERE code = 'elsewhere' "
            "OR session = (SELECT max(session) FROM session) ORDER BY position"
        )
        environment = "SELECT name, value FROM environment WHERE session = ? ORDER BY rowid"
        found = Study(
            plan=plan,
            runs=self._runs(curves),
            rates={(arm, norm): rate for arm, norm, rate in rates},
            margin=Margin(*margins[0]) if margins else None,
            warnings=tuple(dict.fromkeys(Notice(*row) for row in warnings)),
            environment=dict(self._select(environment, session)),
            command=command,
        )
        if curves:
            return found
        self._study = self._study if found == self._study else found
        return self._study

    @uncollected()
    def _runs(self, with_curves: bool) -> tuple[Run, ...]:
        columns, since = ", ".join((*_rows.TRIAL, *_rows.MEASURED)), 0 if with_curves else self._last
        rows = self._select(
            f"SELECT position, {columns} FROM run WHERE position > ? ORDER BY position", since
        )
        measures: dict[str, list[tuple[str, float]]] = {}
        if self._select("SELECT name FROM sqlite_master WHERE name = 'measure'"):  # not in older files
            later = "FROM measure JOIN run USING (key) WHERE position > ? ORDER BY measure.rowid"
            for key, name, value in self._select(f"SELECT key, name, value {later}", since):
                measures.setdefault(key, []).append((name, value))
        curves = self._curves() if with_curves else {}
        found, first = [], 1 + len(_rows.TRIAL)
        with _file.understood(self.path):
            for row in rows:
                trial = Trial._make(row[1:first])
                told = tuple(measures.get(trial.key, ()))
                losses, errors = curves.get(trial.key, ((), ()))
                values: tuple[Any, ...] = (trial, *row[first:], told, losses, errors)
                found.append(Run(*values))
        if with_curves:
            return tuple(found)
        self._read += found
        self._last = rows[-1][0] if rows else self._last
        return tuple(self._read)

    def _curves(self) -> dict[str, tuple[tuple[float, ...], tuple[float, ...]]]:
        """Return losses and errors per epoch, by the key of the trial."""
        query, found = "SELECT key, train_loss, train_error FROM curve ORDER BY key, epoch", {}
        with _file.translated(self.path, "read"):
            for key, points in itertools.groupby(self._connection.execute(query), operator.itemgetter(0)):
                _, losses, errors = zip(*points, strict=True)
                found[key] = losses, () if None in errors else errors
        return found

    def _select(self, query: str, *values: Any) -> list[Any]:
        with _file.translated(self.path, "read"):
            return self._connection.execute(query, values).fetchall()

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        if self._lock is None:
            raise StoreError(f"{self.path} was opened for reading: open it with readonly=False to write")
        self._check_there()
        with _file.translated(self.path, "write"), _file.transaction(self._connection):
            yield self._connection
        self._files = _file.files_of(self.path)

    def _check_there(self) -> None:
        """Raise, once, where file or log is gone, another or shorter: SQLite would write into nothing."""
        files, self._files = self._files, None
        if files is not None:
            self._files = _file.check_there(self.path, files, self._connection)
