"""The tables of a study's file, and the marks that tell what it is.

Every table is append-only: triggers refuse UPDATE and DELETE, whoever asks.
"""

from __future__ import annotations

__all__ = ["APPLICATION_ID", "SCHEMA", "statements"]

SCHEMA = 1
APPLICATION_ID = 0x52454354  # "RECT": tells a study's file from any other SQLite database

_TABLES = {
    "meta": "name TEXT PRIMARY KEY, value TEXT NOT NULL",
    "plan": "name TEXT PRIMARY KEY, value TEXT NOT NULL",  # one row per field, JSON
    "arm": (
        "position INTEGER PRIMARY KEY, label TEXT NOT NULL UNIQUE, identity TEXT NOT NULL, "
        "name TEXT NOT NULL, gain REAL NOT NULL, width INTEGER, curve TEXT"
    ),
    "session": "session INTEGER PRIMARY KEY, started TEXT NOT NULL, command TEXT NOT NULL",
    "environment": (
        "session INTEGER NOT NULL REFERENCES session, name TEXT NOT NULL, value TEXT NOT NULL, "
        "PRIMARY KEY (session, name)"
    ),
    "run": (
        "position INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, session INTEGER REFERENCES session, "
        "phase TEXT NOT NULL CHECK (phase IN ('tune', 'test')), arm TEXT NOT NULL, norm TEXT NOT NULL, "
        "learning_rate REAL NOT NULL, seed INTEGER NOT NULL, "
        "outcome TEXT NOT NULL CHECK (outcome IN ('finished', 'diverged', 'crashed')), reason TEXT NOT NULL, "
        "metric REAL, steps INTEGER NOT NULL, epochs INTEGER NOT NULL, steps_to_target INTEGER, "
        "seconds REAL NOT NULL, peak_memory INTEGER, parameters INTEGER NOT NULL, "
        "init_hash TEXT NOT NULL, order_hash TEXT NOT NULL, noise_hash TEXT NOT NULL, started TEXT NOT NULL, "
        "CHECK ((outcome = 'finished') = (metric IS NOT NULL))"
    ),
    "curve": (
        "key TEXT NOT NULL REFERENCES run (key), epoch INTEGER NOT NULL, "
        "train_loss REAL NOT NULL, train_error REAL, PRIMARY KEY (key, epoch)"
    ),
    "rate": (
        "arm TEXT NOT NULL, norm TEXT NOT NULL, learning_rate REAL NOT NULL, at_edge INTEGER NOT NULL, "
        "PRIMARY KEY (arm, norm)"
    ),
    "warning": "position INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE",
}


def statements() -> list[str]:
    """Return the SQL that makes an empty study file, in order."""
    made = []
    for table, columns in _TABLES.items():
        made.append(f"CREATE TABLE {table} ({columns})")
        made.extend(
            f"CREATE TRIGGER {table}_refuses_{event.lower()} BEFORE {event} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, 'the records of a study are immutable'); END"
            for event in ("UPDATE", "DELETE")
        )
    made.append(f"PRAGMA application_id = {APPLICATION_ID}")
    made.append(f"PRAGMA user_version = {SCHEMA}")
    return made
