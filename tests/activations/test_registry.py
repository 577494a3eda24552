"""Files, registry and public names are one list."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch

import rectifiers
from rectifiers import activations, functional, nn, reference
from rectifiers.activations import Activation, Elementwise, registry
from rectifiers.errors import ArgumentError, ArgumentTypeError, UnknownNameError

ROOM = Path(activations.__file__).parent
FILES = {path.stem: path for path in ROOM.glob("*.py") if not path.stem.startswith("_")}


def test_one_file_is_one_activation_is_one_public_name_everywhere() -> None:
    assert set(FILES) == set(registry)
    assert set(reference.__all__) == set(registry)
    assert set(functional.__all__) == {*registry, "of"}
    assert set(nn.__all__) == {record.title for record in registry.values()} | {
        "MaxoutLinear",
        "of",
        "parameter_groups",
    }
    for name, record in registry.items():
        assert record.name == name
        assert getattr(reference, name) is record
        assert getattr(activations, name) is record
        assert functional.of(record) is getattr(functional, name)
        assert nn.of(record) is getattr(nn, record.title)
        assert nn.of(record).record is record


@pytest.mark.parametrize("name", FILES)
def test_an_activation_is_a_short_file(name: str) -> None:
    assert len(FILES[name].read_text().splitlines()) <= 60


@pytest.mark.parametrize("record", registry.values(), ids=registry)
def test_a_record_is_documented_frozen_and_pickles_by_name(record: Activation) -> None:
    assert record.summary.endswith(".")
    assert record.formula
    assert any(year in record.source for year in map(str, range(1985, 2030)))
    with pytest.raises(dataclasses.FrozenInstanceError):
        record.name = "other"  # type: ignore[misc]
    with pytest.raises(TypeError):
        record.parameters["new"] = None  # type: ignore[index]
    assert pickle.loads(pickle.dumps(record)) is record
    assert copy.deepcopy(record) is record


@pytest.mark.parametrize("room, name", [(room, name) for room in (functional, nn) for name in room.__all__])
def test_what_is_public_is_documented(room: ModuleType, name: str) -> None:
    text = inspect.cleandoc(getattr(room, name).__doc__)
    assert len(text.partition("\n")[0]) > 20
    assert name == "of" or "Parameters\n----------\n" in text
    assert all(len(line) <= 106 for line in text.splitlines())


def test_the_registry_and_the_reference_need_no_torch() -> None:
    code = (
        "import sys; from rectifiers import reference; from rectifiers.activations import registry;"
        "assert reference.elu.f(-1.0) < 0 and reference.gelu.f([1.0, 2.0]).shape == (2,);"
        "print(sorted({'torch', 'scipy', 'llvmlite', 'pandas'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_an_unknown_reference_names_the_nearest() -> None:
    with pytest.raises(AttributeError, match="did you mean 'leaky_relu'"):
        reference.leaky_rely  # noqa: B018


def test_kinks_may_depend_on_the_parameters() -> None:
    assert isinstance(registry["softplus"], Elementwise)
    assert registry["softplus"].kinks_at() == (20.0,)
    assert registry["softplus"].kinks_at(4.0, 2.0) == (0.5,)
    assert registry["relu6"].kinks_at() == (0.0, 6.0)


def test_what_is_kept_may_depend_on_the_parameters() -> None:
    elu = registry["elu"]
    assert isinstance(elu, Elementwise)
    assert elu.keeps_at(1.0) == "output"
    assert elu.keeps_at(-1.0) == "input"


@pytest.mark.parametrize(
    "call, kind, message",
    [
        (lambda: reference.elu.f(1.0, 1.0, 2.0), ArgumentTypeError, "elu takes alpha, got unknown 2.0"),
        (lambda: reference.elu.f(1.0, beta=2.0), ArgumentTypeError, "elu takes alpha, got unknown beta"),
        (lambda: reference.elu.f(1.0, 1.0, alpha=2.0), ArgumentTypeError, "elu takes alpha, got alpha twice"),
        (lambda: reference.relu.f(1.0, 2.0), ArgumentTypeError, "relu takes no parameters, got unknown 2.0"),
        (lambda: reference.celu.df(1.0, 0.0), ArgumentError, "`alpha != 0` must hold"),
        (lambda: reference.maxout.f([[1.0, 2.0, 3.0]], 2), ArgumentError, "3 features along dim=1"),
        (lambda: registry["leaky_relu"].bind("x"), ArgumentTypeError, "must be a number, got 'x'"),
    ],
)
def test_bad_arguments_of_the_reference(call: object, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        call()  # type: ignore[operator]


def test_unknown_names_are_errors_of_the_tree() -> None:
    assert issubclass(UnknownNameError, ValueError)


def test_the_face_offers_the_room() -> None:
    assert rectifiers.reference is reference
    assert rectifiers.elementwise is activations.elementwise
    assert issubclass(rectifiers.nn.ReLU, torch.nn.ReLU)
