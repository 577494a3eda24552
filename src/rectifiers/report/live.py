"""A running study as its watcher sees it: a live table, a table in a notebook, or plain lines.

All three fold the same events into one `Progress` and differ only in how they draw it; they write
to the error stream, so that standard output carries nothing but the result.
"""

from __future__ import annotations

import io
import math
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rectifiers.records import events
from rectifiers.report import colours, words
from rectifiers.report.progress import Cell, Progress

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
    from rich.table import Table
    from rich.text import Text

    from rectifiers.records.values import Plan, Run

__all__ = ["Watcher", "colour", "sparkline", "watching"]

_BLOCKS = "▁▂▃▄▅▆▇█"
_ASCII = "_.-=+*#@"
_LINE_EVERY = 10.0
_REDRAW_EVERY = 0.25
_PHASES = {"tune": "choosing rates", "test": "training"}


def _countdown(seconds: float) -> str:
    """Return seconds as ``m:ss`` or ``h:mm:ss``."""
    minutes, rest = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def sparkline(values: Sequence[float], width: int, low: float, high: float, levels: str = _BLOCKS) -> str:
    """Draw values as one line of text, one character per step.

    Parameters
    ----------
    values : sequence of float
        What is drawn; steps that are not finite stay blank.
    width : int
        Number of characters the values are interpolated onto.
    low, high : float
        Values of the lowest and the highest level.
    levels : str
        The characters, lowest first.
    """
    if not values:
        return ""
    if not high > low:
        high = low + 1
    marks = []
    for i in range(width):
        place = i * (len(values) - 1) / max(1, width - 1)
        left = math.floor(place)
        right = min(left + 1, len(values) - 1)
        value = values[left]
        if place > left:
            value += (place - left) * (values[right] - value)
        if not math.isfinite(value):
            marks.append(" ")
            continue
        share = min(1.0, max(0.0, (value - low) / (high - low)))
        marks.append(levels[min(len(levels) - 1, int(share * len(levels)))])
    return "".join(marks)


def _log(losses: Iterable[float]) -> list[float]:
    return [math.log10(max(loss, 1e-6)) if math.isfinite(loss) else math.nan for loss in losses]


def colour(style: colours.Style) -> str:
    """Return an arm's colour as rich understands it.

    The colours made for white paper keep a contrast of 3 on a black terminal too, all but the ink.
    """
    return "default" if style.light == colours.INK[0] else style.light


class _View:
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

        plan = self.progress.plan
        assert plan is not None
        title = Text(no_wrap=True, overflow="ellipsis")
        title.append(plan.task, style="bold")
        title.append(f": {_design(plan)}, {plan.epochs} epochs each")
        return title

    def _bar(self, options: ConsoleOptions) -> RenderableType:
        from rich.progress_bar import ProgressBar
        from rich.table import Table

        state = self.progress
        line = Table.grid(padding=(0, 1))
        for _ in range(3):
            line.add_column(no_wrap=True)
        left = state.seconds_left
        tail = f"{state.done}/{state.total} trials"
        tail += "" if left is None or options.max_width < 40 else f", {_countdown(left)} left"
        phase = _PHASES.get(state.phase, "") if options.max_width >= 60 else ""
        room = options.max_width - len(phase) - len(tail) - 4
        bar = ProgressBar(total=max(1, state.total), completed=state.position, width=max(4, min(40, room)))
        line.add_row(phase, bar, tail)
        return line

    def _table(self, options: ConsoleOptions, height: int) -> Table:
        from rich.table import Table
        from rich.text import Text

        state, width = self.progress, options.max_width
        plan = state.plan
        assert plan is not None
        ascii_only = options.ascii_only
        normed = plan.norms != ("none",)
        looks = colours.styles(plan.arms)
        table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
        table.add_column("arm", no_wrap=True, overflow="crop" if ascii_only else "ellipsis", min_width=8)
        if normed:
            table.add_column("norm", no_wrap=True)
        if width >= 60:
            table.add_column("rate", justify="right", no_wrap=True)
        table.add_column("seeds", justify="right", no_wrap=True)
        table.add_column(f"{plan.metric} {plan.unit}".strip(), justify="right", no_wrap=True)
        spark = 0 if width < 72 else 10 if width < 100 else 24
        if spark:
            table.add_column("training loss", no_wrap=True)
        logs = {key: _log(cell.curve) for key, cell in state.cells.items()}
        finite = [value for curve in logs.values() for value in curve if math.isfinite(value)]
        low, high = (min(finite), max(finite)) if finite else (0.0, 1.0)
        best = max((c.mean for c in state.cells.values() if c.mean is not None), default=None)
        for key, cell in self._window(height):
            name = Text("* " if ascii_only else "● ", style=colour(looks[cell.arm]))
            name.append(cell.arm, style="default bold" if key == state.active else "default")
            row: list[Text] = [name]
            if normed:
                row.append(Text(cell.norm))
            if width >= 60:
                row.append(_rate(cell, plan))
            row.append(Text(f"{cell.tried}/{plan.seeds}", style="" if cell.tried else "dim"))
            row.append(
                Text(_score(cell), style="bold" if cell.mean is not None and cell.mean == best else "")
            )
            if spark:
                levels = _ASCII if ascii_only else _BLOCKS
                row.append(
                    Text(sparkline(logs[key], spark, low, high, levels), style=colour(looks[cell.arm]))
                )
            table.add_row(*row)
        hidden = len(state.cells) - table.row_count
        if hidden:
            table.add_row(Text(f"and {hidden} more", style="dim"))
        return table

    def _window(self, height: int) -> list[tuple[tuple[str, str], Cell]]:
        """As many rows as fit, the one under way among them."""
        rows = list(self.progress.cells.items())
        if len(rows) <= height:
            return rows
        height -= 1
        active = next((i for i, (key, _) in enumerate(rows) if key == self.progress.active), 0)
        start = min(max(0, active - height // 2), len(rows) - height)
        return rows[start : start + height]

    def _warning(self) -> Iterator[RenderableType]:
        from rich.text import Text

        if self.progress.warnings:
            text = f"warning: {self.progress.warnings[-1]}"
            yield Text(text, style="yellow", no_wrap=True, overflow="ellipsis")


def _rate(cell: Cell, plan: Plan) -> Text:
    """The rate of a cell, or how many of its tuning trials are made."""
    from rich.text import Text

    if cell.rate is not None:
        return Text(words.rate_text(cell.rate))
    return Text(f"{cell.tuned} of {len(plan.learning_rates) * plan.tuning_seeds}", style="dim")


def _score(cell: Cell, unit: str = "") -> str:
    parts = []
    if cell.mean is not None:
        spread = "" if cell.sd is None else f" ± {cell.sd:.2f}"
        parts.append(f"{cell.mean:.2f}{spread} {unit}".rstrip())
    parts += [f"{n} {what}" for n, what in ((cell.diverged, "diverged"), (cell.crashed, "crashed")) if n]
    return ", ".join(parts)


def _design(plan: Plan) -> str:
    norms = f" x {len(plan.norms)} norms" if len(plan.norms) > 1 else ""
    return f"{len(plan.arms)} arms{norms} x {plan.seeds} seeds"


def _cell_name(arm: str, norm: str) -> str:
    return arm if norm == "none" else f"{arm} {words.norm_text(norm)}"


def _greeting(event: events.StudyStarted) -> str | None:
    if event.total and event.done == event.total:
        return f"finished before: all {event.total} trials are there, nothing is trained"
    if event.done:
        return f"going on: {event.done} of {event.total} trials are there"
    return None


class Watcher:
    """Takes in what a study tells and shows nothing; the others draw it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.progress = Progress(clock)

    def __call__(self, event: events.Event) -> None:
        """Take in one event."""
        self.progress.apply(event)


class _Table(Watcher):
    """The live table on a terminal."""

    def __init__(self, console: Console, clock: Callable[[], float]) -> None:
        super().__init__(clock)
        self._console = console

    def __call__(self, event: events.Event) -> None:
        super().__call__(event)
        if isinstance(event, events.StudyStarted) and (text := _greeting(event)):
            self._console.print(text, markup=False, highlight=False)


class _Lines(Watcher):
    """Now and then a line: for logs, pipes and terminals that cannot redraw."""

    def __init__(self, console: Console, clock: Callable[[], float]) -> None:
        super().__init__(clock)
        self._console, self._clock = console, clock
        self._last = clock()

    def __call__(self, event: events.Event) -> None:
        super().__call__(event)
        match event:
            case events.StudyStarted(plan=plan):
                self._say(
                    _greeting(event)
                    or f"{plan.task}: {_design(plan)}: {event.total} trials of {plan.epochs} epochs"
                )
            case events.RateChosen():
                self._say(f"{_cell_name(event.arm, event.norm)}: learning rate {event.rate:g}")
            case events.TrialFinished():
                self._finished(event.run)

    def _finished(self, run: Run) -> None:
        state, trial = self.progress, run.trial
        cell, plan = state.cells[trial.arm, trial.norm], state.plan
        if plan is not None and trial.phase == "test" and cell.tried == plan.seeds:
            metric = "" if cell.mean is None else f"{plan.metric} "
            self._say(f"{_cell_name(cell.arm, cell.norm)}: {metric}{_score(cell, plan.unit)}")
        elif self._clock() - self._last >= _LINE_EVERY and state.done < state.total:
            left = state.seconds_left
            tail = "" if left is None else f", {_countdown(left)} left"
            self._say(f"{state.done}/{state.total} trials{tail}")

    def _say(self, text: str) -> None:
        self._last = self._clock()
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)


class _Notebook(Watcher):
    """The live table as HTML in the output cell of a notebook."""

    def __init__(self, clock: Callable[[], float]) -> None:
        from IPython.display import display  # type: ignore[import-not-found,unused-ignore]

        super().__init__(clock)
        self._clock = clock
        self._last = -math.inf
        self._handle: Any = display({"text/plain": ""}, raw=True, display_id=True)

    def __call__(self, event: events.Event) -> None:
        super().__call__(event)
        if isinstance(event, events.StudyFinished) or self._clock() - self._last >= _REDRAW_EVERY:
            self._last = self._clock()
            self._handle.update({"text/html": self._html(), "text/plain": ""}, raw=True)

    def close(self) -> None:
        """Take the table away: the result shows itself."""
        self._handle.update({"text/plain": ""}, raw=True)

    def _html(self) -> str:
        from rich.console import Console

        console = Console(file=io.StringIO(), record=True, width=100, force_jupyter=False)
        console.print(_View(self.progress))
        return console.export_html(inline_styles=True, code_format="<pre>{code}</pre>")


def _in_notebook() -> bool:
    ipython = sys.modules.get("IPython")
    return ipython is not None and getattr(ipython.get_ipython(), "kernel", None) is not None


@contextmanager
def watching(
    show: bool | None = None,
    *,
    console: Console | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Watcher]:
    """Give the handler that shows a study's events while the block runs.

    Parameters
    ----------
    show : bool, optional
        None shows in a terminal or a notebook only, True everywhere, False nowhere.
    console : rich.console.Console, optional
        Where to; the error stream without.
    clock : callable
        Seconds from any origin.
    """
    notebook = console is None and _in_notebook()
    # FORCE_COLOR makes rich take a log for a terminal; colours are harmless there, redrawing is not.
    terminal = sys.stderr.isatty() if console is None else console.is_terminal
    if show is False or (show is None and not (notebook or terminal)):
        yield Watcher(clock)
        return
    if notebook:
        cell = _Notebook(clock)
        try:
            yield cell
        finally:
            cell.close()
        return

    from rich.console import Console
    from rich.live import Live

    console = console or Console(stderr=True)
    if not terminal or console.is_dumb_terminal:
        yield _Lines(console, clock)
        return
    table = _Table(console, clock)
    with Live(_View(table.progress), console=console, transient=True, refresh_per_second=4):
        yield table
