"""docs/records.md says what is there, and its queries run."""

import re
import sqlite3
from pathlib import Path

import pytest

from rectifiers.records import _schema
from rectifiers.records.store import Store

PAGE = Path(__file__).parents[2] / "docs" / "records.md"
pytestmark = pytest.mark.skipif(
    not PAGE.exists(), reason="the documentation is not installed with the package"
)
QUERIES = re.findall(r"\n([^\n`]+):\n\n```sql\n(.*?)```", PAGE.read_text(), re.S) if PAGE.exists() else []


@pytest.fixture
def database(tmp_path, plan, make_run):
    with Store.create(tmp_path / "study.db") as store:
        store.write_plan(plan, {"torch": "2.13.0"}, "rectifiers compare digits")
        for arm in plan.arms:
            for norm in plan.norms:
                for rate in plan.learning_rates:
                    store.add(make_run(arm.label, norm, rate, phase="tune"))
                for seed in range(plan.seeds):
                    finished = arm.label != "net:Mine" or seed
                    store.add(
                        make_run(arm.label, norm, seed=seed, outcome="finished" if finished else "diverged")
                    )
                store.add_rate(arm.label, norm, 0.1, at_edge=True)
    connection = sqlite3.connect(tmp_path / "study.db")
    yield connection
    connection.close()


def answer(database, name):
    (query,) = [sql for title, sql in QUERIES if title.startswith(name)]
    return database.execute(query).fetchall()


def test_every_query_of_the_page_runs(database):
    assert len(QUERIES) >= 7
    for _, query in QUERIES:
        database.execute(query).fetchall()


def test_the_answers_are_right(database):
    assert len(answer(database, "The ranking")) == 6
    assert ("net:Mine", "none", 1, pytest.approx(91 + 1 / 3), 1) in answer(database, "The ranking")
    differences = answer(database, "Differences from the control")
    assert {row[0] for row in differences} == {"maxout(pieces=3)", "net:Mine"}
    assert {row[3] for row in differences} == {0.0, None}
    assert len(answer(database, "Which rates were tried")) == 3 * 2 * 2
    assert len(answer(database, "A mean learning curve")) == 3 * 2
    assert [row[:2] for row in answer(database, "What choosing the rates cost")] == [
        ("test", 12),
        ("tune", 12),
    ]
    assert answer(database, "That arms shared") == []
    assert {row[0] for row in answer(database, "What went wrong")} == {"net:Mine"}


def test_every_table_and_column_is_explained(database):
    text = PAGE.read_text()
    for table in _schema.TABLES:
        assert f"`{table}`" in text, table
        for _, column, *_ in database.execute(f"PRAGMA table_info({table})"):
            assert f"`{column}`" in text, f"{table}.{column}"


def test_the_lines_of_python_run(database, tmp_path):
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.S)
    exec(code.replace('"DIR"', repr(str(tmp_path))), {})
