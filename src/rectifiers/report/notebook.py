"""The result of a study as a fragment of HTML, for the output cell of a notebook."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from rectifiers.report import terminal
from rectifiers.report.summary import ArmRow, Summary

__all__ = ["fragment"]


def fragment(summary: Summary, places: Mapping[str, str]) -> str:
    """Return the verdict and the ranking as HTML, every text escaped.

    Parameters
    ----------
    summary : Summary
    places : mapping of str to str
        What lies where, as in ``{"report": "runs/digits/report.html"}``.
    """
    normed = summary.norms != ("none",)
    heads = ["arm", *(["norm"] if normed else []), f"{summary.metric} {summary.unit}".strip()]
    heads += ["failed", f"minus {summary.control}", "verdict"]
    rows = [
        _row([row.arm, *([row.norm] if normed else []), *_cells(summary, row)])
        for norm in summary.norms
        for row in summary.ranking(norm)
    ]
    head = "".join(f"<th style='text-align:left'>{escape(text)}</th>" for text in heads)
    paths = "".join(
        f"<div>{escape(what)}: <code>{escape(where)}</code></div>" for what, where in places.items()
    )
    warnings = "".join(f"<div>warning: {escape(text)}</div>" for text in summary.warnings)
    return (
        f"<div><p><strong>{escape(summary.headline)}</strong> {escape(summary.scope)}</p>"
        f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>{warnings}{paths}</div>"
    )


def _cells(summary: Summary, row: ArmRow) -> list[str]:
    versus = summary.comparison(row.arm, row.norm)
    verdict = "control" if versus is None else versus.verdict
    failed = str(row.diverged + row.crashed or "")
    return [terminal.score(row, summary.digits), failed, terminal.against(versus, summary.digits), verdict]


def _row(cells: list[str]) -> str:
    return "<tr>" + "".join(f"<td style='text-align:left'>{escape(cell)}</td>" for cell in cells) + "</tr>"
