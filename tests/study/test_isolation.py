"""A trial's random state and torch's settings, swapped in and out."""

import random
import sys

import numpy as np
import pytest
import torch

import rectifiers
from rectifiers.study.isolation import Isolation

WARNS = """
import itertools, torch, warnings
count = itertools.count()
def warns(x):
    for _ in range(120):
        warnings.warn(f"one {next(count)}")
        warnings.warn(f"two {next(count)}")
    return torch.relu(x)
"""

CPU = torch.device("cpu")


def draw():
    return torch.rand(3).tolist(), random.random(), np.random.randn()


@pytest.fixture
def isolation():
    return Isolation(seed=7, device=CPU, threads=1)


def test_inside_and_outside_do_not_touch_each_other(isolation):
    torch.manual_seed(0), random.seed(0), np.random.seed(0)
    outside = [draw() for _ in range(3)]
    with Isolation(seed=7, device=CPU, threads=1):
        inside = [draw() for _ in range(3)]

    torch.manual_seed(0), random.seed(0), np.random.seed(0)
    interleaved = Isolation(seed=7, device=CPU, threads=1)
    for expected_outside, expected_inside in zip(outside, inside, strict=True):
        assert draw() == expected_outside
        with interleaved:
            assert draw() == expected_inside


def test_making_one_draws_nothing_outside():
    torch.manual_seed(0), random.seed(0), np.random.seed(0)
    expected = draw()
    torch.manual_seed(0), random.seed(0), np.random.seed(0)
    Isolation(seed=7, device=CPU, threads=1)
    assert draw() == expected


@pytest.mark.parametrize("raises", [False, True])
def test_settings_are_the_trials_inside_and_the_callers_after(isolation, raises):
    def settings():
        return (
            torch.get_num_threads(),
            torch.get_deterministic_debug_mode(),
            torch.backends.cudnn.benchmark,
            torch.utils.deterministic.fill_uninitialized_memory,
            torch.is_grad_enabled(),
        )

    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    frozen = torch.backends.flags_frozen()  # torch's own tests of operators, in the same process, freeze them
    if not frozen:
        torch.backends.cudnn.benchmark = True
    try:
        with torch.no_grad():
            before = settings()
            try:
                with isolation:
                    assert settings() == (1, 1, False, False, True)
                    if raises:
                        raise KeyboardInterrupt
            except KeyboardInterrupt:
                assert raises
            assert settings() == before
    finally:
        torch.set_num_threads(threads)
        if not frozen:
            torch.backends.cudnn.benchmark = False


def test_the_hash_is_of_the_seed(isolation):
    assert isolation.hash == Isolation(7, CPU, 2).hash
    assert isolation.hash != Isolation(8, CPU, 1).hash


@pytest.mark.filterwarnings("default")
def test_a_line_that_warns_at_every_step_is_shown_once_and_nothing_piles_up(write_module, tmp_path):
    """Some 10,000 texts, all different: two lines are shown, the study ends as any other."""
    arm = f"{write_module(WARNS)}:warns"
    words = {"seeds": 3, "epochs": 10, "width": 4, "learning_rate": 0.1, "margin": 20.0, "report": False}
    with pytest.warns(UserWarning, match="one|two") as shown:
        found = rectifiers.compare("xor", ["relu", arm], out=tmp_path / "out", **words)
    (module,) = (one for one in sys.modules.values() if getattr(one, "__file__", "") == shown[0].filename)
    assert {run.outcome for run in found.study.runs} == {"finished"}
    assert (count := next(module.count)) > 10_000
    assert sorted(str(one.message).split()[0] for one in shown) == ["one", "two"]
    assert len(module.__warningregistry__) < count / 4
