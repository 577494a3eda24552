"""Single arguments and the lines that refuse them."""

import numpy as np
import pytest

from rectifiers.errors import ArgumentError, ArgumentTypeError, UnknownNameError
from rectifiers.study import arguments

GRID = (0.1, 0.01)


@pytest.mark.parametrize("value", [0, -1])
def test_whole_numbers_below_their_least(value):
    with pytest.raises(ArgumentError, match=f"`seeds >= 1` must hold, but got seeds={value}"):
        arguments.whole("seeds", value, 1)


@pytest.mark.parametrize("value", [1.0, "1", True, None])
def test_what_is_no_whole_number(value):
    with pytest.raises(ArgumentTypeError, match="seeds is a whole number, but got"):
        arguments.whole("seeds", value, 1)


def test_numpys_numbers_are_numbers():
    assert arguments.whole("seeds", np.int64(3), 1) == 3
    assert arguments.real("margin", np.float32(0.5), 0) == 0.5
    assert arguments.learning_rates(np.float64(0.5), GRID) == (0.5,)


@pytest.mark.parametrize(
    "value, low, high, ends, rule",
    [
        (0, 0, None, "()", "`0 < x` must hold, but got x=0"),
        (float("nan"), 0, None, "()", "`0 < x` must hold, but got x=nan"),
        (float("inf"), 0, None, "()", "`0 < x` must hold, but got x=inf"),
        (1, 0, 1, "[)", "`0 <= x < 1` must hold, but got x=1"),
        (-0.1, 0, 1, "[]", "`0 <= x <= 1` must hold, but got x=-0.1"),
    ],
)
def test_numbers_outside_their_interval(value, low, high, ends, rule):
    more = {} if high is None else {"high": high}
    with pytest.raises(ArgumentError) as caught:
        arguments.real("x", value, low, **more, ends=ends)
    assert str(caught.value) == rule


def test_ends_that_belong():
    assert arguments.real("x", 0, 0, 1, ends="[)") == 0
    assert arguments.real("x", 1, 0, 1, ends="(]") == 1


@pytest.mark.parametrize(
    "value, rates",
    [
        ("auto", (0.01, 0.1)),
        (" auto ", (0.01, 0.1)),
        ("0.3", (0.3,)),
        ("1e-2, 0.001", (0.001, 0.01)),
        (0.5, (0.5,)),
        (1, (1.0,)),
        ([0.3, 0.1], (0.1, 0.3)),
        ((r for r in (0.3, 0.1)), (0.1, 0.3)),
    ],
)
def test_learning_rates(value, rates):
    assert arguments.learning_rates(value, GRID) == rates


@pytest.mark.parametrize(
    "value, said",
    [
        ("fast", "learning rate is `auto`, a number, or a grid such as 0.01,0.03,0.1, but got 'fast'"),
        ("0.1,", "learning rate is `auto`"),
        ("0", "`0 < learning rate` must hold, but got learning rate=0"),
        (-0.1, "`0 < learning rate` must hold"),
        ("nan", "must hold, but got learning rate=nan"),
        ("inf", "must hold, but got learning rate=inf"),
        ("0.1,0.1", "the rates of a grid are distinct, but got 0.1, 0.1"),
        ([], "at least one learning rate is needed"),
    ],
)
def test_learning_rates_that_are_refused(value, said):
    with pytest.raises(ArgumentError) as caught:
        arguments.learning_rates(value, GRID)
    assert said in str(caught.value)


def test_learning_rates_of_no_number():
    with pytest.raises(ArgumentTypeError, match=r"learning rate is a number, but got '0\.1'"):
        arguments.learning_rates(["0.1"], GRID)
    with pytest.raises(ArgumentTypeError, match="learning rate is `auto`, a number, or a grid"):
        arguments.learning_rates(None, GRID)


@pytest.mark.parametrize("value", ["none,batch", "none, batch", ["none", "batch"], ("none", "batch")])
def test_names(value):
    assert arguments.names("norm", value, ("none", "batch")) == ("none", "batch")


def test_names_that_are_refused():
    with pytest.raises(UnknownNameError, match="unknown norm 'bacth': did you mean 'batch'"):
        arguments.names("norm", "bacth", ("none", "batch"))
    with pytest.raises(ArgumentError, match="each norm is given once, but got none,none"):
        arguments.names("norm", "none,none", ("none", "batch"))
    with pytest.raises(ArgumentError, match="at least one norm is needed"):
        arguments.names("norm", [], ("none", "batch"))


@pytest.mark.parametrize("name", ["cuda:99", "nonsense", "meta"])
def test_devices_that_are_not_there(name):
    with pytest.raises(ArgumentError, match="device") as caught:
        arguments.device(name)
    assert "\n" not in str(caught.value)
    assert "use cpu" in str(caught.value)


def test_a_device_that_is():
    assert arguments.device("cpu").type == "cpu"
