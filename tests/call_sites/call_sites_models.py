"""Small models that call activations in every way there is."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

import rectifiers


class BasicBlock(nn.Module):
    """As torchvision writes it: one ReLU, in place, called twice."""

    def __init__(self, inplanes: int, planes: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inplanes, planes, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(planes, planes, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.downsample = None
        if stride != 1 or inplanes != planes:
            self.downsample = nn.Sequential(
                nn.Conv2d(inplanes, planes, 1, stride, bias=False), nn.BatchNorm2d(planes)
            )

    def forward(self, x: Tensor) -> Tensor:
        identity = x
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        if self.downsample is not None:
            identity = self.downsample(x)
        out += identity
        return self.relu(out)


class ResNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4)
        self.relu = nn.ReLU(inplace=True)
        self.layer1 = nn.Sequential(BasicBlock(4, 4), BasicBlock(4, 4))
        self.layer2 = nn.Sequential(BasicBlock(4, 6, 2), BasicBlock(6, 6))
        self.fc = nn.Linear(6, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.bn1(self.conv1(x)))
        return self.fc(self.layer2(self.layer1(x)).mean((2, 3)))


class Functions(nn.Module):
    """Every way of calling a function, six of them."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(6, 8), nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.a(x))
        x = torch.relu(self.b(x))
        x = self.b(x).relu()
        x = self.b(x)
        x.relu_()
        x = self.b(x).clamp(min=0)
        return F.gelu(self.b(x), approximate="tanh")


class DenseLayer(nn.Module):
    def __init__(self, channels: int, growth: int) -> None:
        super().__init__()
        self.norm1, self.relu1 = nn.BatchNorm2d(channels), nn.ReLU(inplace=True)
        self.conv1 = nn.Conv2d(channels, 2 * growth, 1, bias=False)
        self.norm2, self.relu2 = nn.BatchNorm2d(2 * growth), nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(2 * growth, growth, 3, padding=1, bias=False)

    def forward(self, features: list[Tensor]) -> Tensor:
        x = self.conv1(self.relu1(self.norm1(torch.cat(features, 1))))
        return self.conv2(self.relu2(self.norm2(x)))


class DenseBlock(nn.ModuleDict):
    def __init__(self, layers: int, channels: int, growth: int) -> None:
        super().__init__()
        for i in range(layers):
            self.add_module(f"denselayer{i + 1}", DenseLayer(channels + i * growth, growth))

    def forward(self, x: Tensor) -> Tensor:
        features = [x]
        for _, layer in self.items():
            features.append(layer(features))
        return torch.cat(features, 1)


class DenseNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, padding=1)
        self.block = DenseBlock(3, 4, 2)
        self.norm, self.fc = nn.BatchNorm2d(10), nn.Linear(10, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(self.block(self.stem(x)))
        return self.fc(torch.flatten(F.adaptive_avg_pool2d(F.relu(x, inplace=True), (1, 1)), 1))


class DoubleConv(nn.Module):
    def __init__(self, inside: int, outside: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *(nn.Conv2d(inside, outside, 3, padding=1), nn.BatchNorm2d(outside), nn.ReLU(inplace=True)),
            *(nn.Conv2d(outside, outside, 3, padding=1), nn.BatchNorm2d(outside), nn.ReLU(inplace=True)),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x)


class UNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.down1, self.down2 = DoubleConv(3, 4), DoubleConv(4, 8)
        self.middle = DoubleConv(8, 8)
        self.up2, self.up1 = nn.ConvTranspose2d(8, 8, 2, 2), nn.ConvTranspose2d(4, 4, 2, 2)
        self.conv2, self.conv1 = DoubleConv(16, 4), DoubleConv(8, 4)
        self.head = nn.Conv2d(4, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        one = self.down1(x)
        two = self.down2(F.max_pool2d(one, 2))
        x = self.middle(F.max_pool2d(two, 2))
        x = self.conv2(torch.cat([two, self.up2(x)], 1))
        return self.head(self.conv1(torch.cat([one, self.up1(x)], 1)))


class NewGELU(nn.Module):
    """As transformers writes it: a formula with a tanh in it."""

    def forward(self, x: Tensor) -> Tensor:
        return 0.5 * x * (1.0 + torch.tanh(math.sqrt(2.0 / math.pi) * (x + 0.044715 * torch.pow(x, 3.0))))


class FunctionAsAttribute(nn.Module):
    """As transformers writes it: a module around a function that it holds."""

    def __init__(self) -> None:
        super().__init__()
        self.act = F.gelu

    def forward(self, x: Tensor) -> Tensor:
        return self.act(x)


class Transformer(nn.Module):
    """Tokens of which there are as many as features, whose layout only the layers before tell."""

    def __init__(self, activation: nn.Module | None = None) -> None:
        super().__init__()
        self.embed = nn.Linear(3, 8)
        self.norm, self.fc1, self.fc2 = nn.LayerNorm(8), nn.Linear(8, 8), nn.Linear(8, 8)
        self.act = activation or NewGELU()
        self.head = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.embed(x)
        return self.head((x + self.fc2(self.act(self.fc1(self.norm(x))))).mean(1))


class Checkpointed(nn.Module):
    """A whole module recomputed in backward."""

    def __init__(self, reentrant: bool = False) -> None:
        super().__init__()
        self.inner, self.reentrant = Functions(), reentrant

    def forward(self, x: Tensor) -> Tensor:
        return checkpoint(self.inner, x * 1.0, use_reentrant=self.reentrant)


class CheckpointedLambda(nn.Module):
    """A function of the owner's forward, recomputed in backward without that forward."""

    def __init__(self, reentrant: bool = False) -> None:
        super().__init__()
        self.fc, self.out, self.reentrant = nn.Linear(6, 8), nn.Linear(8, 5), reentrant

    def forward(self, x: Tensor) -> Tensor:
        return self.out(checkpoint(lambda t: F.relu(self.fc(t)), x * 1.0, use_reentrant=self.reentrant))


class Repeated(nn.Module):
    """One block, of one weight, run three times."""

    def __init__(self) -> None:
        super().__init__()
        self.block = nn.Sequential(nn.Linear(6, 6), nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        for _ in range(3):
            x = self.block(x)
        return x


class SharedEverywhere(nn.Module):
    """One activation that every block holds, and a function in a loop."""

    def __init__(self) -> None:
        super().__init__()
        act = nn.ReLU()
        self.blocks = nn.ModuleList([nn.Sequential(nn.Linear(6, 6), act) for _ in range(2)])
        self.linears = nn.ModuleList([nn.Linear(6, 4), nn.Linear(4, 3)])

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x)
        for linear in self.linears:
            x = F.silu(linear(x))
        return x


class Ours(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc, self.act = nn.Linear(6, 6), rectifiers.nn.LeakyReLU(0.2)

    def forward(self, x: Tensor) -> Tensor:
        return rectifiers.functional.elu(self.fc(self.act(self.fc(x))), inplace=True)


IMAGES = (4, 3, 8, 8)
