"""Every claim that trains, at quick scale: `make claims`, minutes in all."""

from __future__ import annotations

from pathlib import Path

import pytest

from rectifiers import claims

EXACT = ("softmax-shift", "maxout-encodes", "crelu-norm")
TOGETHER = ("leaky-slope", "rrelu-overfits-less")  # the second reads the runs of the first
ALONE = [
    (name,) for name in claims.names() if "quick" in claims.recorded(name) and name not in (*EXACT, *TOGETHER)
]
OPPOSITE = {"reproduced", "not reproduced"}

pytestmark = pytest.mark.claims


@pytest.mark.parametrize("names", [TOGETHER, *ALONE], ids=" ".join)
def test_nothing_contradicts_the_record(names: tuple[str, ...], tmp_path: Path) -> None:
    """Another processor or version may move an inconclusive part, but none from one verdict to the other."""
    for name in names:
        found, known = claims.run(name, jobs=1, out=tmp_path), claims.recorded(name)["quick"]
        for part, before in zip(found.parts, known.parts, strict=True):
            assert {part.verdict, before.verdict} != OPPOSITE, part.says
