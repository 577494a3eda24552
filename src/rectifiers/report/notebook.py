"""The result of a study as a fragment of HTML, for the output cell of a notebook."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape

from rectifiers.report import glossary, terminal
from rectifiers.report.summary import Summary

__all__ = ["fragment"]

# A title is shown by a mouse only; a tap finds the same words under the table.
_WORD = "<abbr title='{meaning}' style='text-decoration:underline dotted'>{word}</abbr>"


def fragment(summary: Summary, places: Mapping[str, str]) -> str:
    """Return the recommendation and the ranking as HTML, every text escaped.

    Parameters
    ----------
    summary : Summary
    places : mapping of str to str
        What lies where, as in ``{"report": "runs/digits/report.html"}``.
    """
    ranking = [row for norm in summary.plan.norms for row in summary.ranking(norm)]
    columns = terminal.columns(summary, ranking)
    head = "".join(f"<th style='text-align:left'>{escape(text)}</th>" for text in columns)
    rows = "".join(map(_row, zip(*columns.values(), strict=True)))
    advice = summary.recommendation
    first = "".join(
        f"<p style='font-size:1.25em'><strong>{_marked(line)}</strong></p>" for line in advice.lines
    )
    command = f"<pre><code>{escape(advice.command)}</code></pre>" if advice.command else ""
    scope = " ".join(map(_marked, summary.scope))
    rest = [f"<div>{escape(text)}</div>" for text in terminal.remarks(summary)]
    rest += [f"<div>{escape(what)}: <code>{escape(where)}</code></div>" for what, where in places.items()]
    meanings = "".join(
        f"<dt>{escape(word)}</dt><dd>{escape(text)}</dd>" for word, text in glossary.WORDS.items()
    )
    return (
        f"<div>{first}{command}<p>{scope}</p>"
        f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>{''.join(rest)}"
        f"<details><summary>What the words mean</summary><dl>{meanings}</dl></details></div>"
    )


def _marked(text: str) -> str:
    return glossary.marked(text, _WORD)


def _row(cells: Iterable[str]) -> str:
    return "<tr>" + "".join(f"<td style='text-align:left'>{escape(cell)}</td>" for cell in cells) + "</tr>"
