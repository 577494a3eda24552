"""The published claims: a file each, records that match their plans, pages made of nothing but records."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from rectifiers import claims
from rectifiers.claims import _page, published
from rectifiers.claims._record import COMMITTED
from rectifiers.claims._watched import inside, watched
from rectifiers.cli import main

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")  # torch.func.jvp's own

NAMES = claims.names()
RECORDS = [(name, scale) for name in NAMES for scale in claims.recorded(name)]
ALL = [(claims.load(name), claims.recorded(name)) for name in NAMES]
EXACT = ("softmax-shift", "maxout-encodes", "crelu-norm")


def test_files_are_the_registry() -> None:
    files = {path.stem.replace("_", "-") for path in Path(published.__file__).parent.glob("[a-z]*.py")}
    assert files == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_claim_is_one_short_file(name: str) -> None:
    path = Path(published.__file__).with_name(f"{name.replace('-', '_')}.py")
    assert len(path.read_text().splitlines()) < 80


@pytest.mark.parametrize("name, scale", RECORDS)
def test_records_match_their_plans(name: str, scale: str) -> None:
    """Another criterion, plan or computation needs another run of the claim."""
    claim, record = claims.load(name), claims.recorded(name)[scale]
    assert record.plan == claim.hash(scale)
    assert [part.says for part in record.parts] == [part.says for part in claim.parts]
    assert record.proxy == claim.scale(scale).proxy
    verdicts = [
        part.criterion.verdict(found.low, found.high, found.margin)
        for part, found in zip(claim.parts, record.parts, strict=True)
    ]
    assert verdicts == [part.verdict for part in record.parts]
    assert record.environment["torch"]


def test_every_record_is_of_a_claim() -> None:
    assert {path.name for path in COMMITTED.glob("*.json")} == {f"{n}.{s}.json" for n, s in RECORDS}


@pytest.mark.parametrize("name", NAMES)
def test_pages_are_made_of_records(name: str) -> None:
    claim, records = claims.load(name), claims.recorded(name)
    page = _page.page(claim, records)
    for record in records.values():
        assert record.text in page.lower()
        for part in record.parts:
            assert part.says in page
        drawn = _page.picture(claim, record)
        assert drawn.count("<circle") == sum(part.value is not None for part in record.parts)
        assert "nan" not in drawn
        changed = dataclasses.replace(record, verdict="inconclusive", proxy=True)
        assert "inconclusive (proxy)" in _page.page(claim, {record.scale: changed}).lower()
    numbers = re.findall(r"\d+\.\d{2,}", claim.statement + claim.remarks)
    assert not numbers, "results are not written by hand"


def test_the_index_lists_all() -> None:
    index = _page.index(ALL)
    assert all(f"[{name}]({name}.md)" in index for name in NAMES)


POSTER = Path(__file__).parents[2] / "docs" / "assets" / "claims.svg"


@pytest.mark.skipif(not POSTER.exists(), reason="the documentation is not installed with the package")
def test_the_picture_of_the_list_is_made_of_the_records() -> None:
    assert POSTER.read_text() == _page.poster(ALL), "make poster"


@pytest.mark.parametrize("name", EXACT)
def test_the_exact_ones_come_out_as_on_record(name: str, tmp_path: Path) -> None:
    found, known = claims.run(name, out=tmp_path), claims.recorded(name)["quick"]
    assert found.verdict == known.verdict
    for part, before in zip(found.parts, known.parts, strict=True):
        assert part.verdict == before.verdict
        assert part.value == pytest.approx(before.value, rel=1e-6, abs=1e-9)


def test_the_command_lists_and_shows(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["claims"]) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in NAMES)
    assert main(["claims", "show", "crelu-norm"]) == 0
    assert "What was claimed" in capsys.readouterr().out
    assert main(["claims", "show", "crelu"]) == 2
    assert "did you mean 'crelu-norm'" in capsys.readouterr().err


def test_figures_from_inside_are_of_the_network_that_was_asked_for() -> None:
    start = watched("relu", 0, depth=3, width=32)
    assert 0.35 < start["sparsity"] < 0.65
    assert watched("leaky_relu(0.1)", 0, depth=3, width=32)["sparsity"] == 0
    assert watched("relu", 1, depth=3, width=32) != start
    assert watched.__wrapped__("relu", 0, depth=3, width=32) == start  # whatever was drawn in between
    trained = watched("prelu", 0, depth=2, width=8, steps=20, rate=0.1)
    assert trained["slope 1"] != 0.25
    assert trained["slope 2"] == trained["deeper slopes"]
    assert set(trained) >= {"vanishing", "output_median", "rounding", "dead"}
    assert watched("prelu", 0, depth=2, width=8)["slope 2"] == 0.25
    apart = inside(1, "prelu", "slope 1", less={"of": "slope 2"}, depth=2, width=8, steps=20, rate=0.1)
    assert apart.tolist() == [trained["slope 1"] - trained["slope 2"]]
