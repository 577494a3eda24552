"""Write the page of what differs from torch on purpose, from the lines the tests are held to.

python tools/write_differences.py      # after a line of tests/citizenship/differences.py changed
"""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).resolve().parents[1]
LINES = _ROOT / "tests" / "citizenship" / "differences.py"
PAGE = _ROOT / "docs" / "guide" / "differences.md"

_HEAD = """\
<!-- Written by tools/write_differences.py from tests/citizenship/differences.py: change the lines there. -->

# Where ours differs

Whatever torch's own module accepts, this library's accepts, with the same values and gradients and the same
kind of error. The test suite holds every activation to that, small and large, in place and not, in every
situation it knows: checkpointing, hooks, `torch.func`, compilers, exporters, views, subclasses, processes and
more. What torch does not have (Maxout, CReLU, squared ReLU) is held to the composition of torch's operations.

Arguments are checked first: a slope or an alpha that is not finite is an `ArgumentError`, where torch
computes with it.

These are the exceptions. Each is on purpose, and each has a test that fails when it no longer differs.

| activation | situation | what differs |
| --- | --- | --- |
"""


def page() -> str:
    """Return the text of the page."""
    return _HEAD + "".join(map(_row, runpy.run_path(str(LINES))["DIFFERENCES"]))


def _row(line: Any) -> str:
    cells = f"{', '.join(line.activations) or 'all'}"
    where = line.situation.replace("_", " ")
    where += "" if len(line.sizes) == 2 else f", {line.sizes[0]}"
    where += "" if len(line.in_place) == 2 else ", in place" if line.in_place[0] else ""
    return f"| {cells} | {where} | {line.why} |\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
