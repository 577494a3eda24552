"""The result of a comparison: a study with the file that keeps it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

from rectifiers.errors import UnknownNameError
from rectifiers.records import contrasts
from rectifiers.records.store import Store
from rectifiers.records.values import Study
from rectifiers.report import export, files
from rectifiers.report.methods import methods
from rectifiers.report.result import REPORT, Result

if TYPE_CHECKING:
    import pandas as pd

    from rectifiers.evidence.paired import PairedComparison
    from rectifiers.evidence.time_to_target import Speedup

__all__ = ["ComparisonResult"]


@dataclass(frozen=True)
class ComparisonResult(Result):
    """What a comparison found. Shows itself in a notebook and as text.

    Attributes
    ----------
    study : Study
        The plan and every run, as recorded.
    store : Path
        The file that keeps them.
    report : Path or None
        The HTML report, if one was written.
    """

    study: Study
    store: Path
    report: Path | None = None

    @classmethod
    def load(cls, directory: str | Path) -> Self:
        """Read a study back, finished or not; needs no torch.

        Parameters
        ----------
        directory : path
            Where `compare` kept it (its ``out``), or the ``study.db`` in it.

        Raises
        ------
        StoreError
            There is no study there, or it cannot be read.
        """
        with Store.open(directory, readonly=True) as store:
            study = store.study()
        report = store.path.parent / REPORT
        return cls(study, store.path, report if report.is_file() else None)

    @property
    def methods(self) -> str:
        """How it was done, as a paragraph for a paper, with what to cite."""
        return methods(self.summary, self.study)

    @property
    def verdict(self) -> str:
        """The recommendation in a sentence, and what it holds for."""
        return self.summary.sentence

    def interaction(self, arm: str, *, norm: str = "batch", quantity: str = "metric") -> PairedComparison:
        """Compare what an arm gains over the control with a normalisation and without; see `evidence`."""
        return contrasts.interaction(self.study, arm, norm=norm, quantity=quantity)

    def speedup(self, arm: str, *, norm: str = "none") -> Speedup:
        """Compare the steps in which an arm and the control reach `target`; see `evidence`."""
        return contrasts.speedup(self.study, arm, norm=norm)

    def write(self, directory: str | Path | None = None, *, svg: bool = False, png: bool = False) -> Self:
        """Write the HTML report, and the charts as files of their own if asked for.

        Parameters
        ----------
        directory : path, optional
            Where to; beside the store without.
        svg, png : bool
            Whether each chart is also written as such a file.

        Returns
        -------
        ComparisonResult
            With `report` at the new file.
        """
        place = self.store.parent if directory is None else directory
        return dataclasses.replace(self, report=files.write(self.study, place, svg=svg, png=png))

    def to_frame(self, per: Literal["arm", "seed"] = "arm") -> pd.DataFrame:
        """Return one row per arm and normalisation, with its comparison; or one per seed of each.

        Parameters
        ----------
        per : {"arm", "seed"}
            ``"seed"`` gives a row per deciding run: its outcome, its metric, and what else it returned.
        """
        import pandas as pd

        if per == "seed":
            return pd.DataFrame(export.per_seed(self.study))
        if per != "arm":
            raise UnknownNameError.of("row of a frame", str(per), ("arm", "seed"))
        found = self.to_json()
        arms = pd.DataFrame(found["arms"])
        if not found["comparisons"]:
            return arms
        return arms.merge(pd.DataFrame(found["comparisons"]), on=["arm", "norm"], how="left")
