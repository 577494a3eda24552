"""The benchmark of activations runs, and its arithmetic and its verdicts are right. No timing is asserted."""

from __future__ import annotations

import importlib
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

_ROOT = Path(__file__).parents[2]
_PLOTS = ("ratios-own", "ratios-relu", "sweep", "kept", "peak")


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Return a function that imports a module of the benchmark."""
    if not (_ROOT / "benchmarks" / "activations").is_dir():
        pytest.skip("the benchmarks are not part of this distribution")
    monkeypatch.syspath_prepend(str(_ROOT))
    return lambda name: importlib.import_module(f"benchmarks.activations.{name}")


def timed(bench: Any, case: str, elements: int = 4096, **times: list[float]) -> Any:
    return bench("results").Timed(case, elements, 4, times)


def test_quick_run_writes_every_row_and_plot(
    bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--quick", "--threads", "1", "--out", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", ["benchmarks.activations", *words])
    assert bench("__main__").main() == 0, capsys.readouterr()
    text = (tmp_path / "RESULTS.md").read_text(encoding="utf-8")
    assert "its figures mean nothing" in text
    assert "**Failed:**" not in text
    assert "Not measured with this code" not in text
    sections = {part.partition("\n")[0]: part for part in text.split("\n## ")}
    titles = [case.title for case in bench("cases").CASES]
    groups = {g.kind: g for g in bench("settings").groups("cpu", True)}
    for group in bench("settings").groups("cpu", True):
        section = sections[group.title[:1].upper() + group.title[1:]]
        rows = [
            line.split(" | ")[0].removeprefix("| ") for line in section.splitlines() if line.startswith("| ")
        ]
        if group.kind == "sweep":
            continue
        left_out = {"CReLU", "Maxout"} if group.kind == "peak" else set()
        assert rows[2:] == [title for title in titles if title not in left_out], group.name
    assert "From 1 to 1,024 elements." in sections["Sizes"]
    assert set(titles) <= {
        line.split(" | ")[0].removeprefix("| ") for line in sections["Targets"].splitlines()
    }
    assert set(groups) == {"time", "small", "sweep", "kept", "peak"}
    for name in _PLOTS:
        assert f"(plots/{name}.svg)" in text
        drawing = (tmp_path / "plots" / f"{name}.svg").read_text(encoding="utf-8")
        assert ET.fromstring(drawing).tag.endswith("svg")
        assert "prefers-color-scheme: dark" in drawing


def test_a_group_that_fails_is_reported_and_the_rest_stays(bench: Any, tmp_path: Path) -> None:
    results, settings, page = bench("results"), bench("settings"), bench("page")
    groups = settings.groups("cpu", True)
    group = groups[0]
    path = results.place(tmp_path, "cpu", group)
    results.save(results.Outcome(group.name, "mark", "now", failure="out of luck"), path)
    assert results.load(path, "another mark") is None
    found = {group.name: results.load(path, "mark")}
    text = page.render(groups, found, settings.Settings(quick=True), {"processor": "some"}, "command", {})
    assert "**Failed:** out of luck" in text
    assert "0 reached, 0 not reached" in text


def test_outcomes_survive_the_file(bench: Any, tmp_path: Path) -> None:
    results = bench("results")
    outcome = results.Outcome(
        "flat",
        "mark",
        "now",
        ("a note",),
        (results.Timed("relu", 8, 4, {"ours": [1.0, 2.0]}, {"own": "differs"}, "torch"),),
        (results.Kept("relu", (0.125, 0.125), (4.0, 0.0)),),
        (results.Peak("relu", 10, 20),),
    )
    results.save(outcome, tmp_path / "one.json")
    assert results.load(tmp_path / "one.json", "mark") == outcome


def test_ratio_is_of_medians_with_the_range_over_rounds(bench: Any) -> None:
    row = timed(bench, "relu", ours=[1.0, 3.0, 2.0], own=[4.0, 4.0, 5.0])
    assert bench("results").ratio(row, "ours", "own") == (0.5, 0.25, 0.75)
    assert bench("results").ratio(row, "ours", "compiled") is None


@pytest.mark.parametrize(
    ("case", "itemsize", "expected"),
    [
        ("relu", 4, 16.25),  # read x, write y, read g, write gx, and a bit there and back
        ("relu", 2, 8.25),
        ("elu", 4, 20.0),  # backward reads the output again
        ("prelu", 4, 20.0),
        ("crelu", 4, 24.5),
        ("maxout", 4, 12.125),
    ],
)
def test_bytes_an_activation_must_move(bench: Any, case: str, itemsize: int, expected: float) -> None:
    assert bench("cases").by_name(case).bytes_moved(itemsize) == expected


def test_bandwidth_is_relative_to_a_copy(bench: Any) -> None:
    """ELU moves 20 bytes where a copy moves 8: in 2.5 times its time it is as fast."""
    row = timed(bench, "elu", ours=[2.5], own=[5.0], copy=[1.0])
    assert bench("results").bandwidth(row, "ours") == pytest.approx(1.0)
    assert bench("results").bandwidth(row, "own") == pytest.approx(0.5)
    lines = {line["who"]: line["us"] for line in bench("plots").swept([row], "elu")}
    assert lines["copy's bandwidth"] == pytest.approx(2.5e6)


def test_bandwidth_of_a_direction(bench: Any) -> None:
    """ReLU's backward reads g and a bit, and writes gx: 8.125 bytes where a copy moves 8."""
    row = timed(bench, "relu", copy=[1.0], **{"ours forward": [1.0], "ours backward": [2.0]})
    of = bench("results").bandwidth_of
    assert of(row, "ours", "forward").value == pytest.approx(8.125 / 8)
    assert of(row, "ours", "backward").value == pytest.approx(8.125 / 16)
    assert of(row, "own", "forward") is None
    shown = bench("tables").directions([row])
    assert "| ReLU | 102 (102–102) | **51 (51–51)** | – | – |" in shown


def test_groups_of_a_gpu(bench: Any) -> None:
    groups = {group.name: group for group in bench("settings").groups("cuda", False)}
    assert not any(group.keep_from for group in groups.values())
    assert groups["directions-bfloat16"].dtype == "bfloat16"
    assert [name for name, group in groups.items() if group.compiled] == ["flat"]
    most = {(t.case, t.group): t.most for t in bench("targets").targets("cuda")}
    assert (most["prelu", "flat"], most["maxout", "flat"]) == (1.15, 0.8)  # there is no kernel of PReLU there


def test_verdicts(bench: Any) -> None:
    targets, tables = bench("targets"), bench("tables")
    rows = {
        "flat": [
            timed(bench, "relu", ours=[1.15], own=[1.0]),
            timed(bench, "elu", ours=[0.81], own=[1.0]),
        ],
        "small": [timed(bench, "relu", n, ours=[time], own=[1.0]) for n, time in ((1, 1.2), (64, 1.0))],
    }
    judged = targets.judge("cpu", rows, bench("settings").groups("cpu", True))
    verdicts = {(one.target.case, one.target.group, one.elements): one.verdict for one in judged}
    assert verdicts["relu", "flat", 4096] == "reached"
    assert verdicts["elu", "flat", 4096] == "not reached"
    assert verdicts["relu", "small", 1] == "not reached"
    assert verdicts["relu", "small", 64] == "reached"
    assert verdicts["relu", "large", 0] == "not measured"
    assert f"Of {len(judged)} targets: 2 reached, 2 not reached" in tables.tally(judged)
    shown = tables.targets(judged, small_ones=False) + tables.targets(judged, small_ones=True)
    assert "**0.81 > 0.8 not reached**" in shown
    assert "**1.20 > 1.15 not reached**" in shown
    assert shown.count("not reached") == 2


def test_every_target_belongs_to_a_case_and_a_group(bench: Any) -> None:
    names = {case.name for case in bench("cases").CASES}
    for quick in (True, False):
        groups = {group.name for group in bench("settings").groups("cpu", quick)}
        for target in bench("targets").targets("cpu"):
            assert target.case in names
            assert target.group in groups


def test_bytes_kept_count_storages_once(bench: Any) -> None:
    x = torch.randn(64, requires_grad=True)
    kept = bench("memory").kept_bytes
    assert kept(torch.relu, (x,)) == (256, 0)  # its output
    assert kept(lambda x: x * x, (x,)) == (256, 0)  # its input, twice
    assert kept(lambda x: torch.relu(2.0 * x) + 1.0, (x,)) == (256, 256)  # neither


def test_peak_counts_what_is_alive(bench: Any) -> None:
    """A layer of 1000 x 1000 takes weight and gradient at least; a hundredfold batch adds to it."""
    network = torch.nn.Sequential(torch.nn.Linear(1000, 1000), torch.nn.ReLU())
    few, many = (
        bench("memory").peak_bytes(network, torch.randn(n, 1000), torch.zeros(n, dtype=torch.long))
        for n in (10, 1000)
    )
    weight, batch = 4_000_000, 4_000_000
    assert 2 * weight < few < 3 * weight
    assert few + 2 * batch < many < few + 8 * batch


def test_contestants_that_differ_are_named(bench: Any) -> None:
    timing, case = bench("timing"), bench("cases").by_name("relu")
    x = torch.randn(4, 8, requires_grad=True)
    steps = {"ours": torch.relu, "own": torch.relu, "compiled": torch.nn.functional.silu}
    notes = timing._differences(case, {who: timing.Step(one, (x,)) for who, one in steps.items()})
    assert set(notes) == {"compiled"}
