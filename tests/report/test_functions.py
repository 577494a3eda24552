"""`show`: the drawn numbers against the reference, sliders, files, and clear errors."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import numpy as np
import pytest

from rectifiers.activations import elementwise, registry
from rectifiers.errors import ArgumentError, ArgumentTypeError, StoreError, UnknownNameError
from rectifiers.report.functions import show

ELEMENTWISE = [name for name, record in registry.items() if hasattr(record, "keeps")]


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_tables_are_the_reference_at_every_place_of_the_sliders(name: str) -> None:
    (table,) = show(name)._tables
    record = registry[name]
    choices = list(itertools.product(*(slider.values for slider in table.sliders)))
    assert len(choices) == len(table.branches)
    for choice, (branch,) in zip(choices, table.branches, strict=True):
        named = dict(zip((slider.name for slider in table.sliders), choice, strict=True))
        drawn = [i for i, x in enumerate(table.x) if x not in record.kinks_at()]  # type: ignore[attr-defined]
        x = np.array(table.x)[drawn]
        for part in ("f", "df"):
            values = np.array(getattr(branch, part), dtype=float)[drawn]
            np.testing.assert_allclose(values, getattr(record, part)(x, **named), rtol=1e-3, atol=1e-9)


@pytest.mark.parametrize("name", registry)
def test_sliders_start_at_the_defaults(name: str) -> None:
    (table,) = show(name)._tables
    for slider in table.sliders:
        default = registry[name].parameters[slider.name].default
        start = slider.values[slider.start]
        assert start == (default if isinstance(default, str) else pytest.approx(default, rel=1e-5))
        assert len(set(slider.values)) == len(slider.values) > 1
    assert 0 <= table.start < len(table.branches)


def test_a_jump_of_the_derivative_breaks_the_line() -> None:
    (table,) = show("relu")._tables
    ((branch,),) = table.branches
    at = [index for index, x in enumerate(table.x) if x == 0.0]
    assert [branch.df[index] for index in at] == [0.0, None, 1.0]


def test_arguments_place_the_sliders() -> None:
    (leaky, random, uniform) = show("leaky_relu(1/5.5)", "rrelu(1/8, 1/2)", "rrelu")._tables
    assert leaky.sliders[0].values[leaky.sliders[0].start] == pytest.approx(1 / 5.5, rel=1e-5)
    assert random.sliders[0].values[random.sliders[0].start] == pytest.approx(0.3125)
    assert uniform.sliders[0].values[uniform.sliders[0].start] == pytest.approx((1 / 8 + 1 / 3) / 2, rel=1e-5)


def test_a_gated_unit_is_drawn_by_the_half_that_gates() -> None:
    swiglu, silu = show("swiglu", "swish")._tables
    assert swiglu.branches[0][0] == silu.branches[0][0]
    assert swiglu.drawn


def test_a_bound_below_zero_has_its_slider_there() -> None:
    (table,) = show("hardtanh")._tables
    low, high = (slider.values for slider in table.sliders)
    assert max(low) == 0 == min(high)


def test_crelu_maxout_and_softmax_are_drawn_as_said() -> None:
    crelu, maxout, softmax = show("crelu", "maxout", "softmax")._tables
    halves = crelu.branches[0]
    for x, f, g in zip(crelu.x, halves[0].f, halves[1].f, strict=True):
        assert f is not None
        assert g is not None
        assert f + g == pytest.approx(abs(x), rel=1e-3, abs=1e-12)  # ||CReLU(x)|| = |x| for one number
    tangents = maxout.branches[maxout.start][0]
    assert [v for v in tangents.f if v is not None] == pytest.approx(
        [1.5 * abs(x) - 2.25 for x in maxout.x], abs=2e-3
    )
    entry = softmax.branches[0][0]
    assert [v for v in entry.f if v is not None] == pytest.approx(
        [1 / (1 + math.exp(-x)) for x in softmax.x], rel=1e-3
    )
    assert all(table.drawn for table in (crelu, maxout, softmax))


def test_a_users_own_activation_is_drawn_too() -> None:
    cube = elementwise("cube", lambda x: x * x * x, lambda x: 3.0 * x * x, keeps="input")
    page = show(cube, "relu")
    assert page.labels == ("cube", "relu")
    assert page._tables[0].branches[0][0].f[-1] == 64.0


def test_html_is_one_page_with_its_sliders() -> None:
    text = show("elu", "prelu").html
    assert text.count('type="range"') == 2
    assert "Clevert" in text
    assert text == show("elu", "prelu").html


@pytest.mark.parametrize(
    "suffix, start", [(".html", b"<!doctype html>"), (".svg", b"<svg"), (".png", b"\x89PNG")]
)
def test_files_by_suffix(suffix: str, start: bytes, tmp_path: Path) -> None:
    path = tmp_path / f"functions{suffix}"
    page = show("elu", "crelu", out=path)
    assert path.read_bytes().startswith(start)
    assert page.save(tmp_path / f"again{suffix.upper()}").read_bytes().startswith(start)


def test_a_notebook_gets_a_frame_of_its_own() -> None:
    shown = show("relu")._repr_html_()
    assert shown.startswith('<iframe srcdoc="&lt;!doctype html')
    assert "<script" not in shown
    assert repr(show("elu", "relu")) == "show('elu', 'relu')"


@pytest.mark.parametrize(
    "labels, error, said",
    [
        (("eluu",), UnknownNameError, "did you mean 'elu'"),
        (("leaky_relu(abc)",), ArgumentError, "abc"),
        (("rrelu(0.5, 0.1)",), ArgumentError, "lower <= upper"),
        (("rrelu(slope=1)",), ArgumentTypeError, "lower and upper"),
        (("maxout(pieces=0)",), ArgumentError, "pieces"),
        (("elu(1, 2)",), ArgumentTypeError, "elu takes alpha"),
        ((), ArgumentError, "at least one"),
    ],
)
def test_bad_input_is_one_clear_line(labels: tuple[str, ...], error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said) as caught:
        show(*labels)
    assert "\n" not in str(caught.value)


def test_a_suffix_that_is_not_known(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=r"\.pdf"):
        show("elu", out=tmp_path / "elu.pdf")
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"elu\.svg"):
        show("elu", out=tmp_path / "no" / "elu.svg")


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")
def test_a_record_of_ones_own_is_drawn_where_it_is_found_and_anything_else_is_refused(tmp_path):
    text = """
from rectifiers import elementwise
from rectifiers.vocabulary import sigmoid
def f(x):
    return x * sigmoid(1.5 * x)
mine = elementwise("mine", f)
"""
    (tmp_path / "own.py").write_text(text)
    page = show("relu", f"{tmp_path}/own.py:mine")
    assert page.activations[1].name == "mine"
    assert "own.py:mine" in page.html
    for other in ("torch:nn.Hardswish", f"{tmp_path}/own.py:f"):
        with pytest.raises(ArgumentTypeError, match="elementwise"):
            show(other)
