"""What a swap did, site by site."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rectifiers.call_sites import aligned

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["SwapReport", "Swapped"]


@dataclass(frozen=True)
class Swapped:
    """One site, before and after.

    Attributes
    ----------
    name : str
    before, after : str
        What runs there: `after` is ``before`` where it was left, and `reason` says why.
    calls : int
        In the run that proved it.
    scale : float or None
        By what the layer before was multiplied (`match_gain`).
    reason : str
        Why the site was left as it is; empty where it was swapped.
    """

    name: str
    before: str
    after: str
    calls: int
    scale: float | None = None
    reason: str = ""


class SwapReport(tuple[Swapped, ...]):
    """What `swap_` did, one entry per site that was meant; prints as a table."""

    @property
    def changed(self) -> tuple[Swapped, ...]:
        """The sites that were swapped."""
        return tuple(swapped for swapped in self if not swapped.reason)

    def frame(self) -> pd.DataFrame:
        """Return one row per site."""
        import pandas as pd

        return pd.DataFrame([vars(swapped) for swapped in self])

    def __str__(self) -> str:
        def scale(swapped: Swapped) -> str:
            return "" if swapped.scale is None else f"{swapped.scale:.4g}"

        rows = [[s.name, s.before, s.after, str(s.calls), scale(s), s.reason] for s in self]
        return aligned(("site", "before", "after", "calls", "scale", "left because"), rows)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.frame().to_html(index=False)
