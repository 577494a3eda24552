"""A network whose ReLUs are dead, what `rectifiers.watch` says of it, and the leaky network that lives.

The biases of one layer are so low that no sample reaches its units: as ReLUs they have no gradient that could
bring them back, as leaky ReLUs they have.
"""

import functools

import torch
from torch import nn

import rectifiers


def data(n=512):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(n, 16, generator=generator)
    return x, (x[:, :4].sum(1) > 0).long()


def network(activation):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(16, 64), activation(), nn.Linear(64, 64), activation(), nn.Linear(64, 2))
    nn.init.constant_(model[2].bias, -4.0)
    return model


def train(model, x, y, rate=0.5, steps=400):
    optimizer = torch.optim.SGD(model.parameters(), lr=rate)
    for step in range(steps):
        rows = slice(64 * step % len(x), 64 * step % len(x) + 64)
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x[rows]), y[rows]).backward()
        optimizer.step()
    with torch.no_grad():
        return float((model(x).argmax(1) == y).float().mean())


def watched(activation):
    """Return the accuracy, and what was seen."""
    model, (x, y) = network(activation), data()
    with rectifiers.watch(model, every=2) as w:
        accuracy = train(model, x, y)
    return accuracy, w


if __name__ == "__main__":
    for name, activation in (("ReLU", nn.ReLU), ("LeakyReLU(0.1)", functools.partial(nn.LeakyReLU, 0.1))):
        accuracy, w = watched(activation)
        print(f"{name}: {accuracy:.0%} of the training set right\n{w}\n")
