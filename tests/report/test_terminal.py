"""The result as text and as a notebook's fragment."""

from __future__ import annotations

import dataclasses
import io
import re
from html.parser import HTMLParser

import pytest
from rich.console import Console

from rectifiers.records.values import Margin, Notice, Study
from rectifiers.report import notebook, terminal
from rectifiers.report.summary import summarize

PLACES = {"report": "runs/x/report.html", "store": "runs/x/study.db"}


def drawn(study: Study, width: int, **options: object) -> list[str]:
    settings = {"file": io.StringIO(), "color_system": None, "legacy_windows": False, "force_terminal": True}
    console = Console(width=width, **{**settings, **options})  # type: ignore[arg-type]
    with console.capture() as capture:
        terminal.show(console, summarize(study), PLACES)
    return capture.get().splitlines()


def test_it_opens_with_the_verdict_and_ends_with_the_paths(study: Study) -> None:
    lines = terminal.plain(summarize(study), PLACES).splitlines()
    assert " ".join(map(str.strip, lines)).startswith(summarize(study).recommendation.sentence)
    assert lines[-2:] == ["report  runs/x/report.html", "store   runs/x/study.db"]


def test_the_ranking_has_every_arm_from_best_to_worst(study: Study) -> None:
    lines = drawn(study, 150)
    start = lines.index("without normalisation")
    arms = [line.split()[1] for line in lines[start + 2 : start + 9]]
    assert arms == [row.arm for row in summarize(study).ranking("none")]
    assert arms[0] == "elu"
    assert arms[-1] == "tanh"


def test_every_interval_and_verdict_is_there(study: Study) -> None:
    summary = summarize(study)
    text = "\n".join(drawn(study, 150))
    for row in summary.comparisons:
        assert terminal.against(row, summary.digits) in text
    assert "2 diverged" in text
    assert "1 crashed" in text
    assert all(f"warning: {notice.text}"[:60] in text for notice in summary.warnings)


def test_the_intervals_are_drawn_on_one_scale_where_there_is_room(study: Study) -> None:
    lines = [line for line in drawn(study, 150) if line.startswith("● ")]
    assert len(lines) == 14
    by_arm = {line.split()[1]: line for line in lines[:7]}
    assert by_arm["tanh"].index("●", 2) < by_arm["relu"].index("│") < by_arm["elu"].index("●", 2)
    assert not any("│" in line for line in drawn(study, 100))


@pytest.mark.parametrize("width", [24, 40, 60, 80, 100, 108, 200])
def test_it_fits_its_terminal(study: Study, width: int) -> None:
    lines = drawn(study, width)
    fitting = [line for line in lines if not line.startswith(("report", "store"))]
    assert max(map(len, fitting)) <= width


def test_paths_are_never_broken(study: Study) -> None:
    assert "report  runs/x/report.html" in drawn(study, 16)


def test_prose_in_a_file_is_not_broken_into_lines(study: Study) -> None:
    lines = drawn(study, 80, force_terminal=False)
    summary = summarize(study)
    assert lines[:3] == [summary.recommendation.sentence, *summary.scope]
    assert [f"warning: {notice.text} [{notice.code}]" for notice in summary.remarks] == lines[-7:-3]


def test_markup_in_names_is_text(nasty: Study) -> None:
    assert "mine:<script>" in "\n".join(drawn(nasty, 140))


def test_a_study_that_has_only_begun_is_shown_without_a_verdict(study: Study) -> None:
    begun = dataclasses.replace(study, runs=study.of("tune")[:3])
    lines = drawn(begun, 120)
    assert lines[0].startswith("Not finished: 0 of 8 seeds so far.")
    assert not any(" better " in line for line in lines)


def test_an_invalid_study_is_its_reason_first_and_then_its_runs(invalid: Study) -> None:
    summary = summarize(invalid)
    lines = drawn(invalid, 200, force_terminal=False)
    assert lines[0] == summary.recommendation.sentence
    assert lines[0].startswith("No verdict: no arm learned: accuracy ")
    assert "--allow no-arm-learned" in lines[0]
    text = "\n".join(lines[1:])
    for word in (
        "better",
        "worse",
        "equivalent",
        "undecided",
        "control",
        "withheld",
        "minus",
        "no arm learned",
    ):
        assert word not in text
    arms = [line.split()[1] for line in lines if line.startswith("● ")]
    assert arms == ["relu", "elu", "mine"] * 2  # as they were given: no arm comes before another
    assert "balanced %" in text
    assert sum("mine: 1 of 8 runs crashed: ValueError: boom" in line for line in lines) == 1
    assert "warning: 96 % of the samples are of class cat [unequal-classes]" in lines


def test_an_invalid_study_in_a_notebook(invalid: Study) -> None:
    text = notebook.fragment(summarize(invalid), PLACES).partition("What the words mean")[0]
    assert text.index("No verdict:") < text.index("<table>")
    assert "verdict</th>" not in text
    assert "minus relu" not in text
    assert "ValueError: boom" in text
    assert "balanced %" in text


def test_what_never_ran_has_no_table(invalid: Study) -> None:
    notice = Notice("never-called", "the model ignores it", "withheld")
    lines = drawn(
        dataclasses.replace(invalid, runs=(), rates={}, warnings=(notice,)), 100, force_terminal=False
    )
    assert lines[0].startswith("No verdict: the model ignores it. Where it is meant")
    assert not any(line.startswith("●") for line in lines)


def test_an_overruled_check_is_told_once(invalid: Study) -> None:
    plan = dataclasses.replace(invalid.plan, allow=("no-arm-learned",))
    lines = drawn(dataclasses.replace(invalid, plan=plan), 400, force_terminal=False)
    assert not lines[0].startswith("No verdict")
    assert sum("no arm learned" in line for line in lines) == 1
    assert lines[1].startswith("Overruled (no-arm-learned): no arm learned: ")


def test_columns_without_content_are_left_out_and_the_axis_shows_small_numbers(race: Study) -> None:
    table = dataclasses.replace(
        race,
        plan=dataclasses.replace(
            race.plan, epochs=0, resolution=0.0, unit="", metric="F1", learning_rates=(0.0,)
        ),
        rates={},
        margin=Margin(0.0106, "as given"),
    )
    runs = tuple(
        dataclasses.replace(
            run,
            trial=table.plan.trial("test", run.trial.arm, "none", 0.0, run.trial.seed),
            metric=run.metric / 100.0,
            seconds=0.0,
            steps=0,
        )
        for run in race.of("test")
        if run.metric is not None
    )
    head = next(line for line in drawn(dataclasses.replace(table, runs=runs), 150) if line.startswith("arm"))
    assert head.split()[:4] == ["arm", "F1", "minus", "relu"]
    assert "0.0 " not in head
    low, high = (float(end) for end in re.findall(r"[−+]([0-9.]+)", head))
    assert low == high > 0.0
    assert not {"rate", "time", "failed"} & set(head.split())


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.open.append(tag)
        self.seen.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_fragment_is_balanced_html_with_every_arm_and_every_text_escaped(nasty: Study) -> None:
    text = notebook.fragment(summarize(nasty), PLACES)
    parser = _Tags()
    parser.feed(text)
    assert parser.open == []
    assert parser.seen.count("tr") == 1 + 2 * 8
    assert "script" not in parser.seen
    assert "&lt;script&gt;" in text
    assert "runs/x/report.html" in text
