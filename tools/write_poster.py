"""Draw the list of claims with their verdicts into docs/assets/claims.svg."""

from __future__ import annotations

from pathlib import Path

from rectifiers import claims
from rectifiers.claims import _page

if __name__ == "__main__":
    drawn = _page.poster((claims.load(name), claims.recorded(name)) for name in claims.names())
    (Path(__file__).parents[1] / "docs" / "assets" / "claims.svg").write_text(drawn)
