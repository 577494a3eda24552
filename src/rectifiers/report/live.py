"""A running study as its watcher sees it: a live table, a table in a notebook, or plain lines.

All three fold the same events into one `Progress` and differ only in how they draw it; they write
to the error stream, so that standard output carries nothing but the result.
"""

from __future__ import annotations

import io
import math
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.live import Live

from rectifiers.records import events
from rectifiers.records.values import cell_name
from rectifiers.report import words
from rectifiers.report._live_table import View
from rectifiers.report.progress import Progress

__all__ = ["Watcher", "watching"]

_LINE_EVERY = 10.0
_REDRAW_EVERY = 0.25


class Watcher:
    """Takes in what a study tells and shows nothing; the others draw it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.progress = Progress(clock)

    def __call__(self, event: events.Event) -> None:
        """Take in one event."""
        self.progress.apply(event)
        if isinstance(event, events.StudyStarted) and event.runs:
            self.announce(f"going on: {len(event.runs)} trials are there")

    def announce(self, text: str) -> None:
        """Say what is to come, before anything is trained."""


class _Table(Watcher):
    """The live table on a terminal, which is drawn elsewhere; what is announced stays above it."""

    def __init__(self, console: Console, clock: Callable[[], float]) -> None:
        super().__init__(clock)
        self._console = console

    def announce(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)


class _Lines(_Table):
    """Now and then a line: for logs, pipes and terminals that cannot redraw."""

    def __init__(self, console: Console, clock: Callable[[], float]) -> None:
        super().__init__(console, clock)
        self._clock, self._last = clock, clock()

    def __call__(self, event: events.Event) -> None:
        state = self.progress
        left = len(state.left)
        super().__call__(event)
        match event:
            case events.RateChosen():
                self.announce(f"{cell_name(event.arm, event.norm)}: learning rate {event.rate:g}")
            case events.MarginFixed(margin=margin):
                self.announce(f"margin {margin.value:.3g}: {margin.rule}")
            case events.InterimAnalysis():
                for key in state.left[left:]:
                    found = event.standings[key]
                    verdict = "out" if found.out else found.verdict
                    self.announce(f"{cell_name(*key)}: {verdict}, decided at seed {found.decided_at}")
            case events.TrialFinished() if self._clock() - self._last >= _LINE_EVERY:
                seconds = state.seconds_left
                tail = "" if seconds is None else f", at most {words.rough_duration(seconds)} left"
                self.announce(f"{state.done}/{state.total} trials{tail}")
            case events.Warned(notice=notice):
                self.announce(f"warning: {notice.text}")

    def announce(self, text: str) -> None:
        self._last = self._clock()
        super().announce(text)


class _Notebook(Watcher):
    """The live table as HTML in the output cell of a notebook."""

    def __init__(self, clock: Callable[[], float]) -> None:
        from IPython.display import display  # type: ignore[import-not-found,unused-ignore]

        super().__init__(clock)
        self._clock = clock
        self._last = -math.inf
        self._announced: list[str] = []
        self._handle: Any = display({"text/plain": ""}, raw=True, display_id=True)

    def __call__(self, event: events.Event) -> None:
        super().__call__(event)
        if isinstance(event, events.StudyFinished) or self._clock() - self._last >= _REDRAW_EVERY:
            self._last = self._clock()
            self._handle.update({"text/html": self._html(), "text/plain": ""}, raw=True)

    def announce(self, text: str) -> None:
        self._announced.append(text)

    def close(self) -> None:
        """Take the table away: the result shows itself."""
        self._handle.update({"text/plain": ""}, raw=True)

    def _html(self) -> str:
        console = Console(file=io.StringIO(), record=True, width=100, force_jupyter=False, emoji=False)
        for line in self._announced:
            console.print(line, markup=False, highlight=False)
        console.print(View(self.progress))
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

    console = console or Console(stderr=True, emoji=False)  # :train: in a name is none
    if not terminal or console.is_dumb_terminal:
        yield _Lines(console, clock)
        return
    table = _Table(console, clock)
    with Live(View(table.progress), console=console, transient=True, refresh_per_second=4):
        yield table
