"""What arms are called: told apart by their arguments or by a mapping, never by an address."""

from __future__ import annotations

import dataclasses
import functools
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import rectifiers
from rectifiers.arms import parse_arms
from rectifiers.errors import ArgumentError, UserCodeError
from rectifiers.records.values import Study


class M(nn.Module):
    def __init__(self, slope: Any = 0.1) -> None:
        super().__init__()
        self.slope = slope

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.where(x > 0, x, x * 0.1)


class Private(nn.Module):
    def __init__(self, slope: float, power: int = 1) -> None:
        super().__init__()
        self._slope, self.power = nn.Parameter(torch.tensor(slope)), power

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


class Told(M):
    def extra_repr(self) -> str:
        return f"steep,\n  by={torch.tanh}, {scaled}"


class Broken(M):
    def extra_repr(self) -> str:
        raise ValueError("not\ntoday")


class Plain:
    def __init__(self, slope: float) -> None:
        self.slope = slope

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.slope


@dataclasses.dataclass
class Record:
    slope: float
    act: Callable[..., Any] = torch.tanh

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.slope


def scaled(factor: float) -> Callable[[torch.Tensor], torch.Tensor]:
    def by_factor(x: torch.Tensor) -> torch.Tensor:
        return factor * x

    return by_factor


ABS = lambda x: x.abs()  # noqa: E731


@pytest.mark.parametrize(
    "target, label",
    [
        (M, "M"),
        (M(), "M(slope=0.1)"),
        (M(0.2), "M(slope=0.2)"),
        (M(torch.tanh), "M(slope=tanh)"),
        (M(M("x")), "M(slope=M(slope='x'))"),
        (M(torch.zeros(2, 3)), "M(slope=<2x3 numbers>)"),
        (Private(0.1), "Private(slope=0.1, power=1)"),
        (Plain(0.5), "Plain(slope=0.5)"),
        (Record(0.5), "Record(slope=0.5, act=tanh)"),
        (nn.PReLU(), "PReLU(num_parameters=1)"),
        (nn.Sequential(nn.ReLU(), nn.Tanh()), "Sequential( (0): ReLU() (1): Tanh() )"),
        (scaled(2.0), "by_factor(factor=2.0)"),
        (torch.tanh, "tanh"),
        (functools.partial(torch.clamp, min=0.0), "clamp(min=0.0)"),
        (functools.partial(scaled(1.0), M()), "by_factor(factor=1.0)(M(slope=0.1))"),
        (ABS, f"lambda (test_labels.py:{ABS.__code__.co_firstlineno})"),
        (eval("lambda x: x"), "lambda"),
    ],
)
def test_an_object_is_called_by_what_it_was_made_with(target: Any, label: str) -> None:
    from rectifiers.arms._labels import label_of

    assert label_of(target) == label


def test_no_label_holds_an_address_or_a_second_line() -> None:
    for target in (Told(), M(Plain(0.1)), M(scaled), M(lambda: 0), M(object()), nn.Sequential(Told())):
        (arm,) = parse_arms([target])
        assert "0x" not in arm.label
        assert arm.label.isprintable()
        assert len(arm.label) <= 80


def test_two_instances_of_one_class_are_two_arms() -> None:
    arms = parse_arms(["relu", M(0.1), M(0.2)])
    assert [arm.label for arm in arms] == ["relu", "M(slope=0.1)", "M(slope=0.2)"]
    assert len({arm.identity for arm in arms}) == 3
    with pytest.raises(ArgumentError, match="arms must differ"):
        parse_arms([M(0.1), M(0.1)])


def test_labels_chosen_here_are_made_unique() -> None:
    def relu(x: torch.Tensor) -> torch.Tensor:
        return x.relu()

    arms = parse_arms([lambda x: x.sin(), lambda x: x.cos(), relu, "relu"])
    names = [arm.label for arm in arms]
    assert names[1:] == [f"{names[0]} #2", "relu #2", "relu"]
    assert pickle.loads(pickle.dumps(parse_arms([M, {"other": M(0.2)}]))) == parse_arms(
        [M, {"other": M(0.2)}]
    )


def test_a_mapping_names_arms() -> None:
    arms = parse_arms({"weak": M(0.1), "strong": M(0.2), "leaky": "leaky_relu(0.3)", "again": nn.Tanh})
    assert [arm.label for arm in arms] == ["weak", "strong", "leaky", "again"]
    assert arms[2].identity == "leaky_relu(negative_slope=0.3)"
    again = pickle.loads(pickle.dumps(arms))
    assert again == arms
    assert [arm.label for arm in parse_arms(["relu", {"mine": arms[0]}])] == ["relu", "mine"]


@pytest.mark.parametrize(
    "arms, said",
    [
        ({"": "relu"}, "text of one line"),
        ({"a\nb": "relu"}, "text of one line"),
        ({3: "relu"}, "text of one line, but got 3"),
        ({"two": "relu,elu"}, "names one arm"),
        ({"one": "relu", "two": "relu"}, "arms must differ, but 'one' and 'two'"),
        (["relu", {"relu": "elu"}], "labels of arms must differ"),
        ({}, "at least one arm"),
    ],
)
def test_a_mapping_that_names_nothing(arms: Any, said: str) -> None:
    with pytest.raises(ArgumentError, match=said):
        parse_arms(arms)


def test_one_object_is_one_arm() -> None:
    for target in (M(0.1), M, torch.tanh, nn.Sequential(nn.ReLU())):
        assert len(parse_arms(target)) == 1


def test_an_object_that_cannot_be_named_is_one_line() -> None:
    with pytest.raises(UserCodeError, match="naming an arm of Broken raised ValueError: not today"):
        parse_arms([Broken()])


def test_they_are_compared_under_their_names(tmp_path: Path) -> None:
    words: dict[str, Any] = {"seeds": 2, "epochs": 2, "learning_rate": 0.1, "width": 4, "report": False}
    arms = {"weak": M(0.1), "strong": M(0.2)}
    study = rectifiers.compare("xor", arms, out=tmp_path, control="strong", progress=False, **words).study
    assert isinstance(study, Study)
    assert [arm.label for arm in study.plan.arms] == ["weak", "strong"]
    assert study.plan.control == "strong"
