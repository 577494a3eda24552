"""xor-range: an activation should have the range of the targets."""

import functools
from typing import Any

from rectifiers.claims import Claim, Computed, Criterion, Part, Scale


@functools.cache
def solved(hidden: str, output: str, seeds: int, units: int, steps: int, rates: tuple[float, ...]) -> Any:
    """Return for each seed whether a 2-h-1 network learns XOR, at the rate that is best on as many others.

    Inputs and targets 0 and 1, squared error, momentum .9, all four points in a step, weights as torch draws
    them. Solved: every output on its side of .5.
    """
    import torch

    from rectifiers import functional

    act: Any = getattr(functional, hidden)
    end: Any = {"linear": torch.clone, "sigmoid": torch.sigmoid, "same": act}[output]
    x, y = torch.tensor([[0.0, 0], [0, 1], [1, 0], [1, 1]]), torch.tensor([0.0, 1, 1, 0])
    generator = torch.Generator().manual_seed(0)  # the same start for every combination
    weights = []
    for *shape, fan_in in ((2, units, 2), (1, units, 2), (units, 1, units), (1, 1, units)):
        drawn = (torch.rand(2 * seeds, 1, *shape, generator=generator) * 2 - 1) / fan_in**0.5
        weights.append(drawn.repeat(1, len(rates), 1, 1).requires_grad_())
    speed = [torch.zeros_like(w) for w in weights]
    rate = torch.tensor(rates).view(1, -1, 1, 1)
    for _ in range(steps + 1):
        found = end(act(x @ weights[0] + weights[1]) @ weights[2] + weights[3]).squeeze(-1)
        gradients = torch.autograd.grad((found - y).square().mean(-1).sum(), weights)
        for w, v, g in zip(weights, speed, gradients, strict=True):
            v.mul_(0.9).add_(g)
            w.data.sub_(rate * v)
    right = ((found > 0.5) == (y > 0.5)).all(-1).numpy()  # after `steps` steps
    return right[:seeds, int(right[seeds:].mean(axis=0).argmax())]


def share(cell: tuple[str, str], **settings: Any) -> Any:
    """Whether each seed solves XOR."""
    return solved(*cell, **settings)


def gain(one: tuple[str, str], other: tuple[str, str], **settings: Any) -> Any:
    """Solved by the one minus solved by the other, seed by seed."""
    return 1.0 * solved(*one, **settings) - solved(*other, **settings)


_SETTINGS = {"units": 4, "steps": 1000, "rates": (0.03, 0.1, 0.3, 1.0), "seeds": 100}
_RELU = ("relu", "sigmoid")
_GAINS = (
    ("hidden tanh rather than ReLU solves it more often", ("tanh", "sigmoid"), _RELU, True),
    ("hidden sigmoid rather than ReLU solves it more often", ("sigmoid", "sigmoid"), _RELU, True),
    ("a sigmoid output rather than a linear one does", _RELU, ("relu", "linear"), True),
    ("a sigmoid output rather than ReLU does", _RELU, ("relu", "same"), True),
    ("so does a sigmoid output with hidden tanh", ("tanh", "sigmoid"), ("tanh", "linear"), False),
)
_GAIN, _MOST = Criterion("above", 0, 0.1), Criterion("above", 0.5, 0)
_CELLS = [(h, o) for h in ("relu", "leaky_relu", "tanh", "sigmoid") for o in ("linear", "sigmoid", "same")]

claim = Claim(
    name="xor-range",
    title="ReLU does not suit binary targets: match the activation's range to theirs",
    statement="""ReLU is the wrong activation for inputs and targets of 0 and 1, such as XOR; an
    activation should have the range of the targets.""",
    source="An answer on a Q&A site about networks of ReLUs that do not learn XOR",
    parts=(
        *(Part(says, Computed(gain, one=a, other=b), _GAIN, decides) for says, a, b, decides in _GAINS),
        *(Part(f"hidden {h}, output {o}", Computed(share, cell=(h, o)), _MOST, False) for h, o in _CELLS),
    ),
    scales={"quick": Scale(0.3, settings=_SETTINGS), "desk": Scale(3, settings=_SETTINGS | {"seeds": 1000})},
    remarks="Gains are differences of shares; outputs are compared with hidden ReLUs; cells show most seeds.",
)
