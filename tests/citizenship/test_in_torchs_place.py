"""Ours where torch's own was: in tools that know classes, in `torch.nn.functional`, in TorchScript."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from matrix import data, ours_of, own, same, theirs_of
from torch import Tensor

import rectifiers
from rectifiers import functional, nn
from rectifiers.activations import AlongAxis, Learned, Uniform, registry
from rectifiers.errors import BackendError
from rectifiers.vocabulary import where

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

# ------------------------------------------------------------------------------------ classes


STAND_INS = [name for name in registry if own(name) and name not in ("prelu", "rrelu")]


@pytest.mark.parametrize("activation", STAND_INS)
def test_a_class_equals_torchs(activation: str) -> None:
    title = registry[activation].title
    ours, theirs = getattr(nn, title), getattr(torch.nn, title)
    assert ours == theirs
    assert theirs == ours
    assert {theirs: "found"}[ours] == {ours: "found"}[theirs] == "found"
    other = torch.nn.Tanh if theirs is not torch.nn.Tanh else torch.nn.ReLU
    assert ours != other
    assert ours != None  # noqa: E711
    subclass = type("Mine", (ours,), {})
    assert subclass != theirs
    assert subclass != ours
    assert pickle.loads(pickle.dumps(ours)) is ours is copy.deepcopy(ours)


def test_what_holds_more_than_torchs_does_not_equal_it() -> None:
    for title in ("PReLU", "RReLU"):
        assert getattr(nn, title) != getattr(torch.nn, title)


LAYERS: dict[str, Callable[[Any], list[torch.nn.Module]]] = {
    "conv bn relu": lambda room: [torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4), room.ReLU()],
    "conv relu": lambda room: [torch.nn.Conv2d(3, 4, 3), room.ReLU()],
    "bn relu": lambda room: [torch.nn.BatchNorm2d(3), room.ReLU()],
    "linear relu": lambda room: [torch.nn.Linear(6, 4), room.ReLU()],
}


@pytest.mark.parametrize("trained", [True, False])
@pytest.mark.parametrize("layers", LAYERS)
def test_layers_are_fused_as_with_torchs(layers: str, trained: bool) -> None:
    found = []
    for room in (torch.nn, nn):
        torch.manual_seed(0)
        model = torch.nn.Sequential(*LAYERS[layers](room)).train(trained)
        names = [str(index) for index in range(len(model))]
        fuse = torch.ao.quantization.fuse_modules_qat if trained else torch.ao.quantization.fuse_modules
        fused = fuse(model, names)
        assert isinstance(fused[1], torch.nn.Identity)
        found.append((type(fused[0]), fused.eval()(torch.randn(2, 3, 6, 6)).detach()))
    assert found[0][0] is found[1][0]
    same(found[1][1], found[0][1])


# ------------------------------------------------------------------------------------ functions


@pytest.mark.parametrize("activation", [name for name in registry if hasattr(F, name)])
def test_ours_in_the_place_of_torchs_function(activation: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Called as a function, in place, and by torch's module."""
    module, x = theirs_of(activation), data("small")
    expected, function = module(x), getattr(functional, activation)
    weight = (module.weight.detach(),) if activation == "prelu" else ()
    monkeypatch.setattr(F, activation, function)
    monkeypatch.setattr(torch, activation, function, raising=False)
    same(module(x), expected)
    same(ours_of(activation)(x), expected)
    if isinstance(registry[activation], AlongAxis):
        same(function(x, 1), expected)
        return
    same(function(x, *weight), expected)
    written = x.clone()
    assert function(written, *weight, inplace=True) is written
    same(written, expected.detach())


# ------------------------------------------------------------------------------------ TorchScript


@pytest.mark.parametrize("title", ["GELU", "SquaredReLU", "ReLU", "ELU", "PReLU", "Sigmoid"])
def test_a_script_writes_in_place(title: str) -> None:
    module, x = getattr(nn, title)(), data("small")
    expected = module(x).detach()
    module.inplace = True
    with torch.no_grad():
        assert torch.jit.script(module)(x).data_ptr() == x.data_ptr()
    same(x, expected)


def test_a_script_of_slopes_given_by_divisors() -> None:
    scripted, x = torch.jit.script(nn.RReLU.from_divisors(3, 8)), -torch.ones(1000)
    slopes = -scripted(x)
    assert ((slopes >= 1 / 8) & (slopes <= 1 / 3)).all()
    assert len(slopes.unique()) > 500
    same(scripted.eval()(x), x * (2 / 11))


def f(x: Any, slope: Any) -> Any:
    return where(x > 0, x, slope * x)


def df(x: Any, slope: Any) -> Any:
    return where(x > 0, 1.0, slope)


def by_slope(x: Any, slope: Any) -> Any:
    return where(x > 0, 0.0, x)


LEARNED = rectifiers.elementwise(
    "own_learned", f, df, keeps="input", parameters={"slope": Learned(0.1, by_slope)}, kinks=[0.0]
)
RANDOM = rectifiers.elementwise(
    "own_random", f, df, keeps="input", parameters={"slope": Uniform(0.1, 0.3)}, kinks=[0.0]
)
UNSCRIPTABLE: dict[str, Callable[[], torch.nn.Module]] = {
    "generator": lambda: nn.RReLU(generator=torch.Generator()),
    "learned or random": lambda: LEARNED.module(4),
    "random parameters": lambda: RANDOM.module(),
}


@pytest.mark.parametrize("reason", UNSCRIPTABLE)
def test_what_cannot_be_scripted_says_so_in_one_line(reason: str) -> None:
    with pytest.raises(BackendError, match=f"^[^\n]*torch.jit.script compiles no [^\n]*{reason}[^\n]*$"):
        torch.jit.script(torch.nn.Sequential(torch.nn.Identity(), UNSCRIPTABLE[reason]()))


@pytest.mark.parametrize("record", [LEARNED, RANDOM], ids=lambda record: record.name)
def test_own_activations_of_learned_and_random_parameters_are_traced_and_exported(record: Any) -> None:
    module, x = record.module().eval(), data("small")
    expected = module(x).detach()
    same(torch.jit.trace(module, (x,))(x).detach(), expected)
    for strict in (True, False):
        same(torch.export.export(module, (x,), strict=strict).module()(x).detach(), expected)


def test_a_half_type_in_a_script_is_computed_in_float32_and_rounded_once() -> None:
    def sharp(x: Tensor) -> Any:
        return where(x > 0, x, 0.1 * x)

    def sharp_slope(positive: Any) -> Any:
        return where(positive, 1.0, 0.1)

    module = rectifiers.elementwise("own_sharp", sharp, sharp_slope, keeps="sign", kinks=[0.0]).module()
    scripted, x = torch.jit.script(module), torch.linspace(-3, 3, 101)
    for dtype in (torch.float64, torch.float32, torch.float16, torch.bfloat16):
        near = torch.finfo(dtype).eps
        same(scripted(x.to(dtype)), module(x.to(dtype)), dtype, rtol=near, atol=0)
