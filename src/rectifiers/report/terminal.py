"""The result of a study as text: the verdict, the ranking with its intervals, and where to read on."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from rectifiers.records.values import ArmSpec
from rectifiers.report import colours, words
from rectifiers.report.live import colour
from rectifiers.report.summary import ArmRow, ComparisonRow, Summary

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult
    from rich.table import Table
    from rich.text import Text

__all__ = ["against", "output", "plain", "score", "show"]

_VERDICT_STYLES = {"better": "green", "worse": "red", "equivalent": "cyan", "undecided": "dim"}
_FOREST = 25
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
    """Print the result of a study, the verdict first.

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
    console.print(Text(summary.headline, style="bold"), soft_wrap=in_file)
    console.print(Text(summary.scope, style="dim"), soft_wrap=in_file)
    looks = colours.styles(arms)
    for norm in summary.norms:
        console.print()
        if summary.norms != ("none",):
            console.print(Text(words.norm_text(norm), style="bold"))
        console.print(_Ranking(summary, looks, norm))
    if summary.warnings:
        console.print()
    for warning in summary.warnings:
        console.print(Text(f"warning: {warning}", style="yellow"), soft_wrap=in_file)
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

        for extras in ({"rate", "intervals", "time"}, {"rate", "time"}, {"rate"}, set[str]()):
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
        shades = [colour(self._looks[row.arm]) for row in self._rows]
        column("arm", (Text.assemble((dot, c), row.arm) for row, c in zip(self._rows, shades, strict=True)))
        if "rate" in extras:
            column("rate", (Text(words.rate_text(row.learning_rate)) for row in self._rows))
        metric = f"{summary.metric} {summary.unit}".strip()
        column(metric, (Text(score(row, summary.digits)) for row in self._rows))
        if any(row.diverged or row.crashed for row in self._rows):
            column("failed", (Text(_failures(row), style="red") for row in self._rows))
        column(f"minus {summary.control}", (Text(against(other, summary.digits)) for other in versus))
        forest = _Forest([other for other in versus if other is not None], summary.margin, ascii_only)
        if "intervals" in extras and forest:
            lines = zip(map(forest.draw, versus), shades, strict=True)
            column(forest.scale, (Text(line, style=shade) for line, shade in lines))
        column("verdict", map(_verdict, versus))
        if "time" in extras:
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
    return f"{words.signed(versus.difference, digits)} [{words.between(versus.low, versus.high, digits)}]"


def _failures(row: ArmRow) -> str:
    counts = ((row.diverged, "diverged"), (row.crashed, "crashed"))
    return ", ".join(f"{count} {what}" for count, what in counts if count)


def _verdict(versus: ComparisonRow | None) -> Text:
    from rich.text import Text

    verdict = "control" if versus is None else versus.verdict
    return Text(verdict, style=_VERDICT_STYLES.get(verdict, "dim"))


class _Forest:
    """Intervals on one common scale: a line from end to end, a mark at the mean, a stroke at 0."""

    def __init__(self, comparisons: Iterable[ComparisonRow], margin: float, ascii_only: bool) -> None:
        ends = [end for row in comparisons for end in (row.low, row.high) if end is not None]
        self._known = bool(ends)
        self._low, self._high = min([*ends, -margin]), max([*ends, margin])
        self._line, self._mark, self._zero = ("-", "o", "|") if ascii_only else ("─", "●", "│")

    def __bool__(self) -> bool:
        return self._known

    @property
    def scale(self) -> str:
        """The head of the column: the two ends of the scale."""
        low, high = words.signed(self._low, 1), words.signed(self._high, 1)
        return low + high.rjust(_FOREST - len(low))

    def draw(self, versus: ComparisonRow | None) -> str:
        """Return one interval; the stroke at 0 alone where there is none."""
        cells = [" "] * _FOREST
        if versus is not None and versus.low is not None and versus.high is not None:
            for i in range(self._place(versus.low), self._place(versus.high) + 1):
                cells[i] = self._line
        cells[self._place(0.0)] = self._zero
        if versus is not None and versus.low is not None and versus.difference is not None:
            cells[self._place(versus.difference)] = self._mark
        return "".join(cells)

    def _place(self, value: float) -> int:
        share = (value - self._low) / ((self._high - self._low) or 1.0)
        return round(share * (_FOREST - 1))
