"""Peak memory of a step, against sums made by hand."""

import pytest
import torch
from torch import nn

from rectifiers.study.memory import peak_of_step

CPU = torch.device("cpu")
FLOATS = 1000
BYTES = 4 * FLOATS


def peak(step, held=()):
    return peak_of_step(step, held, CPU)


def test_it_is_the_most_at_once_not_the_sum():
    def step():
        a = torch.ones(FLOATS)
        b = a + 1
        del a
        c = b * 2
        del b
        return c + 1

    assert peak(step) == 2 * BYTES


def test_views_and_in_place_operations_count_once():
    def step():
        a = torch.ones(FLOATS)
        b = a.reshape(10, 100).t()[3:]
        b.mul_(2)
        return b

    assert peak(step) == BYTES


def test_what_is_held_before_counts_once_however_often_it_is_named():
    held = torch.ones(FLOATS)
    assert peak(lambda: held + 1, [held, held.view(10, 100), held]) == 2 * BYTES
    assert peak(lambda: None, [held]) == BYTES


def test_what_forward_keeps_for_backward_counts():
    x = torch.ones(FLOATS, requires_grad=True)

    def kept():
        y = x.exp().exp()
        y.sum().backward()

    def unkept():
        y = (x + 1) + 1
        y.sum().backward()

    numbers = 2 * 4  # the sum and its gradient
    x.grad = None
    assert peak(kept) == 4 * BYTES + numbers  # both outputs are needed, and each has a gradient
    x.grad = None
    assert peak(unkept) == 2 * BYTES + numbers  # y itself and x.grad


def test_a_training_step_of_a_network_by_hand():
    n, inputs, hidden = 50, 30, 40
    linear = nn.Linear(inputs, hidden, bias=False)
    x = torch.randn(n, inputs)

    def step():
        linear.weight.grad = None
        linear(x).relu().sum().backward()

    weight, output, number = 4 * inputs * hidden, 4 * n * hidden, 4
    # most at once: the weight, relu's output and the gradient before it, the loss and its gradient
    assert peak(step, [linear.weight]) == weight + 2 * output + 2 * number


@pytest.mark.parametrize("repeat", range(2))
def test_it_is_the_same_every_time(repeat):
    torch.manual_seed(repeat)
    model = nn.Sequential(nn.Linear(30, 64), nn.LeakyReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 5))
    x = torch.randn(16, 30)

    def step():
        model.zero_grad()
        model(x).square().mean().backward()

    assert peak(step, model.parameters()) == peak(step, model.parameters())


def test_an_unknown_device_gives_no_figure():
    assert peak_of_step(lambda: None, [], torch.device("meta")) is None
