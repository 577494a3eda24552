"""The pages in a headless Chromium: drawn, quiet, offline, inert to markup, readable anywhere."""

from __future__ import annotations

import dataclasses
import functools
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from rectifiers.records.values import ArmSpec, Study
from rectifiers.report import colours, html, tasks, tasks_page
from rectifiers.report.functions import show

pytestmark = pytest.mark.browser

_PATIENCE = 180_000  # milliseconds: a busy machine is slow, not wrong
PHONE, WIDE = (390, 844), (1440, 900)
STYLES = colours.styles(
    [ArmSpec(name, name, name, 1.0) for name in ("relu", "leaky_relu", "prelu", "rrelu", "elu", "tanh")]
)
OUTSIDE = """plots => plots.flatMap(plot => {
    const box = plot.getBoundingClientRect();
    return [...plot.querySelectorAll('svg text')].filter(text => {
        const own = text.getBoundingClientRect();
        return own.width && (own.right > box.right + 1 || own.left < box.left - 1);
    }).map(text => plot.id + ': ' + text.textContent);
})"""
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@dataclass
class Visit:
    """An open page and everything it complained about or asked for."""

    page: Any
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


Visitor = Callable[..., Visit]


@pytest.fixture(scope="module")
def visit() -> Iterator[Visitor]:
    """Return what shows a file in a window of some size, and under a colour scheme of the system's.

    Drawing a page is what takes long: what was opened stays open, and a test that changes a page changes it
    back, but for the theme that its button chose.
    """
    if CHROMIUM is None:
        pytest.skip("no Chromium is installed")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])

        @functools.cache
        def opened(path: Path, size: tuple[int, int]) -> Visit:
            window = {"width": size[0], "height": size[1]}
            page = browser.new_page(viewport=window, has_touch=size == PHONE)
            found = Visit(page)
            page.set_default_timeout(_PATIENCE)
            page.on("console", lambda message: found.complaints.append(message.text))
            page.on("pageerror", lambda error: found.complaints.append(str(error)))
            page.on("request", lambda request: found.requests.append(request.url))
            page.goto(path.as_uri())
            page.wait_for_selector("html[data-drawn]", state="attached")
            return found

        def choose(path: Path, size: tuple[int, int] = WIDE, scheme: str = "light") -> Visit:
            found = opened(path, size)
            found.page.emulate_media(color_scheme=scheme)
            found.page.evaluate("delete document.documentElement.dataset.theme")
            return found

        yield choose
        browser.close()


@pytest.fixture(scope="module")
def report(study: Study, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return html.write(study, tmp_path_factory.mktemp("report") / "report.html")


@pytest.fixture(scope="module")
def raced(make_race: Callable[..., Study], tmp_path_factory: pytest.TempPathFactory) -> Path:
    study = make_race(vary="split", fails={"tanh": 2, "prelu": 9})
    return html.write(study, tmp_path_factory.mktemp("race") / "report.html")


@pytest.fixture(scope="module")
def functions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return show("elu", "prelu", "crelu", "gelu").save(tmp_path_factory.mktemp("show") / "show.html")


@pytest.mark.parametrize("size, scheme", [(PHONE, "light"), (WIDE, "dark")], ids=["phone", "wide"])
def test_drawn_quiet_and_offline(visit: Visitor, report: Path, size: tuple[int, int], scheme: str) -> None:
    found = visit(report, size, scheme)
    marks = found.page.eval_on_selector_all(
        ".plot", "plots => plots.map(p => p.querySelectorAll('svg path, svg text').length)"
    )
    assert len(marks) == 10
    assert min(marks) > 10
    assert found.complaints == []
    assert found.requests == [report.as_uri()]
    width = found.page.evaluate("document.documentElement.scrollWidth")
    assert width <= size[0]  # no scrolling sideways
    overflowing = found.page.eval_on_selector_all(
        ".plot", "plots => plots.filter(p => p.scrollWidth > p.clientWidth + 1).map(p => p.id)"
    )
    assert overflowing == []


def test_several_studies_side_by_side_fit_a_phone(visit: Visitor, study: Study, tmp_path: Path) -> None:
    plan = dataclasses.replace(study.plan, task="another", data_hash="another")
    trials = (run.trial for run in study.runs)
    others = (plan.trial(t.phase, t.arm, t.norm, t.learning_rate, t.seed) for t in trials)
    runs = [dataclasses.replace(run, trial=trial) for run, trial in zip(study.runs, others, strict=True)]
    studies = [study, dataclasses.replace(study, plan=plan, runs=tuple(runs))]
    page = tasks_page.write(tasks.together(studies), study.plan.arms, tmp_path)
    found = visit(page, PHONE)
    marks = found.page.eval_on_selector_all(
        ".plot", "plots => plots.map(p => p.querySelectorAll('svg path').length)"
    )
    assert (len(marks), min(marks) > 10) == (2, True)
    assert found.complaints == []
    assert found.page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
    assert found.page.eval_on_selector_all(".plot", OUTSIDE) == []


def test_labels_lie_inside_their_charts(visit: Visitor, report: Path) -> None:
    for size in (PHONE, WIDE):
        found = visit(report, size)
        assert found.page.eval_on_selector_all(".plot", OUTSIDE) == []


def test_dark_and_light(visit: Visitor, report: Path) -> None:
    def look(page: Any) -> tuple[str, str, str]:
        return (
            page.evaluate("getComputedStyle(document.querySelector('.chart')).backgroundColor"),
            page.evaluate("getComputedStyle(document.body).color"),
            page.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--arm-0')"),
        )

    found = visit(report, scheme="light")
    light = look(found.page)
    found.page.click("#theme")
    dark = look(found.page)
    found.page.click("#theme")
    assert look(found.page) == light
    found = visit(report, scheme="dark")
    assert look(found.page) == dark
    found.page.click("#theme")
    assert look(found.page) == light
    found.page.click("#theme")
    assert (light[0], dark[0]) == tuple(map(_rgb, colours.BACKGROUND))
    assert (light[2], dark[2]) == STYLES["relu"][:2]


def _rgb(colour: str) -> str:
    return f"rgb({', '.join(str(int(colour[i : i + 2], 16)) for i in (1, 3, 5))})"


def test_marks_take_the_colours_of_the_scheme(visit: Visitor, report: Path) -> None:
    """Charts name CSS variables; a browser that did not resolve them would draw in black."""
    for scheme, place in (("light", 0), ("dark", 1)):
        found = visit(report, scheme=scheme)
        strokes = found.page.eval_on_selector_all(
            "#chart-loss-none svg path",
            "paths => [...new Set(paths.map(path => getComputedStyle(path).stroke))]",
        )
        arms = ("relu", "leaky_relu", "prelu", "rrelu", "elu", "tanh")
        assert {_rgb(STYLES[arm][place]) for arm in arms} <= set(strokes)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read(visit: Visitor, report: Path, scheme: str) -> None:
    """Contrast of at least 4.5 (WCAG 1.4.3) for every text of the page outside charts."""
    pairs = """() => {
        const speaks = e => [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim());
        const visible = e => e.getClientRects().length && speaks(e) && !e.closest('svg, script');
        const behind = e => {
            for (; e; e = e.parentElement) {
                const colour = getComputedStyle(e).backgroundColor;
                if (!colour.startsWith('rgba(0, 0, 0, 0')) return colour;
            }
        };
        const all = [...document.querySelectorAll('main *, header *, footer *')].filter(visible);
        return [...new Set(all.map(e => getComputedStyle(e).color + '|' + behind(e)))];
    }"""

    def luminance(text: str) -> float:
        linear = [
            value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
            for value in (int(part) / 255 for part in re.findall(r"\d+", text)[:3])
        ]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    found = visit(report, scheme=scheme)
    found_pairs = found.page.evaluate(pairs)
    assert len(found_pairs) > 5
    for pair in found_pairs:
        dark, light = sorted(luminance(colour) for colour in pair.split("|"))
        assert (light + 0.05) / (dark + 0.05) >= 4.5, pair


def test_the_legend_points_at_an_arm(visit: Visitor, report: Path) -> None:
    faint = """() => [...document.querySelectorAll('#chart-scores-none svg path')]
        .filter(path => Number(path.getAttribute('opacity') ?? 1) < 0.2).length"""
    found = visit(report)
    assert found.page.evaluate(faint) == 0
    chip = found.page.locator(".chip", has_text="elu").last
    chip.click()
    assert chip.get_attribute("aria-pressed") == "true"
    found.page.mouse.move(5, 5)
    found.page.wait_for_function(f"() => ({faint})() > 20")
    chip.click()
    found.page.mouse.move(5, 5)
    found.page.wait_for_function(f"() => ({faint})() === 0")


def test_turning_the_phone_draws_for_the_new_width(visit: Visitor, report: Path) -> None:
    labels = "document.querySelectorAll('#chart-loss-none svg .mark-text text').length"
    found = visit(report, PHONE)
    narrow = found.page.evaluate(labels)
    found.page.set_viewport_size({"width": 1000, "height": 700})
    found.page.wait_for_function(f"() => {labels} > {narrow}")
    found.page.wait_for_function("() => document.documentElement.scrollWidth <= 1000")
    found.page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    found.page.wait_for_function(f"() => {labels} === {narrow}")
    assert found.complaints == []


def test_markup_in_a_study_does_nothing(visit: Visitor, nasty: Study, script: str, tmp_path: Path) -> None:
    path = html.write(nasty, tmp_path / "nasty.html")
    found = visit(path)
    assert "owned" not in found.page.title().replace(script, "")
    assert found.page.evaluate("document.title").startswith("digits<script>")
    assert found.page.locator("main script:not([type='application/json'])").count() == 0
    assert found.page.locator(".chip", has_text=script).count() == 1
    assert found.complaints == []
    assert found.requests == [path.as_uri()]


def test_the_policy_stops_what_escaping_might_miss(
    visit: Visitor, make_study: Callable[..., Study], tmp_path: Path
) -> None:
    """An injected script and an injected picture: neither runs, neither is fetched."""
    page = html.render(make_study(("relu", "elu"), norms=("none",), seeds=3))
    evil = "<script>document.title = 'owned'</script><img src='https://example.org/x.png'>"
    path = tmp_path / "injected.html"
    path.write_text(page.replace('<main id="main">', f'<main id="main">{evil}'), encoding="utf-8")
    found = visit(path)
    assert found.page.title() != "owned"
    assert found.page.evaluate("document.querySelector('main img').naturalWidth") == 0
    assert any("Content Security Policy" in complaint for complaint in found.complaints)


def test_sliders_move_the_functions(visit: Visitor, functions: Path) -> None:
    line = "document.querySelector('#chart-functions svg .mark-line path').getAttribute('d')"
    found = visit(functions, PHONE)
    slider = found.page.locator(".knobs", has_text="elu").first.locator("input")
    before = found.page.evaluate(line)
    slider.focus()
    found.page.keyboard.press("End")
    found.page.wait_for_function(f"() => {line} !== {before!r}")
    assert found.page.locator(".knobs").first.locator("output").inner_text() == "2"
    assert slider.get_attribute("aria-valuetext") == "2"
    assert found.page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
    assert found.complaints == []
    assert found.requests == [functions.as_uri()]


def test_every_control_has_a_name(visit: Visitor, report: Path, functions: Path) -> None:
    nameless = """() => {
        const named = e => e.getAttribute('aria-label') || (e.closest('label') ?? e).textContent.trim();
        const all = document.querySelectorAll('button, input, a[href], summary, [role=region]');
        return [...all].filter(e => !named(e)).length;
    }"""
    for path in (report, functions):
        found = visit(path, PHONE)
        assert found.page.evaluate(nameless) == 0


def test_the_ranking_of_a_race_fits_a_phone(visit: Visitor, raced: Path) -> None:
    found = visit(raced, PHONE)
    page = found.page
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
    table = page.locator(".scroll:has(.stack)")
    assert table.evaluate("one => one.scrollWidth <= one.clientWidth")
    outside = """table => [...table.querySelectorAll('*')].filter(one =>
        one.getClientRects().length && !one.closest('thead')
        && one.getBoundingClientRect().right > table.getBoundingClientRect().right + 1).length"""
    assert table.evaluate(outside) == 0
    row = page.locator(".stack [role=row]", has_text="elu").first
    assert "For new data" in row.inner_text()
    assert "Correlation" in row.inner_text()
    assert found.complaints == []


def test_tables_that_are_wider_than_a_phone_show_that_they_scroll(visit: Visitor, raced: Path) -> None:
    shown = """() => [...document.querySelectorAll('.scroll')]
        .filter(one => one.scrollWidth > one.clientWidth)
        .map(one => getComputedStyle(one).backgroundImage.split('linear-gradient').length - 1)"""
    counts = visit(raced, PHONE).page.evaluate(shown)
    assert counts
    assert set(counts) == {4}


TIP = ".tip:not([hidden])"


def test_words_are_explained_on_hover(visit: Visitor, report: Path) -> None:
    page = visit(report).page
    page.locator(".scope .term", has_text="margin").hover()
    assert page.locator(TIP).inner_text().startswith("The smallest difference worth caring about")
    page.mouse.move(2, 2)
    page.wait_for_selector(".tip", state="hidden")


def test_words_are_explained_by_the_keyboard(visit: Visitor, report: Path) -> None:
    page = visit(report).page
    term = page.locator(".scope .term").first
    term.focus()
    assert page.locator(TIP).count() == 1
    assert term.get_attribute("aria-expanded") == "true"
    page.keyboard.press("Escape")
    assert page.locator(TIP).count() == 0
    assert term.get_attribute("aria-expanded") == "false"
    page.keyboard.press("Enter")
    assert page.locator(TIP).count() == 1
    page.keyboard.press("Enter")
    assert page.locator(TIP).count() == 0
    page.keyboard.press("Tab")
    assert page.locator(TIP).count() == 1
    page.keyboard.press("Escape")


def test_words_are_explained_on_a_tap(visit: Visitor, raced: Path) -> None:
    """And stay so until another tap; what is explained is inside the window, wherever the word is."""
    page = visit(raced, PHONE).page
    terms = page.locator(".stack .says .term")
    for index in (0, terms.count() - 1):
        term = terms.nth(index)
        term.scroll_into_view_if_needed()
        term.tap()
        tip = page.locator(TIP)
        assert tip.count() == 1
        box = tip.bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= PHONE[0]
        assert term.get_attribute("aria-expanded") == "true"
        term.tap()
        assert page.locator(TIP).count() == 0
    terms.first.tap()
    page.locator("h2").first.tap()
    assert page.locator(TIP).count() == 0
