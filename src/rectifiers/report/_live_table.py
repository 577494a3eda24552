"""A running study as a table: rates while they are chosen, then the race of intervals towards the margin."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rectifiers.report import colours, words
from rectifiers.report.colours import on_terminal
from rectifiers.report.forest import WIDTH, Forest
from rectifiers.report.progress import Cell, Progress

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
    from rich.table import Table
    from rich.text import Text

    from rectifiers.records.values import Plan

__all__ = ["View", "countdown", "design", "score"]

_PHASES = {"tune": "choosing rates", "margin": "fixing the margin", "test": "deciding"}


def countdown(seconds: float) -> str:
    """Return seconds as ``m:ss`` or ``h:mm:ss``."""
    minutes, rest = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def score(cell: Cell, unit: str = "") -> str:
    """Return what an arm has reached so far."""
    parts = []
    if cell.mean is not None:
        spread = "" if cell.sd is None else f" ± {cell.sd:.2f}"
        parts.append(f"{cell.mean:.2f}{spread} {unit}".rstrip())
    parts += [f"{n} {what}" for n, what in ((cell.diverged, "diverged"), (cell.crashed, "crashed")) if n]
    return ", ".join(parts)


def design(plan: Plan) -> str:
    """Return the size of a study in words."""
    norms = f" x {len(plan.norms)} norms" if len(plan.norms) > 1 else ""
    return f"{len(plan.arms)} arms{norms} x {'up to ' if plan.racing else ''}{plan.seeds} seeds"


class View:
    """The table of a running study; draws the state of the moment whenever it is rendered."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if self.progress.plan is None:
            yield "preparing: loading the data and trying every arm once"
            return
        yield self._title()
        yield self._bar(options)
        yield self._table(options, max(3, console.height - 6))
        yield from self._warning()

    def _title(self) -> RenderableType:
        from rich.text import Text

        plan, margin = self.progress.plan, self.progress.margin
        assert plan is not None
        title = Text(no_wrap=True, overflow="ellipsis")
        title.append(plan.task, style="bold")
        title.append(f": {design(plan)}, {plan.epochs} epochs each")
        if margin is not None:
            title.append(f"; margin {margin.value:.3g} {words.points(plan.unit)}".rstrip())
        return title

    def _bar(self, options: ConsoleOptions) -> RenderableType:
        from rich.progress_bar import ProgressBar
        from rich.table import Table

        state = self.progress
        plan = state.plan
        line = Table.grid(padding=(0, 1))
        for _ in range(3):
            line.add_column(no_wrap=True)
        left = state.seconds_left
        most = "at most " if plan is not None and plan.racing and options.max_width >= 60 else ""
        tail = f"{state.done}/{state.total} trials"
        tail += "" if left is None or options.max_width < 40 else f", {most}{countdown(left)} left"
        phase = _PHASES.get(state.phase, "") if options.max_width >= 60 else ""
        room = options.max_width - len(phase) - len(tail) - 4
        bar = ProgressBar(total=max(1, state.total), completed=state.position, width=max(4, min(40, room)))
        line.add_row(phase, bar, tail)
        return line

    def _table(self, options: ConsoleOptions, height: int) -> Table:
        from rich.table import Table
        from rich.text import Text

        state, width, ascii_only = self.progress, options.max_width, options.ascii_only
        plan = state.plan
        assert plan is not None
        racing = any(cell.standing is not None for cell in state.cells.values())
        normed = plan.norms != ("none",)
        looks = colours.styles(plan.arms)
        forest = self._forest(width, ascii_only)
        table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
        table.add_column("arm", no_wrap=True, overflow="crop" if ascii_only else "ellipsis", min_width=8)
        if normed:
            table.add_column("norm", no_wrap=True)
        rated = width >= (100 if racing else 60)
        if rated:
            table.add_column("rate", justify="right", no_wrap=True)
        table.add_column("seeds", justify="right", no_wrap=True)
        scored = not racing or width >= 84
        if scored:
            table.add_column(f"{plan.metric} {plan.unit}".strip(), justify="right", no_wrap=True)
        if forest is not None:
            table.add_column(Text(forest.scale), no_wrap=True)
        if racing:
            table.add_column(f"against {plan.control}", no_wrap=True, overflow="crop")
        best = max((c.mean for c in state.cells.values() if c.mean is not None), default=None)
        for key, cell in self._window(height):
            shade = on_terminal(looks[cell.arm])
            name = Text("* " if ascii_only else "● ", style=shade)
            name.append(cell.arm, style="default bold" if key in state.active.values() else "default")
            row: list[Text] = [name]
            if normed:
                row.append(Text(cell.norm))
            if rated:
                row.append(_rate(cell))
            row.append(Text(f"{cell.tried}/{plan.seeds}", style="" if cell.tried else "dim"))
            if scored:
                highest = cell.mean is not None and cell.mean == best
                row.append(Text(score(cell), style="bold" if highest else ""))
            if forest is not None:
                row.append(Text(forest.draw(_ends(cell)), style=shade))
            if racing:
                row.append(_state(cell, plan.control))
            table.add_row(*row)
        hidden = len(state.cells) - table.row_count
        if hidden:
            table.add_row(Text(f"and {hidden} more", style="dim"))
        return table

    def _forest(self, width: int, ascii_only: bool) -> Forest | None:
        room = min(WIDTH, width - 54)
        ends = [_ends(cell) for cell in self.progress.cells.values()]
        margin = self.progress.margin
        if room < 15 or not any(ends):
            return None
        return Forest(filter(None, ends), margin.value if margin else 0.0, ascii_only, room)

    def _window(self, height: int) -> list[tuple[tuple[str, str], Cell]]:
        """As many rows as fit, one that is under way among them."""
        rows = list(self.progress.cells.items())
        if len(rows) <= height:
            return rows
        height -= 1
        running = set(self.progress.active.values())
        active = next((i for i, (key, _) in enumerate(rows) if key in running), 0)
        start = min(max(0, active - height // 2), len(rows) - height)
        return rows[start : start + height]

    def _warning(self) -> Iterator[RenderableType]:
        from rich.text import Text

        if self.progress.warnings:
            text = f"warning: {self.progress.warnings[-1]}"
            yield Text(text, style="yellow", no_wrap=True, overflow="ellipsis")


def _ends(cell: Cell) -> tuple[float | None, float | None, float | None] | None:
    means = None if cell.standing is None else cell.standing.means
    return None if means is None else (means.difference, means.low, means.high)


def _state(cell: Cell, control: str) -> Text:
    """Return whether an arm has left the race, how and when."""
    from rich.text import Text

    if cell.arm == control or cell.standing is None:
        return Text("control" if cell.arm == control else "", style="dim")
    standing = cell.standing
    if standing.decided_at is None:
        return Text("open", style="dim")
    verdict = "out" if standing.out else standing.verdict
    return Text(f"{verdict} at seed {standing.decided_at}", style=colours.VERDICTS[standing.verdict])


def _rate(cell: Cell) -> Text:
    """Return the rate of a cell, or how many tuning trials were made for it."""
    from rich.text import Text

    if cell.rate is not None:
        return Text(words.rate_text(cell.rate))
    return Text(f"{cell.tuned} tried", style="dim")
