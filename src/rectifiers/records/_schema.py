"""The tables of a study's file, and the marks that tell what it is.

Every table is append-only: triggers refuse UPDATE and DELETE, whoever asks.
"""

from __future__ import annotations

__all__ = ["APPLICATION_ID", "OLDEST", "SCHEMA", "TABLES", "statements"]

SCHEMA = 3
OLDEST = 2  # read and grown as well: it has no table `measure`, and its plans no `kind` but the built-in loop
APPLICATION_ID = 0x52454354  # "RECT": tells a study's file from any other SQLite database

TABLES = {
    "meta": "name TEXT PRIMARY KEY, value TEXT NOT NULL",
    "session": "session INTEGER PRIMARY KEY, started TEXT NOT NULL, command TEXT NOT NULL",
    "protocol": "name TEXT PRIMARY KEY, value TEXT NOT NULL",  # one row per field, JSON
    # what is asked; a session that asks something else writes it anew, and the last one counts
    "question": (
        "session INTEGER NOT NULL REFERENCES session, name TEXT NOT NULL, value TEXT NOT NULL, "
        "PRIMARY KEY (session, name)"
    ),
    "arm": (
        "session INTEGER NOT NULL REFERENCES session, position INTEGER NOT NULL, label TEXT NOT NULL, "
        "identity TEXT NOT NULL, name TEXT NOT NULL, gain REAL NOT NULL, width INTEGER, curve TEXT, "
        "PRIMARY KEY (session, position), UNIQUE (session, label)"
    ),
    "environment": (
        "session INTEGER NOT NULL REFERENCES session, name TEXT NOT NULL, value TEXT NOT NULL, "
        "PRIMARY KEY (session, name)"
    ),
    "run": (
        "position INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, session INTEGER REFERENCES session, "
        "phase TEXT NOT NULL CHECK (phase IN ('tune', 'margin', 'test')), arm TEXT NOT NULL, "
        "norm TEXT NOT NULL, "
        "learning_rate REAL NOT NULL, seed INTEGER NOT NULL, "
        "outcome TEXT NOT NULL CHECK (outcome IN ('finished', 'diverged', 'crashed')), reason TEXT NOT NULL, "
        "metric REAL, standard_error REAL, balanced REAL, "
        "steps INTEGER NOT NULL, epochs INTEGER NOT NULL, steps_to_target INTEGER, "
        "seconds REAL NOT NULL, peak_memory INTEGER, parameters INTEGER NOT NULL, "
        "init_hash TEXT NOT NULL, order_hash TEXT NOT NULL, noise_hash TEXT NOT NULL, started TEXT NOT NULL, "
        "CHECK ((outcome = 'finished') = (metric IS NOT NULL))"
    ),
    "curve": (
        "key TEXT NOT NULL REFERENCES run (key), epoch INTEGER NOT NULL, "
        "train_loss REAL NOT NULL, train_error REAL, PRIMARY KEY (key, epoch)"
    ),
    "measure": (
        "key TEXT NOT NULL REFERENCES run (key), name TEXT NOT NULL, value REAL NOT NULL, "
        "PRIMARY KEY (key, name)"
    ),
    "rate": (
        "session INTEGER NOT NULL REFERENCES session, arm TEXT NOT NULL, "
        "norm TEXT NOT NULL, "
        "learning_rate REAL NOT NULL, at_edge INTEGER NOT NULL, PRIMARY KEY (session, arm, norm)"
    ),
    "margin": "session INTEGER PRIMARY KEY REFERENCES session, value REAL NOT NULL, rule TEXT NOT NULL",
    "warning": (
        "position INTEGER PRIMARY KEY, session INTEGER NOT NULL REFERENCES session, code TEXT NOT NULL, "
        "text TEXT NOT NULL, severity TEXT NOT NULL, UNIQUE (session, code, text)"
    ),
}


def statements() -> list[str]:
    """Return the SQL that makes an empty study file, in order."""
    made = []
    for table, columns in TABLES.items():
        made.append(f"CREATE TABLE {table} ({columns})")
        made.extend(
            f"CREATE TRIGGER {table}_refuses_{event.lower()} BEFORE {event} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, 'the records of a study are immutable'); END"
            for event in ("UPDATE", "DELETE")
        )
    made.append(f"PRAGMA application_id = {APPLICATION_ID}")
    made.append(f"PRAGMA user_version = {SCHEMA}")
    return made
