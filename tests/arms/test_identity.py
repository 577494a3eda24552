"""What is another arm, model or data set: another file in the user's tree, another state of an object."""

from __future__ import annotations

import functools
import importlib
import os
import runpy
import subprocess
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from rectifiers.arms import code_identity, load_object, parse_arms
from rectifiers.errors import ArgumentError

FILES = {
    "own_act.py": """
        import torch
        from own_pkg.shapes import bent
        from own_values import SLOPE

        LIMITS = {"low": -1.0}

        def act(x):
            return bent(x, SLOPE).clamp(min=LIMITS["low"])

        def lazily(x):
            import own_late
            return own_late.f(x)

        def counts(x):
            global calls
            calls += 1
            return torch.relu(x)

        calls = 0

        class Act(torch.nn.Module):
            power = 2
            def forward(self, x):
                return torch.relu(x) ** self.power
    """,
    "own_values.py": "SLOPE = 0.1",
    "own_late.py": "import torch\nfrom own_deep import f",
    "own_deep.py": "def f(x): return x.relu()",
    "own_other.py": "nothing = 0",
    "own_pkg/__init__.py": "",
    "own_pkg/shapes.py": "from . import grounds\ndef bent(x, slope): return grounds.where(x, slope)",
    "own_pkg/grounds.py": "def where(x, slope): return x.where(x > 0, slope * x)",
}


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        lines = text.strip("\n").splitlines()
        (tmp_path / name).write_text("\n".join(line.removeprefix("        ") for line in lines))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    yield tmp_path
    forget()


def forget() -> None:
    """Forget the user's modules, as a new process does."""
    for name in [n for n in sys.modules if n.startswith(("own_", "rectifiers_user_own_"))]:
        del sys.modules[name]
    importlib.invalidate_caches()


@pytest.mark.parametrize("path", ["own_act:act", "own_act.py:act", "own_act:Act", "own_act:lazily"])
@pytest.mark.parametrize("edited", [name for name in FILES if name != "own_other.py"])
def test_a_change_in_any_module_of_the_tree_that_is_imported(tree: Path, path: str, edited: str) -> None:
    before = code_identity(path)
    assert code_identity(path) == before
    (tree / edited).write_text((tree / edited).read_text() + "\n# edited\n")
    forget()
    assert code_identity(path) != before


def test_no_change_elsewhere(tree: Path) -> None:
    before = code_identity("own_act:act")
    (tree / "own_other.py").write_text("nothing = 1")
    forget()
    importlib.import_module("own_other")  # and neither what else was imported
    assert code_identity("own_act:act") == before
    importlib.import_module("own_late")  # which another arm may have got to already
    assert code_identity("own_act:act") == before


def test_a_file_that_changed_after_its_import_is_refused(tree: Path) -> None:
    before = code_identity("own_act:act")
    (tree / "own_values.py").write_text("SLOPE = 0.2")
    with pytest.raises(ArgumentError, match=r"own_values\.py has changed since it was imported"):
        code_identity("own_act:act")
    for name in ("own_values", "own_act"):
        importlib.reload(sys.modules[name])
    assert code_identity("own_act:act") != before


def test_a_global_that_was_set_while_running(tree: Path) -> None:
    act = importlib.import_module("own_act")
    identities = {code_identity("own_act:act"), parse_arms([act.act])[0].identity}
    act.LIMITS["low"] = -2.0
    identities |= {code_identity("own_act:act"), parse_arms([act.act])[0].identity}
    act.SLOPE = 0.3
    identities |= {code_identity("own_act:act"), parse_arms([act.act])[0].identity}
    assert len(identities) == 3  # by path or passed: the same
    before = code_identity("own_act:Act")
    act.Act.power = 3
    assert code_identity("own_act:Act") != before


def test_what_a_function_sets_itself_is_no_part_of_it(tree: Path) -> None:
    act = importlib.import_module("own_act")
    before = code_identity("own_act:counts")
    act.counts(torch.zeros(1))
    assert code_identity("own_act:counts") == before


def test_parts_say_what_has_changed(tree: Path) -> None:
    identity = code_identity("own_act:act", parts=True)
    assert identity.startswith(code_identity("own_act:act") + " (")
    names = [part.split()[0] for part in identity.partition(" (")[2].rstrip(")").split(", ")]
    assert {"LIMITS", "SLOPE", "own_act.py", "own_values.py", "grounds.py"} < set(names)


class Slope(nn.Module):
    def __init__(self, slope: Any = 0.1) -> None:
        super().__init__()
        self.slope = slope

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.where(x > 0, x, 0.1 * x)


class Buffered(Slope):
    def __init__(self, values: torch.Tensor) -> None:
        super().__init__()
        self.register_buffer("values", values, persistent=False)


class Callable_:
    def __init__(self, slope: float) -> None:
        self.slope = slope

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.slope

    def method(self, x: torch.Tensor) -> torch.Tensor:
        return x / self.slope


def scaled(x: torch.Tensor, by: Any = 1.0) -> torch.Tensor:
    return x


def test_each_state_of_an_object_is_another_arm() -> None:
    hooked = Slope()
    hooked.register_forward_hook(lambda module, inputs, output: output * 2)
    objects = [
        *(Slope(value) for value in (0.1, 0.2, "0.1", True, None, [0.1], (0.1,), {"a": 1}, {"a": 2}, {1, 2})),
        *(Slope(np.arange(n)) for n in (2, 3)),
        *(Slope(value) for value in (np.float32(0.1), torch.tanh, torch.sigmoid, scaled, torch.float64)),
        *(Slope(types.SimpleNamespace(a=a)) for a in (1, 2)),
        *(Slope(torch.full((2,), value)) for value in (0.1, 0.2)),
        *(Slope(nn.Parameter(torch.full((2,), 0.1), requires_grad=learned)) for learned in (True, False)),
        *(Slope(Slope(value)) for value in (0.1, 0.2)),
        *(Buffered(torch.full((2,), value)) for value in (0.1, 0.2)),
        *(Callable_(value) for value in (0.1, 0.2)),
        *(Callable_(value).method for value in (0.1, 0.2)),
        *(functools.partial(scaled, by=value) for value in (0.1, 0.2, Slope(0.1), Slope(0.2))),
        hooked,
    ]
    identities = [arm.identity for arm in parse_arms(objects)]
    assert len(set(identities)) == len(objects)
    assert [arm.identity for arm in parse_arms(objects)] == identities
    assert not any(" at 0x" in identity for identity in identities)


def test_objects_that_refer_to_themselves() -> None:
    one, two = Slope(), Slope()
    one.slope, two.slope = [one], [two, 1]
    first, second = parse_arms([one, two])
    assert first.identity != second.identity


def written(code: str, **names: Any) -> Callable[[torch.Tensor], torch.Tensor]:
    """Return a function as a notebook has it: in no file."""
    namespace = {"__name__": "__main__", "torch": torch, **names}
    exec(code, namespace)
    return namespace["f"]  # type: ignore[no-any-return]


def test_a_function_of_a_script_or_notebook_with_the_globals_it_refers_to() -> None:
    code = "def g(x): return x * SLOPE\ndef f(x): return torch.relu(g(x))"
    functions = [
        written(code, SLOPE=0.1),
        written(code, SLOPE=0.2),
        written(code.replace("SLOPE", "SLOPE * 2"), SLOPE=0.1),
        written("f = lambda x: x + 1"),
        written("f = lambda x: x + 2"),
        written("import functools\n@functools.cache\ndef g(): return 1\ndef f(x): return x * g()"),
        written("import functools\n@functools.cache\ndef g(): return 2\ndef f(x): return x * g()"),
    ]
    assert len({arm.identity for arm in parse_arms(functions)}) == len(functions)
    (same,) = parse_arms([written(code, SLOPE=0.1, unrelated=1)])
    assert same.identity == parse_arms(functions)[0].identity


SCRIPT = """
import functools, torch
from torch import nn
from rectifiers.arms import code_identity, load_object, parse_arms
import own_act
class M(nn.Module):
    names = {"a", "b", "c", "d"}
    def __init__(self, slope=0.2):
        super().__init__()
        self.slope, self.set, self.lock = slope, {"x", "y", "z"}, object()
    def forward(self, x):
        return x if x.dim() in {1, 2, 3} and "a" in {"a", "b", "c"} else x * self.slope
def f(x, flag=object()): return x.relu()
objects = [M(0.1), M, lambda x: x, functools.partial(f, flag=max), own_act.Act(), own_act.act, nn.PReLU(), f]
for arm in parse_arms(objects):
    print(arm.label, arm.identity)
for path in ("own_act:act", "own_act.py:Act"):
    print(code_identity(path, parts=True))
"""


def test_the_same_in_every_process(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever each one's seed for the hashes of text is, in whose order sets are."""
    (tree / "script.py").write_text(SCRIPT)
    runpy.run_path("script.py", run_name="__main__")
    here = capsys.readouterr().out
    seed = "2" if os.environ.get("PYTHONHASHSEED") == "1" else "1"
    there = subprocess.run(
        [sys.executable, "script.py"],
        env={**os.environ, "PYTHONHASHSEED": seed},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert here == there
    assert len(here.splitlines()) == 10
    assert "0x" not in here


def test_an_edited_file_is_read_anew_even_within_the_same_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    file = tmp_path / "mine.py"
    for value in (1, 2):
        file.write_text(f"value = {value}\n")
        os.utime(file, (1e9, 1e9))
        assert load_object(f"{file}:value") == value
