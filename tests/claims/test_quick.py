"""Every claim that trains, at quick scale: `make claims`, minutes in all."""

from __future__ import annotations

from pathlib import Path

import pytest

from rectifiers import claims

EXACT = ("softmax-shift", "maxout-encodes", "crelu-norm")
TOGETHER = ("leaky-slope", "rrelu-overfits-less")  # share their runs, so one process takes both
TRAINED = [
    pytest.param(name, marks=pytest.mark.xdist_group("xu" if name in TOGETHER else name))
    for name in claims.names()
    if "quick" in claims.recorded(name) and name not in EXACT
]
OPPOSITE = {"reproduced", "not reproduced"}

pytestmark = pytest.mark.claims


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One directory for all, so that claims share runs."""
    return tmp_path_factory.mktemp("claims")


@pytest.mark.parametrize("name", TRAINED)
def test_nothing_contradicts_the_record(name: str, place: Path) -> None:
    """Another processor or version may move an inconclusive part, but none from one verdict to the other."""
    found, known = claims.run(name, jobs=1, out=place), claims.recorded(name)["quick"]
    for part, before in zip(found.parts, known.parts, strict=True):
        assert {part.verdict, before.verdict} != OPPOSITE, part.says
