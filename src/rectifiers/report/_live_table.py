"""A running study as a table: what every arm has reached, and the race of intervals towards the margin."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console, ConsoleOptions, RenderResult
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from rectifiers.records.values import Plan
from rectifiers.report import colours, words
from rectifiers.report.colours import on_terminal
from rectifiers.report.forest import WIDTH, Forest
from rectifiers.report.progress import Cell, Progress
from rectifiers.report.terminal import Column, in_columns

__all__ = ["View"]

_LEFT = {"no_wrap": True}
_RIGHT = {"no_wrap": True, "justify": "right"}
_PHASES = {"tune": "choosing rates", "margin": "fixing the margin", "test": "deciding"}


class View:
    """The table of a running study; draws the state of the moment whenever it is rendered."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        state, plan = self.progress, self.progress.plan
        if plan is None:
            yield "preparing: loading the data and trying every arm once"
            return
        ends = f": margin {words.amount(state.margin.value, plan.unit)}" if state.margin else ""
        yield _line((plan.task, "bold"), ends)
        bar = Table.grid(padding=(0, 1))
        left = state.seconds_left
        time = "" if left is None else f", at most {words.rough_duration(left)} left"
        tail = f"{state.done}/{state.total} trials{time}, {_PHASES.get(state.phase, 'starting')}"
        room = min(40, options.max_width // 3)
        bar.add_row(ProgressBar(max(1, state.total), state.done, room), _line(tail))
        yield bar
        yield in_columns(self._columns(plan, options.max_width))
        if state.warnings:
            yield _line((f"warning: {state.warnings[-1]}", "yellow"))

    def _columns(self, plan: Plan, width: int) -> Iterator[Column]:
        """Yield the columns there is something in and room for."""
        state, rows = self.progress, list(self.progress.cells.values())
        looks = colours.styles(plan.arms)
        shades = [on_terminal(looks[cell.arm]) for cell in rows]
        names = [Text.assemble(("● ", shade), cell.arm) for cell, shade in zip(rows, shades, strict=True)]
        yield "arm", names, {"no_wrap": True, "overflow": "ellipsis", "min_width": 8}
        if plan.norms != ("none",):
            yield "norm", [Text(cell.norm) for cell in rows], _LEFT
        yield "seeds", [Text(f"{cell.tried}/{plan.seeds}") for cell in rows], _RIGHT
        ends = [cell.standing.means.ends for cell in rows if cell.standing]
        if not ends or width >= 84:
            yield f"{plan.metric} {plan.unit}".strip(), list(map(_score, rows)), _RIGHT
        room = min(WIDTH, width - 54)
        if room >= 15 and ends:
            forest = Forest(ends, state.margin.value if state.margin else 0.0, room)
            lines = [forest.draw(cell.standing.means.ends if cell.standing else None) for cell in rows]
            yield forest.scale, list(map(Text, lines, shades)), _LEFT
        if ends:
            states = [_state(cell, plan.control) for cell in rows]
            yield f"against {plan.control}", states, {"no_wrap": True, "overflow": "crop"}


def _line(*parts: str | tuple[str, str]) -> Text:
    return Text.assemble(*parts, no_wrap=True, overflow="ellipsis")


def _score(cell: Cell) -> Text:
    """Return what an arm has reached so far."""
    reached = "" if cell.mean is None else words.spread(cell.mean, cell.sd, 2)
    return Text(", ".join(filter(None, (reached, words.failures(cell.diverged, cell.crashed)))))


def _state(cell: Cell, control: str) -> Text:
    """Return whether an arm has left the race, how and when."""
    standing = cell.standing
    if standing is None:
        return Text("control" if cell.arm == control else "", "dim")
    if standing.decided_at is None:
        return Text("open", "dim")
    verdict = "out" if standing.out else standing.verdict
    return Text(f"{verdict} at seed {standing.decided_at}", colours.VERDICTS[standing.verdict])
