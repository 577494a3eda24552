"""The HTML file, read as text: what it says, what it must not say, and what it may load."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import itertools
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest

from rectifiers.errors import StoreError
from rectifiers.records.values import Plan, Run, Study
from rectifiers.report import _page, html
from rectifiers.report.summary import summarize


class Reader(HTMLParser):
    """Collects tags, scripts, and the text outside of scripts and styles."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.words: list[str] = []
        self._inside = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._inside = tag
        if tag not in ("b", "i", "span", "button", "a"):
            self.words.append(" ")
        if tag == "script":
            self.scripts.append((dict(attrs), ""))

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            attributes, text = self.scripts[-1]
            self.scripts[-1] = attributes, text + data
        elif self._inside != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.words).split())


@pytest.fixture(scope="module")
def page(study: Study) -> str:
    return html.render(study)


@pytest.fixture(scope="module")
def race_page(race: Study) -> str:
    return html.render(race)


@pytest.fixture(scope="module")
def invalid_page(invalid: Study) -> str:
    return html.render(invalid)


@pytest.fixture(scope="module")
def reader(page: str) -> Reader:
    return Reader(page)


def test_the_verdict_comes_first(study: Study, reader: Reader) -> None:
    summary = summarize(study)
    for line in (*summary.recommendation.lines, *summary.scope):
        assert line in reader.text
    assert reader.text.index(summary.recommendation.lines[0]) < reader.text.index("Differences to")


def test_every_part_is_there(reader: Reader) -> None:
    sections = [attributes.get("id") for tag, attributes in reader.tags if tag == "section"]
    assert sections[1:] == ["ranking", "learning", "cost", "functions", "rates", "done", "wrong", "words"]


def test_what_was_done_and_what_went_wrong(study: Study, reader: Reader) -> None:
    for text in (
        study.command,
        *(notice.text for notice in study.warnings),
        *study.environment.values(),
        "loss is nan at step 31",
    ):
        assert " ".join(text.split()) in reader.text
    assert "2 of 8" in reader.text
    assert "at the edge" in reader.text
    assert "13 of 140" not in reader.text
    assert "12 of 140 runs diverged or crashed" in reader.text


def test_a_study_without_a_mishap_says_so(make_study: Callable[..., Study]) -> None:
    clean = dataclasses.replace(
        make_study(("relu", "tanh"), norms=("batch",), seeds=2), warnings=(), environment={}, command=""
    )
    assert "Nothing: every run finished, and there are no warnings." in Reader(html.render(clean)).text


@pytest.fixture(scope="module")
def small(make_study: Callable[..., Study]) -> Study:
    return make_study(("relu", "elu"), norms=("none",), seeds=2)


@pytest.fixture(scope="module")
def small_page(small: Study) -> str:
    return html.render(small)


def test_the_same_study_gives_the_same_bytes(small: Study, small_page: str) -> None:
    assert html.render(small) == small_page


def test_the_drawing_library_is_bundled_once_and_kept(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bundled: list[str] = []

    def bundle(snippet: str) -> str:
        bundled.append(snippet)
        return "text = '</script><!--'"

    monkeypatch.setattr("vl_convert.javascript_bundle", bundle)
    monkeypatch.setenv("RECTIFIERS_CACHE", str(tmp_path / "cache"))
    found = {_page._library.__wrapped__() for _ in range(2)}
    assert (found, len(bundled)) == ({r"text = '<\/script><\!--'"}, 1)
    (tmp_path / "file").touch()
    monkeypatch.setenv("RECTIFIERS_CACHE", str(tmp_path / "file"))  # where nothing can be kept
    assert _page._library.__wrapped__() in found


def test_nothing_is_loaded_from_elsewhere(reader: Reader) -> None:
    for tag, attributes in reader.tags:
        for name in ("src", "href", "action", "srcset", "data"):
            assert (attributes.get(name) or "#").startswith("#"), (tag, attributes)
    assert not [tag for tag, _ in reader.tags if tag in ("link", "iframe", "img", "object", "base")]


def test_the_policy_allows_the_inlined_scripts_and_no_request(reader: Reader) -> None:
    (policy,) = [a["content"] for tag, a in reader.tags if a.get("http-equiv") == "Content-Security-Policy"]
    assert policy is not None
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    allowed = set(re.findall(r"'sha256-([^']+)'", policy))
    code = [text for attributes, text in reader.scripts if attributes.get("type") != "application/json"]
    hashes = {base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in code}
    assert hashes == allowed
    assert len(code) == 2
    assert "unsafe-eval" not in policy


def test_every_chart_has_its_place(reader: Reader) -> None:
    names = [a["data-chart"] for a, _ in reader.scripts if "data-chart" in a]
    places = [a["id"] for tag, a in reader.tags if tag == "div" and (a.get("id") or "").startswith("chart-")]
    assert sorted(places) == sorted(f"chart-{name}" for name in names)
    assert len(names) == 10
    for attributes, text in reader.scripts:
        if "data-chart" in attributes:
            assert json.loads(text)["layer"]


def test_accessible_by_construction(reader: Reader) -> None:
    tags = [tag for tag, _ in reader.tags]
    assert ("html", {"lang": "en"}) in reader.tags
    assert tags.count("h1") == 1
    assert tags.count("table") == tags.count("caption")
    assert tags.count("figure") == tags.count("figcaption") == 10
    levels = [int(tag[1]) for tag in tags if re.fullmatch("h[1-6]", tag)]
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    assert all("scope" in attributes for tag, attributes in reader.tags if tag == "th")
    scrolling = [a for tag, a in reader.tags if a.get("class") == "scroll"]
    assert scrolling
    assert all(a["tabindex"] == "0" and a["aria-label"] for a in scrolling)


def test_markup_in_a_study_is_text(nasty: Study, script: str) -> None:
    page = html.render(nasty)
    assert script not in page
    assert "<script>document" not in page
    found = Reader(page)
    assert script in found.text
    data = [text for attributes, text in found.scripts if "data-chart" in attributes]
    assert any(script in json.dumps(json.loads(text)) for text in data)


def test_write_returns_the_path(small: Study, small_page: str, page: str, tmp_path: Path) -> None:
    path = html.write(small, tmp_path / "report.html")
    assert path.read_bytes().decode() == small_page
    assert len(page.encode()) < 2_500_000


def test_a_place_that_cannot_be_written(small: Study, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=re.escape(str(tmp_path / "no" / "report.html"))):
        html.write(small, tmp_path / "no" / "report.html")


@pytest.mark.parametrize("finished", [0, 11])
def test_an_unfinished_study_is_shown_as_one(small: Study, finished: int) -> None:
    part = dataclasses.replace(small, runs=small.runs[:finished], rates={})
    text = Reader(html.render(part)).text
    assert "Not finished" in text
    assert "▲ better" not in text


def test_arms_without_a_picture_and_of_another_width_are_named(
    make_study: Callable[..., Study], keyed: Callable[..., Study]
) -> None:
    whole = make_study(("relu", "elu", "tanh"), norms=("none",), seeds=2)
    arms = (*whole.plan.arms[:2], dataclasses.replace(whole.plan.arms[2], width=64, curve=None))
    study = keyed(dataclasses.replace(whole.plan, arms=arms), whole.runs, rates=whole.rates)
    text = Reader(html.render(study)).text
    assert "being no function of one input: tanh." in text
    assert "; tanh: width 64" in text


def test_every_word_on_the_page_that_is_explained_has_its_explanation(race_page: str) -> None:
    tags = Reader(race_page).tags
    terms = [attributes for tag, attributes in tags if attributes.get("class") == "term"]
    explained = {attributes["id"] for tag, attributes in tags if tag == "dd" and attributes.get("id")}
    used = {attributes["aria-describedby"] for attributes in terms}
    assert used <= explained
    assert all(attributes["aria-expanded"] == "false" for attributes in terms)
    words = "seed paired interval margin equivalent together undecided confidence control e-value correlation"
    assert {f"word-{word}" for word in words.split()} <= used


def test_a_race_says_when_arms_left_and_what_that_saved(race: Study, race_page: str) -> None:
    text = Reader(race_page).text
    for row in summarize(race).comparisons:
        assert f"decided at seed {row.decided_at}" in text
    assert "saved" in text
    assert "valid after every seed" in text
    assert "Fisher" not in text


def test_an_invalid_study_shows_its_runs_and_no_verdict(invalid: Study, invalid_page: str) -> None:
    reader = Reader(invalid_page)
    summary = summarize(invalid)
    assert reader.text.count(summary.recommendation.per_norm[0].sentence) == 1
    assert reader.text.index("No verdict:") < reader.text.index("Compared")
    assert not [a for _, a in reader.tags if (a.get("class") or "").startswith("verdict")]
    before_words = reader.text.rpartition(" Words ")[0]
    for word in (
        "equivalent",
        "undecided",
        "best to worst",
        "Verdicts hold",
        "e-value",
        "Difference to",
    ):
        assert word not in before_words
    names = [a["data-chart"] for a, _ in reader.scripts if "data-chart" in a]
    assert "scores-none" in names
    assert not [name for name in names if name and name.startswith("differences")]
    assert "mine: 1 of 8 runs crashed: ValueError: boom" in reader.text
    assert reader.text.index("ValueError: boom") < reader.text.index("Compared")


def test_balanced_accuracy_and_the_names_of_the_classes_are_shown(invalid_page: str, page: str) -> None:
    text = Reader(invalid_page).text
    assert "Balanced (%)" in text
    assert "50.0" in text
    assert "Classes cat = 0, dog = 1" in text
    plain = Reader(page).text
    assert "Balanced" not in plain
    assert "Classes" not in plain


def test_a_table_of_results_has_no_part_without_content(
    make_plan: Callable[..., Plan], make_run: Callable[..., Run], keyed: Callable[..., Study]
) -> None:
    changes = {"norms": ("none",), "epochs": 0, "learning_rates": (0.0,), "tuning_seeds": 0, "model": ""}
    made = make_plan(("relu", "elu"), seeds=3, task="results.csv", data_hash="", **changes)
    plan = dataclasses.replace(made, arms=tuple(dataclasses.replace(arm, curve=None) for arm in made.arms))
    empty = {
        "steps": 0,
        "seconds": 0.0,
        "parameters": 0,
        "peak_memory": None,
        "train_loss": (),
        "train_error": (),
    }
    hashes = {"init_hash": "", "order_hash": "", "noise_hash": "", "started": ""}
    runs = [
        dataclasses.replace(
            make_run(arm, "none", seed, 94.0 + seed + (arm == "elu"), rate=0.0), **empty, **hashes
        )
        for arm in ("relu", "elu")
        for seed in range(3)
    ]
    reader = Reader(html.render(keyed(plan, runs)))
    sections = [attributes.get("id") for tag, attributes in reader.tags if tag == "section"]
    assert sections[1:] == ["ranking", "done", "words"]
    for word in ("Learning rate", "Epochs", "Model", "Training time", "SHA-256", "Optimiser", "trial"):
        assert word not in reader.text
    assert "results.csv" in reader.text
