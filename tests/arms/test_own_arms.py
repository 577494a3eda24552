"""The user's own activations: found, made, identified, and blamed by their own frames."""

from __future__ import annotations

import copy
import functools
import math
import pickle
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

import rectifiers
from rectifiers.arms import code_identity, load_object, parse_arms
from rectifiers.errors import ArgumentError, ImportPathError, ShapeError, UserCodeError
from rectifiers.vocabulary import where

CODE = """
import torch
from torch import nn


class PerChannel(nn.Module):
    def __init__(self, channels, power=1.0):
        super().__init__()
        self.scale = nn.Parameter(torch.full((channels,), float(power)))

    def forward(self, x):
        return torch.relu(x) * self.scale.reshape(-1, *[1] * (x.ndim - 2))


class Plain(nn.Module):
    def __init__(self, slope=0.1):
        super().__init__()
        self.slope = slope

    def forward(self, x):
        return torch.where(x > 0, x, self.slope * x)


class Needs(nn.Module):
    def __init__(self, alpha):
        super().__init__()


class Thrice(nn.Module):
    def forward(self, x):
        return torch.cat([x, x.abs(), -x], 1)


class TopOfThree(nn.Module):
    def forward(self, x):
        return x.unflatten(1, (-1, 3)).amax(2)


class Funnel(nn.Module):  # for images only
    def __init__(self, channels):
        super().__init__()
        self.around = nn.Conv2d(channels, channels, 3, padding=1, groups=channels)

    def forward(self, x):
        return torch.maximum(x, self.around(x))


class Half(nn.Module):
    def forward(self, x):
        return x[:, : x.shape[1] * 2 // 3]


ready = nn.PReLU(init=0.5)


def squared(x, offset=0.0):
    return torch.relu(x) ** 2 + offset


def make(channels):
    return PerChannel(channels, power=2.0)


def fresh():
    return torch.tanh


def raises(x):
    return deeper(x)


def deeper(x):
    y = x.tolist()
    raise RuntimeError("no such\\nthing")


def none(x):
    return None


def rude(x):
    raise RuntimeError("bad \\x1b[31m \\udc80 \\x00\\n" + "\\n".join(map(str, range(400))))


class Silent(Exception):
    def __str__(self):
        raise ValueError("no text either")


def silent(x):
    raise Silent


def overwrites(x):  # and so works, but cannot be differentiated
    y = torch.tanh(x)
    y += 1
    return y


def inplace(x):
    return x.clamp_(min=0)


class Constant(nn.Module):
    def __init__(self):
        super().__init__()
        self.value = nn.Parameter(torch.ones(1))

    def forward(self, x):
        return self.value.expand_as(x)
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A current directory with the user's module, forgotten afterwards."""
    (tmp_path / "own_acts.py").write_text(CODE)
    monkeypatch.chdir(tmp_path)
    path, modules = list(sys.path), set(sys.modules)
    yield tmp_path
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        if name.startswith(("own_", "rectifiers_user_")):
            del sys.modules[name]


@pytest.mark.parametrize("where", ["own_acts", "own_acts.py", "./own_acts.py"])
def test_by_module_or_file(here: Path, where: str) -> None:
    (it,) = parse_arms(f"{where}:Plain(slope=1/5)")
    assert it.label == f"{where}:Plain(slope=1/5)"
    assert it(7).slope == 0.2
    assert it.gain == pytest.approx(math.sqrt(2 / 1.04))
    curve = it.curve()
    assert curve is not None
    assert (curve.f[0], curve.df[0]) == (pytest.approx(-0.8), pytest.approx(0.2))


def test_a_class_or_factory_with_channels_gets_the_number_of_features(here: Path) -> None:
    by_class, by_factory = parse_arms("own_acts:PerChannel(power=3),own_acts:make")
    assert by_class(5).scale.tolist() == [3.0] * 5
    assert by_factory(4).scale.tolist() == [2.0] * 4
    assert by_class(5)(torch.ones(2, 5, 3)).shape == (2, 5, 3)


def test_a_function_gets_the_tensor_and_the_arguments(here: Path) -> None:
    (it,) = parse_arms("own_acts:squared(0.5)")
    assert it(3)(torch.tensor([[-1.0, 2.0, 3.0]])).tolist() == [[0.5, 4.5, 9.5]]
    assert it.arguments == {"offset": 0.5}


def test_a_function_without_parameters_is_a_factory(here: Path) -> None:
    (it,) = parse_arms("own_acts:fresh")
    assert it(2)(torch.zeros(1, 2)).tolist() == [[0.0, 0.0]]


def test_an_instance_is_copied_for_each_layer(here: Path) -> None:
    (it,) = parse_arms("own_acts:ready")
    one, two = it(3), it(3)
    assert one.weight is not two.weight
    assert it.gain == pytest.approx(math.sqrt(2 / 1.25))
    with pytest.raises(ArgumentError, match="takes no arguments"):
        parse_arms("own_acts:ready(3)")


def test_own_arms_may_change_the_width(here: Path) -> None:
    thrice, top = parse_arms("own_acts:Thrice,own_acts:TopOfThree")
    assert (thrice.outputs(4), thrice.inputs(4)) == (12, 4)
    assert (top.outputs(12), top.inputs(4)) == (4, 12)
    assert thrice.gain == pytest.approx(1.0, rel=0.02)
    assert thrice.curve() is None


def test_an_activation_for_images_only(here: Path) -> None:
    (it,) = parse_arms("own_acts:Funnel")
    assert it.keeps_width
    assert it.curve() is None
    assert 0.5 < it.gain < 1.5


def test_a_record_made_with_the_decorator_is_an_arm() -> None:
    record = rectifiers.elementwise(
        "halved", lambda x: where(x > 0, x, 0.5 * x), lambda p: where(p, 1.0, 0.5), keeps="sign", kinks=[0.0]
    )
    (it,) = parse_arms([record])
    assert it.label == "halved"
    assert it(3)(torch.tensor([[-2.0, 0.0, 2.0]])).tolist() == [[-1.0, 0.0, 2.0]]
    assert it.gain == pytest.approx(math.sqrt(2 / 1.25))


@pytest.mark.parametrize(
    "text, error, said",
    [
        ("nowhere.at_all:Act", ImportPathError, "no module named 'nowhere'"),
        ("own_acts.sub:Act", ImportPathError, "no module named 'own_acts.sub'"),
        ("own_acts:Plane", ImportPathError, "did you mean 'Plain'"),
        ("own_acts:Plain.nope", ImportPathError, "has no 'nope'"),
        ("missing.py:Act", ImportPathError, "no such file"),
        ("..own:Act", ImportPathError, "neither a module's name"),
        ("own_acts:", ArgumentError, "an arm is"),
        ("own_acts:Needs", ArgumentError, "needs alpha"),
        ("own_acts:Plain(slop=1)", ArgumentError, "slope"),
        ("own_acts:PerChannel(power='x')", UserCodeError, "raised ValueError"),
        ("own_acts:none", UserCodeError, "returned NoneType"),
        ("own_acts:Half", ShapeError, "by a whole number"),
        ("own_acts:raises", UserCodeError, "raised RuntimeError: no such thing"),
        ("own_acts:rude", UserCodeError, r"RuntimeError: bad \\x1b\[31m \\udc80 \\x00 0 1 2 3"),
        ("own_acts:silent", UserCodeError, "a Silent whose text raises ValueError"),
        ("own\udc80.py:act", ImportPathError, "printable text"),
        ("own\x07:act", ImportPathError, "printable text"),
        ("a:b:act", ArgumentError, "an arm is `name`"),
        ("own,acts.py:Plain", ArgumentError, "unknown activation 'own'"),
    ],
)
def test_a_bad_path_or_failing_code_is_one_line(
    here: Path, text: str, error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said) as caught:
        parse_arms([text])
    assert "\n" not in str(caught.value)
    if error is UserCodeError:
        assert str(caught.value).isprintable()
        assert len(str(caught.value)) <= 500
        assert all(line.isprintable() for line in caught.value.frames.splitlines())
        assert len(caught.value.frames.splitlines()) < 20


@pytest.mark.parametrize("folder", ["with,commas,in", "col:on", "C:", "a b", "(1)", "-", "ünï"])
def test_any_printable_path_to_a_file(here: Path, folder: str) -> None:
    (here / folder).mkdir()
    (here / folder / "own, acts.py").write_text(CODE)
    path = f"{folder}/own, acts.py:Plain"
    assert [arm.label for arm in parse_arms(f"relu,{path}(0.5), elu,{path}")] == [
        *("relu", f"{path}(0.5)", "elu", path)
    ]
    assert [arm.label for arm in parse_arms([f"{here}/{path}"])] == [f"{here}/{path}"]
    assert code_identity(path).startswith(f"{path}@")


def test_an_arm_that_cannot_be_differentiated_is_one_line(here: Path) -> None:
    (it,) = parse_arms("own_acts:overwrites")
    with pytest.raises(UserCodeError, match="differentiating arm 'own_acts:overwrites' raised RuntimeError"):
        it.curve()


def test_an_arm_may_work_in_place_or_ignore_its_input(here: Path) -> None:
    inplace, constant = (arm.curve() for arm in parse_arms("own_acts:inplace,own_acts:Constant"))
    assert inplace is not None
    assert (inplace.df[0], inplace.df[-1]) == (0.0, 1.0)
    assert constant is not None
    assert set(constant.df) == {0.0}


def test_a_file_may_import_from_the_current_directory(here: Path) -> None:
    (here / "sub").mkdir()
    (here / "sub" / "own_front.py").write_text("from own_acts import Plain")
    assert parse_arms("sub/own_front.py:Plain(0.3)")[0](1).slope == 0.3


def test_code_that_changed_since_the_arm_was_made(here: Path) -> None:
    arms = parse_arms("own_acts.py:Plain")
    sent = pickle.dumps(arms)
    assert pickle.loads(sent) == arms
    (here / "own_acts.py").write_text(CODE.replace("slope=0.1", "slope=0.2"))
    with pytest.raises(ArgumentError, match="must stay the same while a study runs"):
        pickle.loads(sent)


def test_the_traceback_is_shortened_to_the_users_frames(here: Path) -> None:
    with pytest.raises(UserCodeError) as caught:
        parse_arms("own_acts:raises")
    frames = caught.value.frames
    assert "in raises" in frames
    assert "in deeper" in frames
    assert "torch/nn" not in frames
    assert str(Path(rectifiers.__file__).parent) not in frames
    assert frames.splitlines()[-1] == "RuntimeError: no such thing"


@pytest.mark.parametrize(
    "code, said, frame",
    [
        (
            "import not_installed_anywhere",
            "ModuleNotFoundError: No module named 'not_installed_anywhere'",
            "line 1",
        ),
        ("x = 1\ny = x / 0", "ZeroDivisionError", "line 2"),
        ("def broken(:\n    pass", "SyntaxError", "def broken(:"),
        ("import sys\nsys.exit(3)", "SystemExit: 3", "line 2"),
    ],
)
@pytest.mark.parametrize("path", ["own_broken:act", "own_broken.py:act"])
def test_a_module_that_cannot_be_imported(here: Path, code: str, said: str, frame: str, path: str) -> None:
    (here / "own_broken.py").write_text(code)
    with pytest.raises(UserCodeError, match="importing 'own_broken") as caught:
        load_object(path)
    assert said in str(caught.value)
    assert frame in caught.value.frames
    assert "importlib" not in caught.value.frames


def test_identity_follows_the_code(here: Path) -> None:
    path = "own_acts.py:Plain"
    (before,) = parse_arms(path)
    assert before.identity == parse_arms("own_acts.py:Plain(0.1)")[0].identity
    assert len(before.identity.split("@")[1].split("(")[0]) == 64
    (here / "own_acts.py").write_text(CODE.replace("slope=0.1", "slope=0.2"))
    (after,) = parse_arms(path)
    assert after(1).slope == 0.2
    assert after.identity.split("(")[0] != before.identity.split("(")[0]
    assert code_identity(path) == after.identity.split("(")[0]


def test_objects_passed_alive_differ_as_their_code_and_state_do() -> None:
    def scaled(factor: float) -> object:
        def by_factor(x: torch.Tensor) -> torch.Tensor:
            return factor * x

        return by_factor

    module = torch.nn.PReLU()
    changed = copy.deepcopy(module)
    torch.nn.init.constant_(changed.weight, 0.5)
    objects = [
        scaled(1.0),
        scaled(2.0),
        functools.partial(torch.clamp, min=0.0),
        functools.partial(torch.clamp, min=1.0),
        module,
        changed,
        torch.nn.PReLU,
        torch.tanh,
        *(lambda x: x.abs(), lambda x: x.sin()),
    ]
    identities = [parse_arms([it])[0].identity for it in objects]
    assert len(set(identities)) == len(objects)
    assert identities == [parse_arms([it])[0].identity for it in objects]
    assert not any(" at 0x" in identity for identity in identities)


def test_an_object_passed_alive_is_pickled_as_itself() -> None:
    (it,) = parse_arms([torch.nn.Hardswish])
    assert pickle.loads(pickle.dumps(it)) == it
