"""The gradient along 20 layers, sigmoid against ReLU, each at its own gain: writes vanishing.svg."""

import altair
import pandas
import torch
from torch import nn

import rectifiers

DEPTH, WIDTH = 20, 64


def gradients(name, activation):
    """Return the RMS of the loss's gradient at every layer's pre-activations, after one step."""
    torch.manual_seed(0)
    layers = [layer for _ in range(DEPTH) for layer in (nn.Linear(WIDTH, WIDTH), activation())]
    model = nn.Sequential(*layers, nn.Linear(WIDTH, 1))
    rectifiers.init_(model, name)
    with rectifiers.watch(model, every=1) as w:
        model(torch.randn(256, WIDTH)).square().mean().backward()
    return [figures["gradient"] for figures in sorted(w.figures(), key=lambda figures: int(figures["site"]))]


if __name__ == "__main__":
    rows = []
    for name, activation in (("sigmoid", nn.Sigmoid), ("relu", nn.ReLU)):
        found = gradients(name, activation)
        rows += [{"activation": name, "layer": i + 1, "gradient RMS": g} for i, g in enumerate(found)]
        print(f"{name}: the first layer gets {found[0] / found[-1]:.1e} of the last one's gradient")
    altair.Chart(pandas.DataFrame(rows)).mark_line(point=True).encode(
        x="layer:Q", y=altair.Y("gradient RMS:Q").scale(type="log"), color="activation:N"
    ).save("vanishing.svg")
