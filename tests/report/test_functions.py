"""`show`: the drawn numbers against the reference, sliders, files, and clear errors."""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rectifiers.activations import elementwise, registry
from rectifiers.errors import ArgumentError, ArgumentTypeError, RectifiersError, StoreError, UnknownNameError
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


def marked(table: Any, part: str) -> list[tuple[float, float]]:
    return [point for branch in table.branches[table.start] for point in getattr(branch, f"{part}_kinks")]


def test_kinks_are_marked_on_both_sides_of_a_jump_where_the_sliders_put_them() -> None:
    relu, hard, smooth = show("relu", "hardtanh(-2, 1)", "tanh")._tables
    assert marked(relu, "f") == [(0.0, 0.0)]
    assert marked(relu, "df") == [(0.0, 0.0), (0.0, 1.0)]
    assert marked(hard, "f") == [(-2.0, -2.0), (1.0, 1.0)]
    assert marked(hard, "df") == [(-2.0, 0.0), (-2.0, 1.0), (1.0, 1.0), (1.0, 0.0)]
    assert marked(smooth, "f") == []
    last = hard.branches[-1][0].f_kinks
    lows, highs = (slider.values for slider in hard.sliders)
    assert [x for x, _ in last] == [x for x in (lows[-1], highs[-1]) if -4 < x < 4]


OWN = """
import torch
from torch import nn
from rectifiers import elementwise
from rectifiers.activations import Learned
from rectifiers.vocabulary import sigmoid

def formula(x, beta):
    return x * sigmoid(beta * x)

mine = elementwise("mine", formula, parameters={"beta": Learned(1.5)})

def ramp(x):
    return torch.clamp(x, -1.3, 2)

class Shifted(nn.Module):
    def __init__(self, by=0.5):
        super().__init__()
        self.by = nn.Parameter(torch.tensor(by))
    def forward(self, x):
        return torch.relu(x - self.by)
"""


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")
def test_torchs_and_ones_own_are_drawn_in_one_picture_with_the_derivative_of_autograd(tmp_path: Path) -> None:
    import torch
    from torch import nn

    (tmp_path / "own.py").write_text(OWN)
    own = f"{tmp_path}/own.py"
    labels = ("relu", "torch:nn.Hardswish", f"{own}:mine", f"{own}:ramp", f"{own}:Shifted(by=0.25)")
    page = show(*labels, nn.Softshrink(0.25), torch.sin)
    assert page.labels == (*labels, "Softshrink(0.25)", "sin")
    _, hardswish, mine, ramp, shifted, shrink, sine = page._tables
    assert [slider.name for slider in mine.sliders] == ["beta"]
    assert "own.py:mine" in page.html
    for table, theirs in ((hardswish, nn.Hardswish()), (shrink, nn.Softshrink(0.25)), (sine, torch.sin)):
        ((branch,),) = table.branches
        drawn = [
            i
            for i, y in enumerate(branch.df)
            if y is not None and all(table.x[i] != k[0] for k in marked(table, "f"))
        ]
        x = torch.tensor([table.x[i] for i in drawn], dtype=torch.float64, requires_grad=True)
        (df,) = torch.autograd.grad(theirs(x).sum(), x)
        assert [branch.df[i] for i in drawn] == pytest.approx(df.tolist(), rel=1e-3, abs=1e-9)
    assert [x for x, _ in marked(hardswish, "f")] == [-3.0, 3.0]
    assert marked(ramp, "df") == [(-1.3, 0.0), (-1.3, 1.0), (2.0, 1.0), (2.0, 0.0)]
    assert marked(shifted, "df") == [(0.25, 0.0), (0.25, 1.0)]
    assert marked(sine, "f") == []


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("torch:nn.Softmax(1)", "depends on several"),
        ("torch:nn.Nothing", "Nothing"),
        ("nowhere:f", "nowhere"),
        (3, "arm"),
    ],
)
def test_what_is_no_function_of_one_input_is_refused(given: Any, said: str) -> None:
    with pytest.raises(RectifiersError, match=said) as caught:
        show("relu", given)
    assert "\n" not in str(caught.value)
