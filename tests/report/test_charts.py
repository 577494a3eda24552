"""Charts: valid Vega-Lite, the rows they should show, nothing drawn from nothing."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from rectifiers.records.values import Study
from rectifiers.report import charts, colours
from rectifiers.report._arm_lines import learning
from rectifiers.report._looks import on_page, on_paper
from rectifiers.report.facts import Band
from rectifiers.report.files import to_svg
from rectifiers.report.summary import summarize

Spec = dict[str, Any]


def catalogue(study: Study) -> dict[str, charts.Chart]:
    return {chart.name: chart for chart in charts.catalogue(summarize(study))}


def draw(study: Study, *, check: bool = False) -> dict[str, Spec]:
    look = on_paper(colours.styles(study.plan.arms))
    return {name: chart.draw(look, check=check) for name, chart in catalogue(study).items()}


@pytest.fixture(scope="module")
def specs(study: Study) -> dict[str, Spec]:
    """Every chart, each piece held against Vega-Lite's schema as it is made."""
    return draw(study, check=True)


def rows(spec: Spec) -> Iterator[dict[str, Any]]:
    for layer in spec["layer"]:
        yield from layer.get("data", {}).get("values", [])


def rows_of(spec: Spec) -> list[dict[str, Any]]:
    return [*rows(spec)]


def test_every_chart_there_should_be(study: Study) -> None:
    per_norm = ("differences", "scores", "loss", "error")
    expected = [f"{name}-{norm}" for norm in ("none", "batch") for name in per_norm]
    expected += ["functions", "derivatives"]
    assert list(catalogue(study)) == expected


def test_no_name_is_made_up_on_the_way(study: Study, specs: dict[str, Spec]) -> None:
    """Altair numbers what is not named, differently with every call."""
    assert json.dumps(draw(study)) == json.dumps(specs)


def test_differences_show_the_rows_of_the_summary(study: Study, specs: dict[str, Spec]) -> None:
    spec = specs["differences-none"]
    shown = {row["arm"]: row for row in rows(spec) if "interval" in row}
    for row in summarize(study).comparisons:
        if row.norm == "none":
            assert shown[row.arm]["difference"] == pytest.approx(row.difference, rel=1e-5)
            assert shown[row.arm]["low"] == pytest.approx(row.low, rel=1e-5)
            assert shown[row.arm]["verdict"] == row.verdict
    assert {"low": -0.2, "high": 0.2} in list(rows(spec))


def test_an_interval_out_of_all_proportion_is_cut_and_ends_in_an_arrow(
    make_study: Callable[..., Study],
) -> None:
    study = make_study(seeds=2, norms=("none",), learning_rates=(0.1,))
    spec = draw(study)["differences-none"]
    (limit,) = {abs(end) for layer in spec["layer"] for end in _domain(layer)}
    assert limit < 5.0
    arrows = [layer for layer in spec["layer"] if layer["mark"].get("angle") in (90, 270)]
    assert [layer["data"]["values"][0]["arm"] for layer in arrows] == ["leaky_relu(0.01)"] * 2
    assert all(
        abs(row[end]) <= limit * 1.00001 for row in rows(spec) for end in ("low", "high") if "interval" in row
    )


def _domain(layer: Spec) -> list[float]:
    return layer["encoding"].get("x", {}).get("scale", {}).get("domain", [])


def test_learning_curves_carry_mean_and_band(study: Study, specs: dict[str, Spec]) -> None:
    found = [row for row in rows(specs["loss-none"]) if row.get("arm") == "elu" and "mean" in row]
    band = next(b for b in summarize(study).curves if (b.arm, b.norm, b.quantity) == ("elu", "none", "loss"))
    by_epoch = {row["epoch"]: row for row in found}
    assert sorted(by_epoch) == list(range(1, 11))
    for epoch, (mean, low, high) in enumerate(zip(band.mean, band.low, band.high, strict=True), 1):
        row = by_epoch[epoch]
        assert (row["mean"], row["low"], row["high"]) == pytest.approx((mean, low, high), rel=1e-5)


def test_no_power_of_ten_on_a_linear_axis(study: Study) -> None:
    band = Band("relu", "none", "error", (40.0, 0.5), (35.0, 0.0), (44.0, 1.0))
    chart = charts.Chart("error", "learning", "", "", partial(learning, [band], "error (%)"))
    drawn = to_svg(chart.draw(on_paper(colours.styles(study.plan.arms))))
    labels = re.findall(r">([^<>]+)</text>", drawn)
    assert "40" in labels
    assert not [label for label in labels if "e+" in label]


def test_one_look_per_arm_in_every_chart(study: Study, specs: dict[str, Spec]) -> None:
    styles = colours.styles(study.plan.arms)
    for name, spec in specs.items():
        for layer in spec["layer"]:
            colour = layer.get("encoding", {}).get("color", {})
            if colour.get("field") == "arm":
                scale = colour["scale"]
                assert scale["domain"] == list(styles), name
                assert scale["range"] == [style.light for style in styles.values()], name


def test_on_a_page_colours_are_left_to_the_style_sheet(study: Study) -> None:
    look = on_page(colours.styles(study.plan.arms))
    for name, chart in catalogue(study).items():
        text = json.dumps(chart.draw(look))
        assert not re.search(r"#[0-9a-f]{6}", text), name
        assert "var(--arm-0)" in text


def test_nothing_is_drawn_from_nothing(make_plan: Callable[..., Any]) -> None:
    empty = Study(make_plan())
    assert list(catalogue(empty)) == ["functions", "derivatives"]


def test_one_epoch_one_seed_one_arm(make_study: Callable[..., Study]) -> None:
    study = make_study(("relu",), norms=("none",), seeds=1, epochs=1, learning_rates=(0.1,), tuning_seeds=0)
    assert "differences-none" not in catalogue(study)
    assert draw(study, check=True)


def test_everything_failed(make_study: Callable[..., Study]) -> None:
    whole = make_study(("relu", "elu"), norms=("none",), seeds=2)
    runs = tuple(
        dataclasses.replace(run, outcome="diverged", metric=None, train_loss=(), train_error=())
        for run in whole.runs
    )
    study = dataclasses.replace(whole, runs=runs)
    assert set(draw(study, check=True)) == {"functions", "derivatives"}


def test_with_many_arms_and_seeds_what_is_drawn_is_chosen_and_what_is_left_out_is_said(study: Study) -> None:
    summary = summarize(study)
    control = study.plan.control
    arms = tuple(dataclasses.replace(study.plan.arm(control), label=f"arm {i}") for i in range(59))
    row = next(row for row in summary.arms if (row.arm, row.norm) == (control, "none"))
    band = next(band for band in summary.curves if (band.arm, band.norm) == (control, "none"))
    rows = (row, *(dataclasses.replace(row, arm=arm.label) for arm in arms))
    many = dataclasses.replace(row, n=1000, values=tuple(float(i) for i in range(1000)))
    summary = dataclasses.replace(
        summary,
        plan=dataclasses.replace(study.plan, arms=(study.plan.arm(control), *arms), norms=("none",)),
        arms=(many, *rows[1:]),
        curves=(band, *(dataclasses.replace(band, arm=arm.label) for arm in arms)),
        comparisons=(),
        rates=(),
    )
    found = {chart.name: chart for chart in charts.catalogue(summary)}
    look = on_page(colours.styles(summary.plan.arms))
    assert "66 runs of each arm, spread evenly from worst to best" in found["scores-none"].title
    values = [r["value"] for r in rows_of(found["scores-none"].draw(look)) if r["arm"] == control]
    assert (values[0], values[65], len(values)) == (0.0, 999.0, 67)  # and the mean
    assert found["loss-none"].title.endswith(f": {control} and the first 15 of 60 arms")
    assert len({r["arm"] for r in rows_of(found["loss-none"].draw(look)) if "epoch" in r}) == 16
    assert len({r["arm"] for r in rows_of(found["functions"].draw(look)) if "part" in r}) == 16
