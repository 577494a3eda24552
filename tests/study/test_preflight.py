"""The first step of every arm, before anything is trained."""

import pytest

from rectifiers import study
from rectifiers.errors import ArgumentError, UserCodeError
from rectifiers.records.values import Notice

NAN = "def nan(x):\n    return x * float('nan')\n"


def test_a_control_whose_loss_is_nan_from_the_start_is_refused(prepare, write_module):
    arm = write_module(NAN) + ":nan"
    with pytest.raises(ArgumentError) as caught:
        prepare(arms=[arm, "relu"], control=arm)
    assert str(caught.value) == (
        f"loss of the control {arm!r} is nan on the first batch, before any update: "
        f"check the data for nan and outliers, and the model's outputs"
    )


def test_another_arm_may_be_nan_from_the_start(prepare, write_module):
    prepare(arms=["relu", write_module(NAN) + ":nan"])


def test_an_arm_that_cannot_be_trained_is_told_at_once(prepare, write_module):
    module = "def mine(x):\n    if len(x) == 4:\n        raise KeyError('slope')\n    return x\n"
    arm = write_module(module) + ":mine"
    with pytest.raises(UserCodeError) as caught:
        prepare(arms=["relu", arm])
    assert str(caught.value) == f"a training step of mlp with arm {arm!r} on (4, 2) raised KeyError: 'slope'"
    assert "mine.py" in caught.value.frames


def test_an_arm_that_stops_the_gradient_is_no_error(prepare, write_module):
    prepare(arms=["relu", write_module("def mine(x):\n    return x.detach()\n") + ":mine"])


def test_every_arm_under_every_norm_is_measured(prepare):
    prepared = prepare(arms="relu,prelu,leaky_relu", norms="none,batch", width=8)
    assert list(prepared.cells) == [
        (arm, norm) for norm in ("none", "batch") for arm in ("relu", "prelu", "leaky_relu")
    ]
    count = {cell: found.parameters for cell, found in prepared.cells.items()}
    assert count["relu", "none"] == count["leaky_relu", "none"] == 2 * 8 + 8 + 8 + 1
    assert count["prelu", "none"] == count["relu", "none"] + 8
    assert count["relu", "batch"] == 2 * 8 + 2 * 8 + 8 + 1
    memory = {cell: found.peak_memory for cell, found in prepared.cells.items()}
    assert all(memory.values())
    assert all(found.step_seconds > 0 for found in prepared.cells.values())
    assert memory["relu", "batch"] > memory["relu", "none"]


def test_what_is_measured_is_the_same_every_time():
    def cells():
        return study.make_plan("digits", arms="relu,rrelu,maxout,crelu", learning_rate=0.1).cells

    assert cells() == cells()


def test_memory_counts_the_optimisers_state(prepare):
    words = {"width": 1000, "arms": "relu,tanh"}
    sgd, adam = prepare(**words, optimizer="sgd"), prepare(**words, optimizer="adam")
    none = prepare(**words, momentum=0)
    parameters = 4 * sgd.cells["relu", "none"].parameters
    steps = 4 * 4  # adam counts its steps, once per parameter tensor
    found = [p.cells["relu", "none"].peak_memory for p in (none, sgd, adam)]
    assert [more - found[0] for more in found] == [0, parameters, 2 * parameters + steps]


def test_memory_does_not_count_the_data_set(prepare, write_module):
    module = """
import torch
def load(n):
    x = torch.randn(n, 5, generator=torch.Generator().manual_seed(0))
    return x, (x.sum(1) > 0).long(), x[:7], (x[:7].sum(1) > 0).long()
def few():
    return load(100)
def many():
    return load(10000)
"""
    path = write_module(module)
    few, many = (prepare(None, data=f"{path}:{name}", batch_size=50) for name in ("few", "many"))
    assert few.cells == many.cells


def test_arms_that_start_from_other_weights_are_warned_of(prepare, write_module):
    module = """
import torch
from torch import nn
class Drawn(nn.Module):
    def __init__(self):
        super().__init__()
        self.slope = float(torch.rand(()))
    def forward(self, x):
        return torch.where(x > 0, x, self.slope * x)
def build(activation):
    return nn.Sequential(nn.Linear(2, 8), activation(8), nn.Linear(8, 1))
"""
    path = write_module(module)
    words = {"model": f"{path}:build", "width": None, "margin": 25}
    own = prepare(**words, arms=["relu", "tanh", f"{path}:Drawn"])
    text = (
        f"{path}:Drawn: starts from other weights than relu at the same seed: "
        "its pairs share only the order of the data"
    )
    assert own.warnings == (Notice("other-weights", text),)
    drawn_anew = prepare(
        model=f"{path}:build", width=None, arms=["relu", f"{path}:Drawn"], margin=25, initialization="gain"
    )
    assert drawn_anew.warnings == ()
