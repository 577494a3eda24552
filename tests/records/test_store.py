"""The file that keeps a study."""

import contextlib
import dataclasses
import errno
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from rectifiers.errors import PlanMismatchError, SchemaError, StoreError, StoreLostError
from rectifiers.records import _file, _schema
from rectifiers.records.store import Store
from rectifiers.records.values import ArmSpec, Margin, Notice, Plan, Run, Trial, content_hash

CAREFUL = Notice("care", "careful")
ENVIRONMENT = {"torch": "2.13.0", "cpu": "made up"}


@pytest.fixture
def file(tmp_path) -> Path:
    return tmp_path / "out" / "study.db"


@pytest.fixture
def store(file, plan):
    with Store.create(file) as made:
        made.write_plan(plan, ENVIRONMENT, "rectifiers compare digits")
        yield made


def test_what_is_written_comes_back_bit_for_bit(store, plan, make_run):
    runs = (
        make_run(phase="tune", rate=0.01),
        make_run(seed=0, train_loss=(0.1 + 0.2, 1e-308), seconds=1 / 3, standard_error=2 / 3),
        make_run(
            "net:Mine", "batch", outcome="diverged", train_loss=(), train_error=(), steps_to_target=None
        ),
        make_run("net:Mine", outcome="crashed", reason="RuntimeError: é ' \" <script>", peak_memory=None),
        make_run("maxout(pieces=3)", train_error=()),
    )
    for run in runs:
        store.add(run)
    store.add_rate("relu", "none", 0.1, at_edge=True)
    store.add_margin(Margin(1 / 3, "as given"))
    store.add_warning(CAREFUL)
    study = store.study()
    assert study.plan == plan
    assert study.runs == runs
    assert study.rates == {("relu", "none"): 0.1}
    assert study.margin == Margin(1 / 3, "as given")
    assert study.warnings == (CAREFUL,)
    assert study.environment == ENVIRONMENT
    assert study.command == "rectifiers compare digits"


def test_it_is_there_again_after_closing(file, store, plan, make_run):
    store.add(make_run())
    store.close()
    store.close()
    with Store.open(file, readonly=True) as again:
        assert again.study().runs == (make_run(),)
    with Store.open(file.parent, readonly=True) as again:
        assert again.plan() == plan


def test_a_warning_is_kept_once(store):
    assert store.add_warning(CAREFUL)
    assert not store.add_warning(CAREFUL)
    assert store.study().warnings == (CAREFUL,)


def test_a_trial_is_written_once(store, make_run):
    store.add(make_run())
    with pytest.raises(StoreError, match=r"cannot write .*UNIQUE"):
        store.add(make_run(metric=50.0))
    assert [run.metric for run in store.study().runs] == [make_run().metric]


def test_a_run_is_written_whole_or_not_at_all(store, make_run, monkeypatch):
    with pytest.raises(ValueError):
        store.add(make_run(train_loss=(1.0, 2.0), train_error=(1.0,)))
    assert store.study().runs == ()
    with pytest.raises(StoreError, match="NOT NULL"):
        store.add(make_run(train_loss=(1.0, None), train_error=()))
    assert store.study().runs == ()
    store.add(make_run())


@pytest.mark.parametrize("table", _schema.TABLES)
def test_no_row_can_be_changed_or_removed(file, store, make_run, table):
    store.add(make_run(measures=(("f1", 0.5),)))
    store.add_rate("relu", "none", 0.1, at_edge=False)
    store.add_margin(Margin(0.2, "as given"))
    store.add_warning(CAREFUL)
    store.close()
    other = sqlite3.connect(file)
    (column,) = [row[1] for row in other.execute(f"PRAGMA table_info({table})")][-1:]
    for change in (f"UPDATE {table} SET {column} = 1", f"DELETE FROM {table}"):
        with pytest.raises(sqlite3.IntegrityError, match="immutable"):
            other.execute(change)
    other.close()


def test_it_is_read_while_it_is_written(file, store, make_run):
    store.add(make_run(seed=0))
    with Store.open(file, readonly=True) as reader:
        assert len(reader.study().runs) == 1
        store.add(make_run(seed=1))
        assert len(reader.study().runs) == 2
        with pytest.raises(StoreError, match="opened for reading"):
            reader.add(make_run(seed=2))


def test_a_second_writer_is_refused_until_the_first_is_done(file, store):
    with pytest.raises(StoreError, match=r"is being written by another run: wait for it"):
        Store.open(file)
    store.close()
    Store.open(file).close()


@pytest.mark.skipif(sys.platform == "win32", reason="locks of POSIX")
@pytest.mark.parametrize(
    "said, code",
    [("database is locked", errno.ENOLCK), ("disk I/O error", errno.EOPNOTSUPP)],  # as SQLite tells them
)
def test_a_file_system_without_locks_is_told_and_not_taken_for_another_run(file, monkeypatch, said, code):
    class Refused(sqlite3.Connection):
        def execute(self, *query):
            raise sqlite3.OperationalError(said)

    def lockf(*lock):
        raise OSError(code, os.strerror(code))

    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *place, **words: connect(*place, **words, factory=Refused))
    with pytest.raises(StoreError, match=r"is being written|cannot write"):
        Store.create(file)
    monkeypatch.setattr("fcntl.lockf", lockf)
    with pytest.raises(StoreError, match=r"refuses locks, .*: choose an --out on a local disk"):
        Store.create(file)
    assert not file.exists()


def test_the_lock_dies_with_its_process(file, store):
    store.close()
    code = f"""
import sys, time
from rectifiers.records.store import Store
from rectifiers.records.values import ArmSpec, Plan, Run, Trial, content_hash
store = Store.open({str(file)!r})
print("locked", flush=True)
sys.stdin.read()
"""
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout.readline() == "locked\n"
        with pytest.raises(StoreError, match="another run"):
            Store.open(file)
        os.kill(other.pid, signal.SIGKILL)
        other.wait()
    Store.open(file).close()


def test_another_protocol_is_refused_with_what_differs(file, store, plan, make_run):
    store.add(make_run())
    store.close()
    with Store.open(file) as again:
        again.write_plan(plan, ENVIRONMENT)
        with pytest.raises(PlanMismatchError) as caught:
            again.write_plan(dataclasses.replace(plan, epochs=7, seeds=9), ENVIRONMENT)
        assert str(caught.value) == (
            f"the trials in {file.parent} were made with --epochs 2, now --epochs 7: use another --out, or "
            "the same options (arms, seeds, margin, confidence and rates may change)"
        )
        assert again.plan() == plan
        assert len(again.study().runs) == 1


def test_a_file_without_runs_gives_way_to_another_protocol(file, store, plan, make_run):
    store.close()
    other = dataclasses.replace(plan, epochs=7)
    with Store.for_plan(file, other) as again:
        again.write_plan(other, ENVIRONMENT)
        again.add(make_run())
    with pytest.raises(PlanMismatchError, match="epochs 7"):
        Store.for_plan(file, plan)
    with Store.for_plan(file, other) as again:
        assert len(again.study().runs) == 1


def test_another_question_is_asked_of_the_same_trials(file, store, plan, make_run):
    store.add(make_run(measures=(("f1", 0.5),)))
    store.add_rate("relu", "none", 0.1, at_edge=False)
    store.add_margin(Margin(1.0, "first"))
    store.close()
    asked = dataclasses.replace(
        plan, seeds=7, margin=None, racing=True, arms=(*plan.arms[::-1], ArmSpec("elu", "elu", "elu", 1.2))
    )
    with Store.open(file) as again:
        again.write_plan(asked, {"torch": "9.9"}, "rectifiers compare --max-seeds 7")
        again.add_rate("relu", "none", 0.3, at_edge=False)
        again.add_margin(Margin(2.0, "then"))
        study = again.study()
    assert study.plan == asked
    assert (study.rates, study.margin) == ({("relu", "none"): 0.3}, Margin(2.0, "then"))
    assert (study.command, study.environment) == ("rectifiers compare --max-seeds 7", {"torch": "9.9"})
    assert len(study.runs) == 1


def test_each_session_keeps_what_it_ran_on_and_the_one_that_asked_is_told(file, store, plan):
    store.close()
    with Store.open(file) as again:
        again.write_plan(plan, {"torch": "9.9"}, "the same again")
        assert again.study().environment == ENVIRONMENT
        assert again.study().command == "rectifiers compare digits"
    other = sqlite3.connect(file)
    assert other.execute("SELECT value FROM environment WHERE session = 2").fetchall() == [("9.9",)]
    other.close()


def test_a_file_of_the_schema_before_is_read_and_grown(file, store, make_run):
    store.close()
    other = sqlite3.connect(file)
    other.execute("DROP TABLE measure")
    other.execute("PRAGMA user_version = 2")
    other.close()
    with Store.open(file) as again:
        again.add(make_run())
        assert again.study().runs == (make_run(),)


@pytest.mark.parametrize("schema, told", [(4, "a newer"), (1, "an older")])
def test_another_schema_is_refused_and_left_alone(file, store, schema, told):
    store.close()
    other = sqlite3.connect(file)
    other.execute(f"PRAGMA user_version = {schema}")
    other.close()
    before = file.read_bytes()
    for readonly in (True, False):
        with pytest.raises(SchemaError) as caught:
            Store.open(file, readonly=readonly)
        said = f"{file} was written by {told} rectifiers (schema {schema}; this one reads 3): "
        assert str(caught.value).startswith(said)
    assert file.read_bytes() == before


def test_the_schema_is_versioned():
    """A change of what is stored is a new schema: raise SCHEMA, read the old one too, then change this."""
    fields = {
        kind.__name__: sorted(f.name for f in dataclasses.fields(kind)) for kind in (Plan, ArmSpec, Run)
    }
    fields["Trial"] = sorted(Trial._fields)
    stored = content_hash([fields, _schema.TABLES])
    assert (_schema.SCHEMA, stored) == (3, "f9d3277813d4869f9ebdae5f8ca55b7ca54cfa425f61eada10b4f98835691a7d")


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path):
    file = tmp_path / "study.db"
    file.write_text("not a database, and long enough to look at: " * 100)
    before = file.read_bytes()
    for readonly in (True, False):
        with pytest.raises(StoreError, match=r"study\.db: file is not a database") as caught:
            Store.open(file, readonly=readonly)
        assert "\n" not in str(caught.value)
    assert file.read_bytes() == before


def test_another_database_is_refused(tmp_path):
    file = tmp_path / "study.db"
    other = sqlite3.connect(file)
    other.execute("CREATE TABLE notes (text)")
    other.commit()
    other.close()
    with pytest.raises(StoreError, match="not a study of rectifiers"):
        Store.open(file)


def test_a_damaged_file_is_told_in_one_line(file, store, make_run):
    for seed in range(50):
        store.add(make_run(seed=seed))
    store.close()
    content = bytearray(file.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    file.write_bytes(content)
    with pytest.raises(StoreError, match=r"cannot open .*malformed") as caught, Store.open(file) as again:
        again.study()
    assert "\n" not in str(caught.value)


def test_there_must_be_something_to_open_and_nothing_to_create(file, tmp_path):
    with pytest.raises(StoreError, match="there is no study at"):
        Store.open(tmp_path)
    Store.create(file).close()
    with pytest.raises(StoreError, match="exists already"):
        Store.create(file)


def test_a_file_is_made_whole_or_not_at_all(file, monkeypatch):
    monkeypatch.setattr("rectifiers.records._file.statements", lambda: [*_schema.statements(), "nonsense"])
    with pytest.raises(StoreError, match=r"cannot make .*syntax error"):
        Store.create(file)
    assert not file.exists()
    monkeypatch.undo()
    Store.create(file).close()
    assert sorted(path.name for path in file.parent.iterdir()) == ["study.db", "study.db.lock"]


def test_what_a_killed_and_deleted_file_left_is_not_played_back(file, store, plan, make_run, tmp_path):
    store.add(make_run())
    place = tmp_path / "again" / "study.db"
    place.parent.mkdir()
    for left in ("-wal", "-shm"):  # as a killed process leaves them
        shutil.copy(file.with_name(file.name + left), place.with_name(place.name + left))
    with Store.create(place) as made:
        assert made.plan() is None
        made.write_plan(plan, ENVIRONMENT)
        assert made.study().runs == ()


def test_an_empty_store_has_no_plan_and_no_study(file):
    with Store.create(file) as store:
        assert store.plan() is None
        with pytest.raises(StoreError, match="never started"):
            store.study()


def test_a_place_that_cannot_be_written_is_told_in_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"cannot make the directory .*file"):
        Store.create(tmp_path / "file" / "study.db")


@pytest.fixture
def protected(plan, make_run):
    """A finished study in a directory that cannot be written, not even by root."""
    with tempfile.TemporaryDirectory() as made:  # tmp_path lies under a directory only its owner may enter
        directory = Path(made)
        with Store.create(directory / "study.db") as store:
            store.write_plan(plan, ENVIRONMENT)
            store.add(make_run())
        directory.chmod(0o555)
        root = os.geteuid() == 0
        if root:
            os.seteuid(65534)
        try:
            yield directory
        finally:
            if root:
                os.seteuid(0)
            directory.chmod(0o755)


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="POSIX permissions")
def test_where_nothing_can_be_written_a_finished_study_is_read_and_nothing_else(protected):
    with Store.open(protected / "study.db", readonly=True) as store:
        assert len(store.study().runs) == 1
    with pytest.raises(StoreError, match=r"cannot write .*; choose another --out"):
        Store.create(protected / "another.db")
    with pytest.raises(StoreError, match=r"cannot make the directory .*Permission denied"):
        Store.create(protected / "deeper" / "study.db")
    with pytest.raises(StoreError, match=r"cannot open .*readonly"):
        Store.open(protected / "study.db")


def test_a_new_file_is_whole_before_it_has_a_log(file, monkeypatch):
    """Where the disk is full once the log is to go into the file, SQLite says nothing as it closes."""
    logs = []

    class Watched(sqlite3.Connection):
        def execute(self, statement, *values):
            done = super().execute(statement, *values)
            if statement == "COMMIT":
                logs.append([*file.parent.glob("*-wal")])
            return done

    monkeypatch.setattr(
        _file, "connect", lambda path: sqlite3.connect(path, isolation_level=None, factory=Watched)
    )
    Store.create(file).close()
    assert logs == [[]]


def test_a_full_disk_is_told_and_loses_nothing(store, make_run):
    store.add(make_run(seed=0))
    (pages,) = store._connection.execute("PRAGMA page_count").fetchone()
    store._connection.execute(f"PRAGMA max_page_count = {pages}")

    def fill():
        for seed in range(1, 1000):
            store.add(make_run(seed=seed))

    with pytest.raises(StoreError, match="database or disk is full"):
        fill()
    runs = store.study().runs
    assert runs == tuple(make_run(seed=seed) for seed in range(len(runs)))
    assert len(runs) > 0


@pytest.mark.skipif(sys.platform == "win32", reason="limits of POSIX")
@pytest.mark.parametrize("limit", [110_000, 150_000, 500_000])
def test_a_limit_on_the_size_of_files_keeps_what_was_measured(file, store, plan, make_run, limit):
    """As by `ulimit -f`."""
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    kept = 0
    try:
        with contextlib.suppress(StoreLostError):
            for kept in range(1000):
                store.add(make_run(seed=kept))
        with pytest.raises(StoreLostError, match=r"cannot write .*study\.db: disk I/O error"):
            store.add(make_run(seed=kept))
        store.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert kept > 0
    with Store.open(file) as again:
        assert again.study().runs == tuple(make_run(seed=seed) for seed in range(kept))
        again.write_plan(plan, ENVIRONMENT)
        again.add(make_run(seed=kept))
        assert len(again.study().runs) == kept + 1


def test_a_log_that_ends_in_mid_run_loses_that_run_and_nothing_before_it(file, store, make_run, tmp_path):
    for seed in range(8):
        store.add(make_run(seed=seed))
    log = file.with_name("study.db-wal").read_bytes()
    counts = []
    for part in (1.0, 0.9, 0.5, 0.1, 0.0):
        copy = tmp_path / f"{part}" / "study.db"
        copy.parent.mkdir()
        copy.write_bytes(file.read_bytes())
        copy.with_name("study.db-wal").write_bytes(log[: int(part * len(log))])
        with Store.open(copy) as cut:
            runs = cut.study().runs if cut.plan() else ()
            assert runs == tuple(make_run(seed=seed) for seed in range(len(runs)))
            counts.append(len(runs))
            if runs:
                cut.write_plan(cut.plan(), ENVIRONMENT)
                cut.add(make_run(seed=len(runs)))
    assert counts == sorted(counts, reverse=True)
    assert (counts[0], counts[1] < 8, counts[-1]) == (8, True, 0)


def test_a_clock_that_is_set_back_changes_no_order(file, store, plan, make_run, monkeypatch):
    store.add(make_run(seed=0))
    store.close()
    monkeypatch.setattr("rectifiers.records._file.now", lambda: "1999-01-01T00:00:00+00:00")
    grown = dataclasses.replace(plan, seeds=5)
    with Store.open(file) as again:
        again.write_plan(grown, ENVIRONMENT, "later")
        again.add(make_run(seed=1, started="1999-01-01T00:00:00+00:00"))
        study = again.study()
    assert (study.plan.seeds, study.command) == (5, "later")
    assert [run.trial.seed for run in study.runs] == [0, 1]


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="POSIX permissions")
def test_a_directory_that_becomes_read_only_while_it_is_written_loses_nothing(plan, make_run):
    with tempfile.TemporaryDirectory() as made:
        file, root = Path(made) / "study.db", os.geteuid() == 0
        with Store.create(file) as store:
            store.write_plan(plan, ENVIRONMENT)
            store.add(make_run(seed=0))
            Path(made).chmod(0o555)
            os.seteuid(65534 if root else os.geteuid())
            try:
                store.add(make_run(seed=1))
                store.close()
            finally:
                os.seteuid(0 if root else os.geteuid())
                Path(made).chmod(0o755)
        with Store.open(file) as again:
            assert again.study().runs == (make_run(seed=0), make_run(seed=1))


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE question SET value = '\"x\"' WHERE name = 'seeds'",
        "UPDATE question SET value = '{' WHERE name = 'control'",
        "UPDATE question SET name = 'other' WHERE name = 'norms'",
        "UPDATE question SET value = '\"nobody\"' WHERE name = 'control'",
        "UPDATE arm SET label = 'elu' WHERE position = 0",
        "UPDATE run SET seconds = 'long'",
        "UPDATE run SET metric = 9e999",
        "UPDATE curve SET train_loss = x'00'",
        "DELETE FROM session",
    ],
)
def test_what_no_study_holds_is_told_in_one_line(file, store, make_run, change):
    store.add(make_run())
    store.close()
    other = sqlite3.connect(file)
    for (trigger,) in other.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        other.execute(f"DROP TRIGGER {trigger}")
    other.execute(change)
    other.commit()
    other.close()
    said = pytest.raises(StoreError, match=r"study\.db is damaged: ")
    with said as caught, Store.open(file, readonly=True) as again:
        again.study()
    assert "\n" not in str(caught.value)


def test_runs_that_were_read_are_not_read_again_and_curves_only_where_wanted(file, store, make_run):
    store.add(make_run(seed=0, measures=(("f1", 0.5),)))
    with Store.open(file, readonly=True) as reader:
        (first,) = reader.study(curves=False).runs
        assert first == make_run(seed=0, measures=(("f1", 0.5),), train_loss=(), train_error=())
        store.add(make_run(seed=1, measures=(("f1", 0.25),)))
        again = reader.study(curves=False).runs
        assert again[0] is first
        assert again[1].measures == (("f1", 0.25),)
        assert reader.study().runs == store.study().runs
        assert reader.study().runs[1] == make_run(seed=1, measures=(("f1", 0.25),))


def test_a_study_is_read_without_torch(file, store, make_run):
    store.add(make_run())
    store.close()
    code = f"""
import sys
from rectifiers.records.store import Store
from rectifiers.records.values import ArmSpec, Plan, Run, Trial, content_hash
from rectifiers.records import events
with Store.open({str(file)!r}, readonly=True) as store:
    assert len(store.study().runs) == 1
assert not {{"torch", "numpy", "scipy"}} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_file_that_is_deleted_while_it_is_written_is_told_at_once_and_written_again(store, file, make_run):
    store.add(make_run(seed=0))
    for path in file.parent.iterdir():
        path.unlink()
    with pytest.raises(StoreLostError, match=r"was deleted, replaced .* is there again") as caught:
        store.add(make_run(seed=1))
    assert "\n" not in str(caught.value)
    with Store.open(file, readonly=True) as again:
        assert again.study().runs == (make_run(seed=0),)


def test_a_file_that_is_deleted_after_the_last_run_is_written_again(store, file, make_run):
    store.add(make_run(seed=0))
    with Store.open(file, readonly=True):
        file.unlink()
        with pytest.raises(StoreLostError, match="is there again"):
            store.close()
    with Store.open(file, readonly=True) as again:
        assert again.study().runs == (make_run(seed=0),)


def test_a_directory_that_is_deleted_while_it_is_written_is_made_again(store, file, make_run):
    store.add(make_run(seed=0))
    shutil.rmtree(file.parent)
    with pytest.raises(StoreLostError, match="is there again"):
        store.add(make_run(seed=1))
    with Store.open(file, readonly=True) as again:
        assert again.study().runs == (make_run(seed=0),)


@pytest.mark.parametrize("left", [None, b"", b"somebody else's"])
@pytest.mark.parametrize("when", ["before a run", "before it is closed"])
def test_a_log_that_is_deleted_or_replaced_while_others_read_loses_nothing(store, file, make_run, left, when):
    store.add(make_run(seed=0))
    log = file.with_name("study.db-wal")
    with Store.open(file, readonly=True) as reader:
        assert len(reader.study().runs) == 1
        log.unlink()
        if left is not None:
            log.write_bytes(left)
        with pytest.raises(StoreLostError, match=r"was deleted, replaced .* is there again"):
            store.add(make_run(seed=1)) if when == "before a run" else store.close()
        store.close()
    with Store.open(file) as again:
        assert again.study().runs == (make_run(seed=0),)
        again.write_plan(again.plan(), ENVIRONMENT)
        again.add(make_run(seed=1))
        assert len(again.study().runs) == 2


def test_an_index_of_the_log_that_is_deleted_changes_nothing(store, file, make_run):
    store.add(make_run(seed=0))
    with Store.open(file, readonly=True) as before:
        file.with_name("study.db-shm").unlink()
        store.add(make_run(seed=1))
        with Store.open(file, readonly=True) as after:
            assert before.study() == after.study() == store.study()
        store.close()
    with Store.open(file) as again:
        assert again.study().runs == (make_run(seed=0), make_run(seed=1))


def test_a_file_that_was_read_when_empty_is_not_said_to_be_there(store, file, make_run):
    store.add(make_run(seed=0))
    file.write_bytes(b"")
    with pytest.raises(StoreError):  # SQLite takes its log for a leftover then, and deletes it
        Store.open(file, readonly=True)
    with pytest.raises(StoreLostError, match="runs are lost"):
        store.add(make_run(seed=1))


@pytest.mark.parametrize("name", ["study.db-wal", "study.db"])
@pytest.mark.parametrize("when", ["before a run", "before it is closed"])
def test_a_file_or_log_that_is_emptied_is_told_and_not_written_into(store, file, make_run, name, when):
    store._connection.execute("PRAGMA wal_checkpoint(FULL)")  # the plan is in the file
    for seed in range(3):
        store.add(make_run(seed=seed))
    with file.with_name(name).open("r+b") as there:
        there.truncate(0)
    with pytest.raises(StoreLostError, match=r"was deleted, replaced or cut off .* runs are lost"):
        store.add(make_run(seed=3)) if when == "before a run" else store.close()
    store.close()
    if name == "study.db-wal":  # what had gone from the log into the file is there, and can be gone on with
        with Store.open(file) as again:
            assert again.study().runs == ()
            again.add(make_run(seed=0))
            assert len(again.study().runs) == 1


def test_a_file_that_is_replaced_is_left_alone(store, file, make_run):
    store.add(make_run(seed=0))
    file.unlink()
    file.write_text("somebody else's")
    with pytest.raises(StoreLostError, match="runs are lost"):
        store.add(make_run(seed=1))
    assert file.read_text() == "somebody else's"


def test_warnings_of_an_earlier_session_count_no_more_unless_they_tell_how_it_came_to_be(store, file, plan):
    moved = Notice("elsewhere", "continued elsewhere")
    store.add_warning(CAREFUL)
    store.add_warning(moved)
    store.close()
    with Store.open(file) as again:
        again.write_plan(plan, ENVIRONMENT)
        withheld = Notice("shared", "layers are shared", "withheld")
        again.add_warning(withheld)
        assert again.study().warnings == (moved, withheld)
