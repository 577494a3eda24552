"""A running study as a table: rates while they are chosen, then the race of intervals towards the margin."""

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

__all__ = ["View", "design", "score"]

_LEFT = {"no_wrap": True}
_RIGHT = {"no_wrap": True, "justify": "right"}
_PHASES = {"tune": "choosing rates", "margin": "fixing the margin", "test": "deciding"}


def score(cell: Cell, unit: str = "") -> str:
    """Return what an arm has reached so far."""
    reached = "" if cell.mean is None else f"{words.spread(cell.mean, cell.sd, 2)} {unit}".rstrip()
    return ", ".join(filter(None, (reached, words.failures(cell.diverged, cell.crashed))))


def design(plan: Plan) -> str:
    """Return the size of a study in words."""
    norms = f" x {len(plan.norms)} norms" if len(plan.norms) > 1 else ""
    return f"{len(plan.arms)} arms{norms} x {'up to ' if plan.racing else ''}{plan.seeds} seeds"


class View:
    """The table of a running study; draws the state of the moment whenever it is rendered."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        plan = self.progress.plan
        if plan is None:
            yield "preparing: loading the data and trying every arm once"
            return
        yield self._title(plan)
        yield self._bar(plan, options.max_width)
        rows = self._window(max(3, console.height - 6))
        yield in_columns(self._columns(plan, rows, options.max_width, options.ascii_only))
        if hidden := len(self.progress.cells) - len(rows):
            yield Text(f"and {hidden} more", style="dim")
        if self.progress.warnings:
            text = f"warning: {self.progress.warnings[-1]}"
            yield Text(text, style="yellow", no_wrap=True, overflow="ellipsis")

    def _title(self, plan: Plan) -> Text:
        margin = self.progress.margin
        ends = f"; margin {words.amount(margin.value, plan.unit)}" if margin else ""
        text = f": {design(plan)}{f', {plan.epochs} epochs each' if plan.epochs else ''}{ends}"
        return Text.assemble((plan.task, "bold"), text, no_wrap=True, overflow="ellipsis")

    def _bar(self, plan: Plan, width: int) -> Table:
        state = self.progress
        left = state.seconds_left
        most = "at most " if plan.racing and width >= 60 else ""
        tail = f"{state.done}/{state.total} trials"
        tail += "" if left is None or width < 40 else f", {most}{words.rough_duration(left)} left"
        phase = _PHASES.get(state.phase, "") if width >= 60 else ""
        room = max(4, min(40, width - len(phase) - len(tail) - 4))
        line = Table.grid(padding=(0, 1))
        for _ in range(3):
            line.add_column(no_wrap=True)
        line.add_row(phase, ProgressBar(max(1, state.total), state.position, room), tail)
        return line

    def _columns(self, plan: Plan, rows: list[Cell], width: int, ascii_only: bool) -> Iterator[Column]:
        """Yield the columns there is something in and room for."""
        state = self.progress
        racing = any(cell.standing is not None for cell in state.cells.values())
        shades = {label: on_terminal(style) for label, style in colours.styles(plan.arms).items()}
        dot, cut = ("* ", "crop") if ascii_only else ("● ", "ellipsis")
        names = [Text.assemble((dot, shades[cell.arm]), (cell.arm, self._weight(cell))) for cell in rows]
        yield "arm", names, {"no_wrap": True, "overflow": cut, "min_width": 8}
        if plan.norms != ("none",):
            yield "norm", [Text(cell.norm) for cell in rows], _LEFT
        if width >= (100 if racing else 60):
            yield "rate", list(map(_rate, rows)), _RIGHT
        tried = [Text(f"{cell.tried}/{plan.seeds}", "" if cell.tried else "dim") for cell in rows]
        yield "seeds", tried, _RIGHT
        if not racing or width >= 84:
            best = max((c.mean for c in state.cells.values() if c.mean is not None), default=None)
            highest = [cell.mean is not None and cell.mean == best for cell in rows]
            scores = [Text(score(c), "bold" if high else "") for c, high in zip(rows, highest, strict=True)]
            yield f"{plan.metric} {plan.unit}".strip(), scores, _RIGHT
        ends = [cell.standing.means.ends for cell in state.cells.values() if cell.standing]
        room = min(WIDTH, width - 54)
        if room >= 15 and ends:
            forest = Forest(ends, state.margin.value if state.margin else 0.0, ascii_only, room)
            lines = [forest.draw(cell.standing.means.ends if cell.standing else None) for cell in rows]
            yield forest.scale, list(map(Text, lines, (shades[cell.arm] for cell in rows))), _LEFT
        if racing:
            states = [_state(cell, plan.control) for cell in rows]
            yield f"against {plan.control}", states, {"no_wrap": True, "overflow": "crop"}

    def _weight(self, cell: Cell) -> str:
        return "default bold" if (cell.arm, cell.norm) in self.progress.active.values() else "default"

    def _window(self, height: int) -> list[Cell]:
        """As many rows as fit, one that is under way among them."""
        rows = list(self.progress.cells.values())
        if len(rows) <= height:
            return rows
        height -= 1
        running = set(self.progress.active.values())
        active = next((i for i, cell in enumerate(rows) if (cell.arm, cell.norm) in running), 0)
        start = min(max(0, active - height // 2), len(rows) - height)
        return rows[start : start + height]


def _state(cell: Cell, control: str) -> Text:
    """Return whether an arm has left the race, how and when."""
    if cell.arm == control or cell.standing is None:
        return Text("control" if cell.arm == control else "", "dim")
    standing = cell.standing
    if standing.decided_at is None:
        return Text("open", "dim")
    verdict = "out" if standing.out else standing.verdict
    return Text(f"{verdict} at seed {standing.decided_at}", colours.VERDICTS[standing.verdict])


def _rate(cell: Cell) -> Text:
    """Return the rate of a cell, or how many tuning trials were made for it."""
    return Text(f"{cell.tuned} tried", "dim") if cell.rate is None else Text(words.rate_text(cell.rate))
