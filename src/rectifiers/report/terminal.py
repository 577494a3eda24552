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
from rectifiers.report.forest import Forest
from rectifiers.report.summary import Summary

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult
    from rich.table import Table
    from rich.text import Text

__all__ = [
    "against",
    "for_new_data",
    "output",
    "plain",
    "remarks",
    "score",
    "show",
    "verdict",
]

_LOG_WIDTH = 160


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
        console.print(Text(line, style="bold"), soft_wrap=in_file)
    if advice.command and not in_file:  # on a line of its own, so that it can be copied
        console.print(Text(f"  {advice.command}"), soft_wrap=True)
    for line in summary.scope:
        console.print(Text(line, style="dim"), soft_wrap=in_file)
    looks = colours.styles(arms)
    for norm in summary.norms:
        console.print()
        if summary.norms != ("none",):
            console.print(Text(words.norm_text(norm), style="bold"))
        console.print(_Ranking(summary, looks, norm))
    console.print()
    for line in _meanings(summary):
        console.print(Text(line, style="dim"), soft_wrap=in_file)
    for line in remarks(summary):
        console.print(Text(line, style="yellow"), soft_wrap=in_file)
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

        for extras in (
            {"rate", "intervals", "new data", "time"},
            {"rate", "new data", "time"},
            {"rate", "new data"},
            {"rate"},
            set[str](),
        ):
            table = self._table(extras, options.ascii_only)
            unlimited = options.update(max_width=_LOG_WIDTH * 10)
            if Measurement.get(console, unlimited, table).maximum <= options.max_width:
                break
        yield table

    def _table(self, extras: set[str], ascii_only: bool) -> Table:
        from rich.table import Table
        from rich.text import Text

        summary = self.summary
        columns: dict[str, list[Text]] = {}

        def column(head: str, cells: Iterable[Text]) -> None:
            columns[head] = list(cells)

        dot = "* " if ascii_only else "● "
        versus = [summary.comparison(row.arm, self.norm) for row in self._rows]
        shades = [on_terminal(self._looks[row.arm]) for row in self._rows]
        column("arm", (Text.assemble((dot, c), row.arm) for row, c in zip(self._rows, shades, strict=True)))
        if "rate" in extras and any(row.learning_rate is not None for row in self._rows):
            column("rate", (Text(words.rate_text(row.learning_rate)) for row in self._rows))
        metric = f"{summary.metric} {summary.unit}".strip()
        column(metric, (Text(score(row, summary.digits)) for row in self._rows))
        if any(row.diverged or row.crashed for row in self._rows):
            column("failed", (Text(_failures(row), style="red") for row in self._rows))
        column(f"minus {summary.control}", (Text(against(other, summary.digits)) for other in versus))
        ends = [None if other is None else (other.difference, other.low, other.high) for other in versus]
        margin = 0.0 if summary.margin is None else summary.margin.value
        forest = Forest([one for one in ends if one is not None], margin, ascii_only)
        if "intervals" in extras and forest:
            lines = zip(map(forest.draw, ends), shades, strict=True)
            column(forest.scale, (Text(line, style=shade) for line, shade in lines))
        column("verdict", (verdict(other, summary.racing) for other in versus))
        if "new data" in extras and any(other and other.new_data for other in versus):
            column("for new data", (Text(for_new_data(other, summary.digits)) for other in versus))
        if "time" in extras and any(row.seconds_per_trial is not None for row in self._rows):
            column("time", (Text(words.duration(row.seconds_per_trial)) for row in self._rows))

        table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
        for head in columns:
            right = head in ("rate", metric, "time")
            table.add_column(Text(head), justify="right" if right else "left", overflow="fold")
        for cells in zip(*columns.values(), strict=True):
            table.add_row(*cells)
        return table


def score(row: ArmRow, digits: int) -> str:
    """Return mean and standard deviation of an arm as ``97.42 ± 0.31``."""
    spread = "" if row.sd is None else f" ± {words.number(row.sd, digits)}"
    return f"{words.number(row.mean, digits)}{spread}"


def against(versus: ComparisonRow | None, digits: int) -> str:
    """Return a difference and its interval as ``+0.41 [+0.10 to +0.72]``, nothing without one."""
    if versus is None or versus.difference is None:
        return ""
    return f"{words.difference(versus.difference, digits)} [{words.between(versus.low, versus.high, digits)}]"


def for_new_data(versus: ComparisonRow | None, digits: int) -> str:
    """Return the interval for new data as ``[-0.2 to +0.9]``, nothing without one."""
    if versus is None or versus.new_data is None:
        return ""
    return f"[{words.between(*versus.new_data, digits)}]"


def verdict(versus: ComparisonRow | None, racing: bool) -> Text:
    """Return a verdict in its colour, in a race with the seed it was reached at."""
    from rich.text import Text

    if versus is None:
        return Text("control", style="dim")
    text = Text("out" if versus.out else versus.verdict, style=colours.VERDICTS[versus.verdict])
    if racing and versus.decided_at is not None:
        text.append(f" at seed {versus.decided_at}", style="dim")
    return text


def _failures(row: ArmRow) -> str:
    counts = ((row.diverged, "diverged"), (row.crashed, "crashed"))
    return ", ".join(f"{count} {what}" for count, what in counts if count)


def remarks(summary: Summary) -> list[str]:
    """Return what verdicts leave out and the warnings, a line each."""
    several = summary.norms != ("none",)
    found = [
        f"{row.arm}{f' {words.norm_text(row.norm)}' if several else ''}: {row.note}"
        for row in summary.comparisons
        if row.note and summary.margin is not None
    ]
    return [*found, *(f"warning: {notice.text}" for notice in summary.warnings)]


def _meanings(summary: Summary) -> list[str]:
    """Return what the verdicts in the table mean, in one line; nothing where there are none."""
    if summary.margin is None:
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
