"""The result of a study as text: what to do, the ranking with its intervals, and where to read on."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from rectifiers.report import colours, words
from rectifiers.report.colours import on_terminal
from rectifiers.report.facts import ArmRow, ComparisonRow
from rectifiers.report.forest import Forest
from rectifiers.report.summary import Summary

__all__ = ["Column", "against", "columns", "in_columns", "output", "plain", "remarks", "show"]

_LOG_WIDTH = 160
_EXTRAS = ("intervals", "time", "for new data", "rate")  # left out one after the other where there is no room

Column = tuple[str, Sequence[Text], Mapping[str, Any]]
"""The head of a column, its cells, and how rich is to set it."""


def plain(summary: Summary, places: Mapping[str, str]) -> str:
    """Return the result as text without colours, 100 columns wide."""
    console = Console(
        file=io.StringIO(),
        width=100,
        color_system=None,
        force_terminal=True,
        force_jupyter=False,
        emoji=False,
    )
    with console.capture() as capture:
        show(console, summary, places)
    return capture.get().rstrip()


def output() -> Console:
    """Return a console on standard output, wide enough not to cut anything when that is a file."""
    width = None if sys.stdout.isatty() else _LOG_WIDTH
    return Console(highlight=False, emoji=False, width=width)


def show(console: Console, summary: Summary, places: Mapping[str, str]) -> None:
    """Print the result of a study, the recommendation first.

    Parameters
    ----------
    console : rich.console.Console
    summary : Summary
    places : mapping of str to str
        What lies where: ``{"report": "runs/digits/report.html"}``.
    """
    # Prose is broken into lines for a reader at a terminal; in a file it stays searchable. A path with a
    # line break in it could not even be copied.
    in_file = not console.is_terminal
    advice, plan = summary.recommendation, summary.plan

    def say(lines: Iterable[str], style: str) -> None:
        for line in lines:
            console.print(Text(line, style), soft_wrap=in_file)

    say((advice.sentence,) if in_file else advice.lines, "bold" if summary.valid else "bold red")
    if advice.command and not in_file:  # on a line of its own, so that it can be copied
        console.print(Text(f"  {advice.command}"), soft_wrap=True)
    say(summary.scope, "dim")
    ran = any(row.n + row.diverged + row.crashed for row in summary.arms)
    for norm in plan.norms if ran or summary.valid else ():
        console.print()
        if plan.norms != ("none",):
            say([words.norm_text(norm)], "bold")
        console.print(_Ranking(summary, norm))
    meanings, warnings = _meanings(summary), remarks(summary)
    if meanings or warnings:
        console.print()
    say(meanings, "dim")
    say(warnings, "yellow")
    if places:
        console.print()
    longest = max(map(len, places), default=0)
    for what, where in places.items():
        console.print(Text(f"{what:<{longest}}  {where}"), soft_wrap=True)


class _Ranking:
    """The table of one normalisation, with as many columns as there is room for."""

    def __init__(self, summary: Summary, norm: str) -> None:
        self._summary, self._rows = summary, summary.ranking(norm)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for left_out in range(len(_EXTRAS) + 1):
            table = in_columns(self._columns(_EXTRAS[left_out:]))
            unlimited = options.update(max_width=_LOG_WIDTH * 10)
            if Measurement.get(console, unlimited, table).maximum <= options.max_width:
                break
        yield table

    def _columns(self, extras: Sequence[str]) -> Iterator[Column]:
        summary, plan = self._summary, self._summary.plan
        looks = colours.styles(plan.arms)
        shades = [on_terminal(looks[row.arm]) for row in self._rows]
        versus = [summary.comparison(row.arm, row.norm) for row in self._rows]
        left = {"overflow": "fold"}
        for head, cells in columns(summary, self._rows).items():
            if head == "arm":
                names = [Text.assemble(("● ", shade), arm) for arm, shade in zip(cells, shades, strict=True)]
                yield head, names, left
            elif head == "verdict":
                margin = summary.margin.value if summary.margin else 0.0
                forest = Forest([other.ends for other in versus if other], margin)
                if "intervals" in extras and forest:
                    lines = [forest.draw(other.ends if other else None) for other in versus]
                    yield forest.scale, list(map(Text, lines, shades)), left
                verdicts = [colours.VERDICTS[other.verdict] if other else "dim" for other in versus]
                yield head, list(map(Text, cells, verdicts)), left
            elif head in extras or head not in ("norm", *_EXTRAS):
                right = head not in ("failed", "for new data") and not head.startswith("minus ")
                texts = [Text(cell, "red" if head == "failed" else "") for cell in cells]
                yield head, texts, {**left, "justify": "right" if right else "left"}


def in_columns(columns: Iterable[Column]) -> Table:
    """Return a table without lines."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    drawn = []
    for head, cells, options in columns:
        table.add_column(Text(head), **options)
        drawn.append(cells)
    for row in zip(*drawn, strict=True):
        table.add_row(*row)
    return table


def columns(summary: Summary, rows: Sequence[ArmRow]) -> dict[str, list[str]]:
    """Return what a ranking says, column by column; those with nothing in them are left out."""
    plan, digits = summary.plan, summary.digits
    versus = [summary.comparison(row.arm, row.norm) for row in rows]
    found = {
        "arm": [row.arm for row in rows],
        "norm": [row.norm if plan.norms != ("none",) else "" for row in rows],
        "rate": [words.rate_text(row.learning_rate) for row in rows],
        f"{plan.metric} {plan.unit}".strip(): [words.spread(row.mean, row.sd, digits) for row in rows],
        "balanced %": [words.number(row.balanced, digits) if summary.unequal else "" for row in rows],
        "failed": [words.failures(row.diverged, row.crashed) for row in rows],
        f"minus {plan.control}": [against(other, digits) for other in versus],
        "verdict": [_verdict(other, plan.racing) if summary.valid else "" for other in versus],
        "for new data": [
            f"[{words.between(*other.new_data, digits)}]" if other and other.new_data else ""
            for other in versus
        ],
        "time": [words.duration(row.seconds_per_trial) for row in rows],
    }
    return {head: cells for head, cells in found.items() if set(cells) - {"", "–"}}


def against(versus: ComparisonRow | None, digits: int) -> str:
    """Return a difference and its interval as ``+0.41 [+0.10 to +0.72]``, nothing without one."""
    if versus is None or versus.difference is None:
        return ""
    difference = "tie" if versus.difference == 0.0 else words.signed(versus.difference, digits)
    return f"{difference} [{words.between(versus.low, versus.high, digits)}]"


def _verdict(versus: ComparisonRow | None, racing: bool) -> str:
    """Return a verdict, in a race with the seed it was reached at."""
    if versus is None:
        return "control"
    at = f" at seed {versus.decided_at}" if racing and versus.decided_at is not None else ""
    return f"{'out' if versus.out else versus.verdict}{at}"


def remarks(summary: Summary) -> list[str]:
    """Return what verdicts leave out and the warnings, a line each."""
    several = summary.plan.norms != ("none",)
    found = [
        f"{row.arm}{f' {words.norm_text(row.norm)}' if several else ''}: {row.note}"
        for row in summary.comparisons
        if row.note and summary.margin is not None and summary.valid
    ]
    return [*found, *(f"warning: {notice.text} [{notice.code}]" for notice in summary.remarks)]


def _meanings(summary: Summary) -> list[str]:
    """Return what the verdicts in the table mean, in one line; nothing where there are none."""
    if summary.margin is None or not summary.valid:
        return []
    meanings = {
        "better": "better, worse: the interval leaves out 0",
        "worse": "better, worse: the interval leaves out 0",
        "equivalent": f"equivalent: it is inside ±{words.amount(summary.margin.value, summary.plan.unit)}",
        "undecided": "undecided: neither, which is not the same as equal",
    }
    seen = {row.verdict for row in summary.comparisons}
    lines = dict.fromkeys(text for name, text in meanings.items() if name in seen)
    return [f"{'; '.join(lines)}."] if lines else []
