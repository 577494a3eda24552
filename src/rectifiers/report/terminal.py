"""The result of a study as text: what to do, the ranking with its intervals, and where to read on."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from rectifiers.records.values import ArmSpec
from rectifiers.report import colours, words
from rectifiers.report.colours import on_terminal
from rectifiers.report.facts import ArmRow, ComparisonRow
from rectifiers.report.forest import Ends, Forest
from rectifiers.report.summary import Summary

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult
    from rich.table import Table

__all__ = ["against", "columns", "output", "plain", "remarks", "show"]

_LOG_WIDTH = 160
_EXTRAS = ("intervals", "time", "for new data", "rate")  # left out one after the other where there is no room


def plain(summary: Summary, arms: Sequence[ArmSpec], places: Mapping[str, str]) -> str:
    """Return the result as text without colours, 100 columns wide."""
    from rich.console import Console

    console = Console(
        file=io.StringIO(), width=100, color_system=None, force_terminal=True, force_jupyter=False
    )
    with console.capture() as capture:
        show(console, summary, arms, places)
    return capture.get().rstrip()


def output() -> Console:
    """Return a console on standard output, wide enough not to cut anything when that is a file."""
    from rich.console import Console

    width = None if sys.stdout.isatty() else _LOG_WIDTH
    return Console(highlight=False, width=width)


def show(console: Console, summary: Summary, arms: Sequence[ArmSpec], places: Mapping[str, str]) -> None:
    """Print the result of a study, the recommendation first.

    Parameters
    ----------
    console : rich.console.Console
    summary : Summary
    arms : sequence of ArmSpec
        For their colours.
    places : mapping of str to str
        What lies where: ``{"report": "runs/digits/report.html"}``.
    """
    from rich.text import Text

    # Prose is broken into lines for a reader at a terminal; in a file it stays searchable. A path with a
    # line break in it could not even be copied.
    in_file = not console.is_terminal
    advice = summary.recommendation
    for line in (advice.sentence,) if in_file else advice.lines:
        console.print(Text(line, style="bold" if summary.valid else "bold red"), soft_wrap=in_file)
    if advice.command and not in_file:  # on a line of its own, so that it can be copied
        console.print(Text(f"  {advice.command}"), soft_wrap=True)
    for line in summary.scope:
        console.print(Text(line, style="dim"), soft_wrap=in_file)
    looks = colours.styles(arms)
    ran = any(row.n + row.diverged + row.crashed for row in summary.arms)
    for norm in summary.norms if ran or summary.valid else ():
        console.print()
        if summary.norms != ("none",):
            console.print(Text(words.norm_text(norm), style="bold"))
        console.print(_Ranking(summary, looks, norm))
    below = [
        *((line, "dim") for line in _meanings(summary)),
        *((line, "yellow") for line in remarks(summary)),
    ]
    if below:
        console.print()
    for line, style in below:
        console.print(Text(line, style=style), soft_wrap=in_file)
    if places:
        console.print()
    longest = max(map(len, places), default=0)
    for what, where in places.items():
        console.print(Text(f"{what:<{longest}}  {where}"), soft_wrap=True)


class _Ranking:
    """The table of one normalisation, with as many columns as there is room for."""

    def __init__(self, summary: Summary, looks: Mapping[str, colours.Style], norm: str) -> None:
        self.summary, self.norm, self._looks = summary, norm, looks
        self._rows = summary.ranking(norm)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        from rich.measure import Measurement

        for left_out in range(len(_EXTRAS) + 1):
            table = self._table(_EXTRAS[left_out:], options.ascii_only)
            unlimited = options.update(max_width=_LOG_WIDTH * 10)
            if Measurement.get(console, unlimited, table).maximum <= options.max_width:
                break
        yield table

    def _table(self, extras: Sequence[str], ascii_only: bool) -> Table:
        from rich.table import Table
        from rich.text import Text

        versus = [self.summary.comparison(row.arm, self.norm) for row in self._rows]
        shades = [on_terminal(self._looks[row.arm]) for row in self._rows]
        dot = "* " if ascii_only else "● "
        table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
        drawn: list[list[Text]] = []

        def column(head: str, cells: Iterable[Text], right: bool = False) -> None:
            table.add_column(Text(head), justify="right" if right else "left", overflow="fold")
            drawn.append(list(cells))

        for head, cells in columns(self.summary, self._rows).items():
            if head == "arm":
                column(head, (Text.assemble((dot, c), arm) for arm, c in zip(cells, shades, strict=True)))
            elif head == "verdict":
                if "intervals" in extras and (forest := self._forest(versus, ascii_only)):
                    lines = zip(map(forest.draw, map(_ends, versus)), shades, strict=True)
                    column(forest.scale, (Text(line, style=shade) for line, shade in lines))
                styles = (colours.VERDICTS[other.verdict] if other else "dim" for other in versus)
                column(head, (Text(cell, style=style) for cell, style in zip(cells, styles, strict=True)))
            elif head in extras or head not in ("norm", *_EXTRAS):
                style = "red" if head == "failed" else ""
                right = head not in ("failed", "for new data") and not head.startswith("minus ")
                column(head, (Text(cell, style=style) for cell in cells), right)
        for row in zip(*drawn, strict=True):
            table.add_row(*row)
        return table

    def _forest(self, versus: Iterable[ComparisonRow | None], ascii_only: bool) -> Forest:
        margin = 0.0 if self.summary.margin is None else self.summary.margin.value
        return Forest([ends for other in versus if (ends := _ends(other))], margin, ascii_only)


def columns(summary: Summary, rows: Sequence[ArmRow]) -> dict[str, list[str]]:
    """Return what a ranking says, column by column; those with nothing in them are left out."""
    versus, digits = [summary.comparison(row.arm, row.norm) for row in rows], summary.digits
    found = {
        "arm": [row.arm for row in rows],
        "norm": [row.norm if summary.norms != ("none",) else "" for row in rows],
        "rate": [words.rate_text(row.learning_rate) for row in rows],
        f"{summary.metric} {summary.unit}".strip(): [_score(row, digits) for row in rows],
        "balanced %": [words.number(row.balanced, digits) if summary.unequal else "" for row in rows],
        "failed": [_failures(row) for row in rows],
        f"minus {summary.control}": [against(other, digits) for other in versus],
        "verdict": [_verdict(other, summary.racing) if summary.valid else "" for other in versus],
        "for new data": [
            f"[{words.between(*other.new_data, digits)}]" if other and other.new_data else ""
            for other in versus
        ],
        "time": [words.duration(row.seconds_per_trial) for row in rows],
    }
    return {head: cells for head, cells in found.items() if set(cells) - {"", "–"}}


def _ends(versus: ComparisonRow | None) -> Ends | None:
    return None if versus is None else (versus.difference, versus.low, versus.high)


def _score(row: ArmRow, digits: int) -> str:
    """Return mean and standard deviation of an arm as ``97.42 ± 0.31``."""
    spread = "" if row.sd is None else f" ± {words.number(row.sd, digits)}"
    return f"{words.number(row.mean, digits)}{spread}"


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


def _failures(row: ArmRow) -> str:
    counts = ((row.diverged, "diverged"), (row.crashed, "crashed"))
    return ", ".join(f"{count} {what}" for count, what in counts if count)


def remarks(summary: Summary) -> list[str]:
    """Return what verdicts leave out and the warnings, a line each."""
    several = summary.norms != ("none",)
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
    margin = f"{summary.margin.value:.3g} {words.points(summary.unit)}".rstrip()
    meanings = {
        "better": "better, worse: the interval leaves out 0",
        "worse": "better, worse: the interval leaves out 0",
        "equivalent": f"equivalent: it is inside ±{margin}",
        "undecided": "undecided: neither, which is not the same as equal",
    }
    seen = {row.verdict for row in summary.comparisons}
    lines = dict.fromkeys(text for name, text in meanings.items() if name in seen)
    return [f"{'; '.join(lines)}."] if lines else []
