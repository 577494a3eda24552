"""Models as sound studies have them: no check may find anything in one."""

from __future__ import annotations

import copy

import torch
from torch import nn
from torch.func import functional_call, grad, stack_module_state, vmap
from torch.utils.checkpoint import checkpoint

POSITIONS = torch.linspace(-1, 1, 64)  # made once, but nothing changes it
FLAT, DROP = nn.Flatten(), nn.Dropout(0.1)  # these have nothing that could change
PRETRAINED = torch.randn(32, 64, generator=torch.Generator().manual_seed(3)) / 8
FROZEN = nn.Linear(64, 64).requires_grad_(False)
CALLS = []


def dense(*layers):
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 32), *layers, nn.Linear(32, 10))


class Hidden(nn.Module):
    """One hidden layer, and what may be done with its activation."""

    def __init__(self, activation):
        super().__init__()
        self.fc, self.act, self.out = nn.Linear(64, 32), activation(32), nn.Linear(32, 10)

    def features(self, x):
        return self.act(self.fc(x))

    def forward(self, x):
        return self.out(self.features(x.flatten(1)))


def batch_norm(activation):
    return dense(nn.BatchNorm1d(32), activation(32), nn.BatchNorm1d(32))


def layer_norm(activation):
    return dense(activation(32), nn.LayerNorm(32))


def dropout(activation):
    return dense(nn.Dropout(0.2), activation(32), nn.AlphaDropout(0.1))


def one_module_twice(activation):
    act = activation(32)
    return dense(act, nn.Linear(32, 32), act)


def copied_blocks(activation):
    block = nn.Sequential(nn.Linear(32, 32), activation(32))
    return dense(*(copy.deepcopy(block) for _ in range(2)))


class Tied(Hidden):
    def __init__(self, activation):
        super().__init__(activation)
        self.one, self.two = nn.Linear(64, 64), nn.Linear(64, 64)
        self.two.weight = self.one.weight

    def features(self, x):
        return super().features(self.two(self.one(x)))


class Residual(Hidden):
    """`scale` starts at 0, so that at first the block's activations change no answer."""

    def __init__(self, activation):
        super().__init__(activation)
        self.block = nn.Sequential(nn.Linear(64, 32), activation(32), nn.Linear(32, 10))
        self.scale = nn.Parameter(torch.zeros(()))

    def forward(self, x):
        x = x.flatten(1)
        return self.out(self.fc(x)) + self.scale * self.block(x)


def zero_head(activation):
    model = dense(activation(32))
    nn.init.zeros_(model[-1].weight)
    return model


class LeftOut(Residual):
    """A block that is left out at random, here always, while the model is trained."""

    def forward(self, x):
        return self.out(self.fc(x.flatten(1))) if self.training else super().forward(x)


class Attention(nn.Module):
    def __init__(self, activation):
        super().__init__()
        self.embed, self.mix = nn.Linear(8, 16), nn.MultiheadAttention(16, 2, batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(16, 32), activation(32), nn.Linear(32, 16))
        self.out = nn.Linear(16, 10)

    def forward(self, x):
        h = self.embed(x.flatten(1).unflatten(1, (8, 8)))
        h = h + self.mix(h, h, h)[0]
        return self.out((h + self.mlp(h)).mean(1))


class Transformer(nn.Module):
    """torch copies the layer, and with it the activation."""

    def __init__(self, activation):
        super().__init__()
        layer = nn.TransformerEncoderLayer(16, 2, 32, activation=activation(32), batch_first=True)
        self.embed, self.out = nn.Linear(8, 16), nn.Linear(16, 10)
        self.mix = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)

    def forward(self, x):
        return self.out(self.mix(self.embed(x.flatten(1).unflatten(1, (8, 8)))).mean(1))


class Constant(Hidden):
    def __init__(self, activation):
        super().__init__(activation)
        self.register_buffer("positions", POSITIONS)

    def features(self, x):
        return super().features(x + self.positions)


def constant_modules(activation):
    return nn.Sequential(FLAT, nn.Linear(64, 32), activation(32), DROP, nn.Linear(32, 10))


def frozen_backbone(activation):
    return nn.Sequential(nn.Flatten(), FROZEN, dense(activation(32)))


def pretrained_first_layer(activation):
    model = dense(activation(32))
    with torch.no_grad():
        model[1].weight.copy_(PRETRAINED)
    return model


class Direct(Hidden):
    def features(self, x):
        return self.act.forward(self.fc(x))


class MadeLate(Hidden):
    def __init__(self, activation):
        super().__init__(activation)
        self.make = activation

    def features(self, x):
        return self.make(32)(self.fc(x))


class Unregistered(Hidden):
    def __init__(self, activation):
        super().__init__(activation)
        self.act, self.acts = nn.Identity(), [activation(32)]

    def features(self, x):
        return self.acts[0](self.fc(x))


class FrozenFeatures(Hidden):
    def features(self, x):
        with torch.no_grad():
            return super().features(x)


class Checkpointed(Hidden):
    def features(self, x):
        return checkpoint(super().features, x, use_reentrant=False)


class SideEffects(Hidden):
    calls = 0

    def features(self, x):
        self.calls += 1
        self.last = x.mean()
        CALLS.append(self.calls)
        return super().features(x)


class Saturated(Hidden):
    def forward(self, x):
        return (1e6 * super().forward(x)).softmax(1)


def weight_norms(activation):
    model = dense(activation(32))
    nn.utils.parametrizations.weight_norm(model[1])
    nn.utils.parametrizations.weight_norm(model[-1])
    return model


def lazy(activation):
    return nn.Sequential(
        nn.Flatten(), nn.LazyLinear(32), nn.BatchNorm1d(32), activation(32), nn.LazyLinear(10)
    )


def signals(activation):
    """As many channels as positions, channels on axis 1."""
    layers = nn.Conv1d(8, 8, 3, padding=1), activation(8), nn.BatchNorm1d(8), activation(8)
    return nn.Sequential(nn.Flatten(), nn.Unflatten(1, (8, 8)), *layers, nn.Flatten(), nn.Linear(64, 10))


class Turned(nn.Module):
    """As many features as positions, turned so that features are on axis 1."""

    def __init__(self, activation):
        super().__init__()
        self.fc, self.act, self.out = nn.Linear(8, 8), activation(8), nn.Linear(8, 10)

    def forward(self, x):
        h = self.fc(x.flatten(1).unflatten(1, (8, 8)))
        return self.out(self.act(h.transpose(1, 2)).transpose(1, 2).mean(1))


class Ensemble(nn.Module):
    """As torch's tutorial on ensembles has it: what runs is a copy that no model has registered."""

    def __init__(self, activation):
        super().__init__()
        self.members = nn.ModuleList(dense(activation(32)) for _ in range(2))
        self.copy = [copy.deepcopy(self.members[0]).to("meta")]

    def forward(self, x):
        states = stack_module_state(list(self.members))
        return vmap(lambda *state: functional_call(self.copy[0], state, x))(*states).mean(0)


class Gradient(nn.Module):
    def __init__(self, activation):
        super().__init__()
        self.energy = nn.Sequential(nn.Linear(64, 32), activation(32), nn.Linear(32, 1))
        self.out = nn.Linear(64, 10)

    def forward(self, x):
        return self.out(vmap(grad(lambda one: self.energy(one[None]).sum()))(x.flatten(1)))


class OnNumbers(Hidden):
    """Its activation is applied to a single number as well."""

    def __init__(self, activation):
        super().__init__(activation)
        self.one, self.scale = activation(1), nn.Parameter(torch.ones(()))

    def features(self, x):
        return super().features(x) * self.one(self.scale)


def images(activation):
    return nn.Sequential(
        *(nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), activation(8), nn.MaxPool2d(2)),
        *(nn.Conv2d(8, 8, 3, padding=1), nn.GroupNorm(2, 8), activation(8), nn.AdaptiveAvgPool2d(1)),
        *(nn.Flatten(), nn.Linear(8, 10)),
    )


NAMES = [
    name
    for name, value in list(globals().items())
    if getattr(value, "__module__", "") == __name__ and name not in ("dense",)
]
