"""What a study says, in every form it is read in: a terminal, a notebook, JSON and the HTML file."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rectifiers.records.values import Study

if TYPE_CHECKING:
    from rectifiers.report.facts import Recommendation
    from rectifiers.report.summary import Summary

__all__ = ["REPORT", "Result"]

REPORT = "report.html"


class Result:
    """A study and what it says. Shows itself in a notebook and as text.

    Attributes
    ----------
    study : Study
        The plan and every run.
    store : Path or None
        The file that keeps them, if there is one.
    report : Path or None
        The HTML report, if one was written.
    """

    study: Study
    store: Path | None
    report: Path | None

    @cached_property
    def summary(self) -> Summary:
        """Every fact of the study as plain data."""
        from rectifiers.report.summary import summarize

        return summarize(self.study)

    @property
    def recommendation(self) -> Recommendation:
        """Which arm to use, in a sentence, and whether that is decided."""
        return self.summary.recommendation

    @property
    def places(self) -> dict[str, str]:
        """What lies where, as text: the report and the store, where there are any."""
        files = {"report": self.report, "store": self.store}
        return {name: str(path) for name, path in files.items() if path is not None}

    def to_json(self) -> dict[str, Any]:
        """Return the result as JSON-able values, as ``--json`` prints it."""
        return {**self.summary.to_json(), "report": None, "store": None, **self.places}

    def __str__(self) -> str:
        from rectifiers.report import terminal

        return terminal.plain(self.summary, self.places)

    def _repr_html_(self) -> str:
        from rectifiers.report import notebook

        return notebook.fragment(self.summary, self.places)
