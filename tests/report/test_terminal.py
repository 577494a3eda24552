"""The result as text and as a notebook's fragment."""

from __future__ import annotations

import dataclasses
import io
from html.parser import HTMLParser

import pytest
from rich.console import Console

from rectifiers.records.values import Study
from rectifiers.report import notebook, terminal
from rectifiers.report.summary import summarize

PLACES = {"report": "runs/x/report.html", "store": "runs/x/study.db"}


def drawn(study: Study, width: int, **options: object) -> list[str]:
    settings = {"file": io.StringIO(), "color_system": None, "legacy_windows": False, "force_terminal": True}
    console = Console(width=width, **{**settings, **options})  # type: ignore[arg-type]
    with console.capture() as capture:
        terminal.show(console, summarize(study), study.plan.arms, PLACES)
    return capture.get().splitlines()


def test_it_opens_with_the_verdict_and_ends_with_the_paths(study: Study) -> None:
    lines = terminal.plain(summarize(study), study.plan.arms, PLACES).splitlines()
    assert " ".join(map(str.strip, lines)).startswith(summarize(study).headline)
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
    assert lines[:3] == [summary.headline, *summary.scope]
    assert [f"warning: {notice.text}" for notice in summary.warnings] == lines[-5:-3]


def test_markup_in_names_is_text(nasty: Study) -> None:
    assert "mine:<script>" in "\n".join(drawn(nasty, 140))


def test_a_study_that_has_only_begun_is_shown_without_a_verdict(study: Study) -> None:
    begun = dataclasses.replace(study, runs=study.of("tune")[:3])
    lines = drawn(begun, 120)
    assert lines[0].startswith("Not finished: 0 of 8 seeds so far.")
    assert not any(" better " in line for line in lines)


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
