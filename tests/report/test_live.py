"""What is seen of a running study, from scripted events: live table, notebook, plain lines."""

from __future__ import annotations

import dataclasses
import io
import sys
from collections.abc import Iterator
from types import ModuleType, SimpleNamespace

import pytest
from rich.console import Console

from rectifiers.records import events
from rectifiers.records.standings import against_control
from rectifiers.records.values import Notice, Study
from rectifiers.report._live_table import View
from rectifiers.report.live import watching
from rectifiers.report.progress import Progress


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def script(study: Study, done: int = 0) -> Iterator[events.Event]:
    """What a runner would tell of the runs of a study, the first `done` of them found finished."""
    runs = study.of("tune") + study.of("test")
    yield events.StudyStarted(study.plan, len(runs), runs[:done])
    phase = ""
    for index, run in enumerate(runs):
        if index < done:
            continue
        if run.trial.phase != phase:
            phase = run.trial.phase
            if phase == "test":
                for (arm, norm), rate in study.rates.items():
                    yield events.RateChosen(arm, norm, rate)
            yield events.PhaseStarted(run.trial.phase)
        yield events.TrialStarted(run.trial)
        for epoch, loss in enumerate(run.train_loss, 1):
            yield events.EpochFinished(run.trial, epoch, study.plan.epochs, loss, None)
        yield events.TrialFinished(run)
    yield events.StudyFinished(study)


def race_script(study: Study) -> Iterator[events.Event]:
    """What a race on two processes tells: blocks of overlapping trials, nothing within a trial."""
    plan, series = study.plan, {arm.label: study.series(arm.label, "none") for arm in study.plan.arms}
    tuning = study.of("tune")
    yield events.StudyStarted(plan, len(tuning) + len(plan.arms) * plan.seeds, tuning)
    assert study.margin is not None
    yield events.MarginFixed(study.margin)
    yield events.PhaseStarted("test")
    for seed in range(plan.seeds):
        block = [runs[seed] for runs in series.values() if seed < len(runs)]
        for run in block:
            yield events.TrialStarted(run.trial)
        for run in block:
            yield events.TrialFinished(run)
        so_far = tuple(run for run in study.runs if run.trial.phase == "tune" or run.trial.seed <= seed)
        standings = against_control(dataclasses.replace(study, runs=so_far))
        left = sum(len(runs) - seed - 1 for runs in series.values() if seed < len(runs))
        yield events.InterimAnalysis(standings, left)
    yield events.Warned(Notice("odd", "something odd"))
    yield events.StudyFinished(study)


def terminal(width: int = 80, height: int = 24, **options: object) -> Console:
    settings = {"file": io.StringIO(), "force_terminal": True, "_environ": {}, "legacy_windows": False}
    return Console(width=width, height=height, **{**settings, **options})  # type: ignore[arg-type]


def drawn(progress: Progress, console: Console) -> list[str]:
    with console.capture() as capture:
        console.print(View(progress))
    return capture.get().splitlines()


def after(study: Study, count: int, clock: Clock | None = None) -> Progress:
    progress = Progress(clock or Clock())
    for event, _ in zip(script(study), range(count), strict=False):
        progress.apply(event)
    return progress


def test_progress_ends_with_every_run_counted(study: Study) -> None:
    progress = Progress(Clock())
    for event in script(study):
        progress.apply(event)
    assert progress.done == progress.total == len(study.runs)
    rrelu = progress.cells["rrelu", "none"]
    assert (len(rrelu.metrics), rrelu.diverged, rrelu.tried) == (6, 2, 8)
    assert progress.cells["prelu", "batch"].crashed == 1


def test_progress_of_a_resumed_study_knows_the_means_from_the_start(study: Study) -> None:
    progress = Progress(Clock())
    progress.apply(events.StudyStarted(study.plan, len(study.runs), study.runs))
    assert progress.done == len(study.runs)
    expected = [run.metric for run in study.of("test", "elu", "none")]
    assert progress.cells["elu", "none"].metrics == expected


def test_time_left_counts_only_what_this_session_made(study: Study) -> None:
    clock = Clock()
    progress = Progress(clock)
    told = script(study, done=100)
    progress.apply(next(told))
    assert progress.seconds_left is None
    for event in told:
        progress.apply(event)
        if isinstance(event, events.TrialFinished):
            clock.now += 2.0
            if progress.done == 110:
                break
    assert progress.seconds_left == pytest.approx(2.0 * (len(study.runs) - 110))


@pytest.mark.parametrize("width", [20, 40, 60, 80, 200])
def test_the_table_fits_its_terminal(study: Study, width: int) -> None:
    lines = drawn(after(study, 1500), terminal(width, color_system=None))
    assert max(map(len, lines)) <= width


def test_the_table_shows_progress_and_means(study: Study) -> None:
    clock = Clock()
    progress = after(study, 2600, clock)
    clock.now += 61
    text = "\n".join(drawn(progress, terminal(120, 40, color_system=None)))
    assert f"{progress.done}/{len(study.runs)} trials" in text
    assert " left" in text
    relu = progress.cells["relu", "none"]
    assert f"{relu.mean:.2f} ± {relu.sd:.2f}" in text


def test_labels_are_text_and_no_markup(study: Study) -> None:
    progress = after(study, 1500)
    progress.warnings.append("[bold]not markup[/bold] [/]")
    assert "[bold]not markup[/bold] [/]" in "\n".join(drawn(progress, terminal(100, color_system=None)))


def test_nothing_is_shown_unless_someone_watches(study: Study, capsys: pytest.CaptureFixture[str]) -> None:
    for show, console in ((None, None), (False, terminal())):
        with watching(show=show, console=console) as handle:
            for event in script(study):
                handle(event)
        if console is not None:
            assert console.file.getvalue() == ""  # type: ignore[attr-defined]
    assert capsys.readouterr() == ("", "")


def test_the_live_table_goes_away_and_leaves_the_greeting(study: Study) -> None:
    console = terminal(color_system=None)
    with watching(console=console) as handle:
        for event in script(study, done=200):
            handle(event)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "going on: 200 trials are there" in text
    assert text.rstrip().endswith("\x1b[2K") or "\x1b[1A" in text.rsplit("trials", 1)[-1]


def test_the_cursor_comes_back_after_an_interruption(study: Study) -> None:
    console = terminal()

    def interrupted() -> None:
        with watching(console=console) as handle:
            for event in script(study):
                handle(event)
                if isinstance(event, events.TrialFinished):
                    raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert "\x1b[?25h" in console.file.getvalue()  # type: ignore[attr-defined]


@pytest.mark.parametrize("dumb", [False, True], ids=["log", "dumb terminal"])
def test_logs_get_plain_lines_now_and_then(study: Study, dumb: bool) -> None:
    clock = Clock()
    console = terminal(
        color_system=None, force_terminal=dumb, _environ={"TERM": "dumb"} if dumb else {}, width=30
    )
    with watching(show=True, console=console, clock=clock) as handle:
        for event in script(study):
            clock.now += 0.05
            handle(event)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    lines = text.splitlines()
    assert "\x1b" not in text
    assert "relu: learning rate 0.1" in lines
    assert "tanh with batch norm: learning rate 0.316" in lines
    assert any(" left" in line for line in lines)
    assert len(lines) < 60


def test_progress_of_a_race(race: Study) -> None:
    progress = Progress(Clock())
    totals = []
    for event in race_script(race):
        progress.apply(event)
        totals.append(progress.total)
    assert totals == sorted(totals, reverse=True)
    assert totals[0] > totals[-1] == progress.done
    decided = {key: standing.decided_at for key, standing in against_control(race).items()}
    assert progress.left == sorted(decided, key=lambda key: (decided[key], list(decided).index(key)))
    assert progress.warnings == ["something odd"]
    assert progress.seconds_left == 0.0


def test_trials_that_end_after_the_last_decision_count(race: Study) -> None:
    progress = Progress(Clock())
    for event in race_script(race):
        progress.apply(event)
    for run in race.of("test")[:3]:
        progress.apply(events.TrialFinished(run))
    assert progress.total == progress.done == len(race.runs) + 3


@pytest.mark.parametrize("width", [30, 60, 80, 120])
def test_the_race_is_seen(race: Study, width: int) -> None:
    progress = Progress(Clock())
    for event in race_script(race):
        progress.apply(event)
        if len(progress.left) >= 2:
            break
    lines = drawn(progress, terminal(width, color_system=None))
    assert max(map(len, lines)) <= width
    rows = {line.split()[1]: line for line in lines if line.startswith("● ")}
    if width < 80:
        return
    assert lines[0] == "digits: margin 1.06 points"
    assert "at seed" in rows[progress.left[0][0]]
    assert rows["relu"].rstrip().endswith("control")
    assert sum(row.rstrip().endswith("open") for row in rows.values()) == 4 - len(progress.left)
    for arm in progress.left:  # the interval and where it had to get to
        assert "─" in rows[arm[0]]
        assert "●" in rows[arm[0]][2:]
    assert all(row.count("┊") + row.count("─") >= 2 for arm, row in rows.items())


def test_plain_lines_say_who_left_and_when(race: Study) -> None:
    console = terminal(color_system=None, force_terminal=False, width=30)
    with watching(show=True, console=console, clock=Clock()) as handle:
        handle.announce("what is to come")
        for event in race_script(race):
            handle(event)
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert lines[0] == "what is to come"
    assert "margin 1.06: one standard error of accuracy on 597 test samples at relu's 94.3 %" in lines
    assert "warning: something odd" in lines
    for (arm, _), standing in against_control(race).items():
        (line,) = [line for line in lines if line.startswith(f"{arm}: ")]
        assert line == f"{arm}: {standing.verdict}, decided at seed {standing.decided_at}"


def test_a_notebook_gets_one_cell_that_is_redrawn_and_emptied(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    updates: list[dict[str, str]] = []
    handle_of_cell = SimpleNamespace(update=lambda data, raw: updates.append(data))
    ipython, display = ModuleType("IPython"), ModuleType("IPython.display")
    ipython.get_ipython = lambda: SimpleNamespace(kernel=object())  # type: ignore[attr-defined]
    display.display = lambda data, raw, display_id: handle_of_cell  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    clock = Clock()
    with watching(clock=clock) as handle:
        for event in script(study):
            clock.now += 0.01
            handle(event)
    pages = [data["text/html"] for data in updates[:-1]]
    assert 10 < len(pages) < 200
    assert all(page.startswith("<pre>") for page in pages)
    assert "leaky_relu" in pages[-1]
    assert updates[-1] == {"text/plain": ""}
