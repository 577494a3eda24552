"""Optimisers take the same steps as torch's classes."""

import math

import pytest
import torch
from torch import nn

from rectifiers.nn import PReLU
from rectifiers.study.optimisers import OPTIMIZERS, SCHEDULES, Optimiser

THEIRS = {
    "sgd": lambda groups: torch.optim.SGD(groups, momentum=0.9, foreach=False),
    "adam": lambda groups: torch.optim.Adam(groups, foreach=False),
    "adamw": lambda groups: torch.optim.AdamW(groups, foreach=False),
}


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 8, bias=False), nn.BatchNorm1d(8), PReLU(8), nn.Linear(8, 2))


def train(model, step, zero):
    x = torch.randn(5, 4, 3, generator=torch.Generator().manual_seed(1))
    for i, batch in enumerate(x):
        loss = model(batch).square().mean()
        zero()
        loss.backward()
        step(0.1 / (i + 1))


@pytest.mark.parametrize("decay", [0.0, 0.01])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_steps_are_torchs(name, decay):
    ours, theirs = network(), network()
    optimiser = Optimiser(name, ours, decay, 0.9)
    train(ours, optimiser.step, optimiser.zero)

    reference = THEIRS[name](
        [
            {"params": [p for p in theirs.parameters() if p.ndim > 1], "weight_decay": decay},
            {"params": [p for p in theirs.parameters() if p.ndim <= 1], "weight_decay": 0.0},
        ]
    )

    def step(rate):
        for group in reference.param_groups:
            group["lr"] = rate
        reference.step()

    train(theirs, step, reference.zero_grad)
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_decay_acts_on_weights_alone(name):
    model = network()
    before = [p.detach().clone() for p in model.parameters()]
    optimiser = Optimiser(name, model, 0.5, 0.9)
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimiser.step(0.1)
    for parameter, was in zip(model.parameters(), before, strict=True):
        assert torch.equal(parameter, was) == (parameter.ndim <= 1)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_parameter_without_gradient_stays(name):
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    before = [p.detach().clone() for p in model.parameters()]
    optimiser = Optimiser(name, model, 0.0, 0.9)
    optimiser.step(0.1)
    model[0](torch.ones(1, 2)).sum().backward()
    optimiser.step(0.1)
    changed = [not torch.equal(p, was) for p, was in zip(model.parameters(), before, strict=True)]
    assert changed == [True, True, False, False]


def test_double_parameters_and_frozen_ones_work():
    model = nn.Linear(2, 2).double()
    model.bias.requires_grad_(False)
    optimiser = Optimiser("sgd", model, 0.0, 0.9)
    model(torch.ones(1, 2).double()).sum().backward()
    optimiser.step(0.1)
    assert len(optimiser.state) == 1


def test_its_state_is_what_it_keeps():
    model = nn.Linear(3, 2)
    numbers = {name: sum(t.numel() for t in Optimiser(name, model, 0.0, 0.9).state) for name in OPTIMIZERS}
    assert numbers == {"sgd": 8, "adam": 2 * 8 + 2, "adamw": 2 * 8 + 2}
    assert Optimiser("sgd", model, 0.0, 0.0).state == []


def test_schedules_start_at_one_and_cosine_ends_at_zero():
    assert [SCHEDULES["constant"](x) for x in (0, 0.5, 1)] == [1, 1, 1]
    found = [SCHEDULES["cosine"](x) for x in (0, 0.25, 0.5, 1)]
    assert found == pytest.approx([1, (1 + math.sqrt(0.5)) / 2, 0.5, 0])
