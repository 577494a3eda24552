"""The matrix: situations x activations x small and large x in place and not.

A situation is a test that takes a `cell`. A cell compares this library's module with torch's own, or for what
torch does not have with the composition of its operations. `conftest.py` makes the cells, from the registry.
"""

from __future__ import annotations

import functools
import importlib.util
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor

from rectifiers import functional, nn
from rectifiers.activations import AlongAxis, Elementwise, Gated, registry
from rectifiers.backends import formula_of

__all__ = ["COLUMNS", "KERNELS", "RANDOM", "SHAPES", "Cell", "Key", "keys", "own", "same", "step", "weights"]

Function = Callable[[Tensor], Any]
Situation = Callable[[Any, Tensor], Any]

RANDOM = "rrelu in training"
COLUMNS = [*registry, RANDOM]
KERNELS = ("relu", "leaky_relu", "prelu", "rrelu", "elu", "selu", "celu", "squared_relu", "maxout", "crelu")
SHAPES = {"small": (3, 4, 5), "large": (4, 4, 1 << 13)}  # 2^17 elements: kernels run
TOLERANCE = {"rtol": 2e-6, "atol": 2e-6}


class Key(NamedTuple):
    """The place of a cell in a row of the matrix."""

    activation: str
    size: str
    in_place: bool

    def __str__(self) -> str:
        return f"{self.activation}-{self.size}" + ("-in place" if self.in_place else "")


def keys(
    sizes: Any = tuple(SHAPES), in_place: Any = (False, True), random: bool = True, every: bool = False
) -> list[Key]:
    """The cells of a row.

    What has no kernel is torch's at any size: but for one row, that of `every`, its small cells stand for it.
    """
    return [
        Key(activation, size, written)
        for activation in (COLUMNS if random else registry)
        for size in sizes
        for written in in_place
        if (every or size == "small" or activation in (*KERNELS, RANDOM))
        and (not written or isinstance(registry.get(activation, registry["rrelu"]), Elementwise))
    ]


# ------------------------------------------------------------------------------------ modules


class Composed(torch.nn.Module):
    """A function as a module."""

    def __init__(self, function: Function) -> None:
        super().__init__()
        self.function = function

    def forward(self, input: Tensor) -> Tensor:
        return self.function(input)


class Written(torch.nn.Module):
    """What torch has not in place, in place."""

    def __init__(self, module: torch.nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, input: Tensor) -> Tensor:
        return input.copy_(self.module(input.clone()))


class Copied(torch.nn.Module):
    """In place on a copy of the input, which so stays what it is."""

    def __init__(self, module: torch.nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, input: Tensor) -> Tensor:
        return self.module(input * 1)


class Drawn(torch.nn.Module):
    """RReLU in training, of the same slopes at every call."""

    def __init__(self, inplace: bool) -> None:
        super().__init__()
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        return drawn(input, self.inplace)


def drawn(x: Tensor, inplace: bool = False) -> Tensor:
    """RReLU in training, of the same slopes at every call."""
    return functional.rrelu(x, training=True, inplace=inplace, generator=torch.Generator().manual_seed(8))


def with_drawn_slopes(x: Tensor) -> Tensor:
    """The same by torch's operations."""
    with torch.no_grad():
        slopes = -drawn(-torch.ones_like(x))
    return torch.where(x <= 0, x * slopes, x)  # for NaN torch's RReLU draws none


def gated(record: Gated) -> Function:
    """One half times the gate of the other."""
    gate = getattr(torch.nn.functional, record.gate.name)
    return lambda x: x.chunk(2, 1)[0] * gate(x.chunk(2, 1)[1])


ARGUMENTS: dict[str, tuple[Any, ...]] = {
    **{name: (1,) for name, record in registry.items() if isinstance(record, AlongAxis)},
    "prelu": (4,),
    "maxout": (2,),
}
COMPOSITIONS: dict[str, Function] = {
    RANDOM: with_drawn_slopes,
    "squared_relu": lambda x: torch.relu(x).square(),
    "crelu": lambda x: torch.cat((torch.relu(x), torch.relu(-x)), 1),
    "maxout": lambda x: x.unflatten(1, (-1, 2)).max(2).values,
    **{name: gated(record) for name, record in registry.items() if isinstance(record, Gated)},
}


WRITING: dict[str, Function] = {"sigmoid": torch.sigmoid_, "tanh": torch.tanh_}


def own(activation: str) -> bool:
    """Whether torch has a module of that name."""
    return activation in registry and hasattr(torch.nn, registry[activation].title)


def ours_of(activation: str, in_place: bool = False) -> torch.nn.Module:
    """This library's module, in evaluation; of different slopes per channel for PReLU."""
    if activation == RANDOM:
        return Drawn(in_place)
    module: torch.nn.Module = getattr(nn, registry[activation].title)(*ARGUMENTS.get(activation, ()))
    for parameter in module.parameters():
        torch.nn.init.uniform_(parameter, -0.5, 0.9, generator=torch.Generator().manual_seed(5))
    if in_place:
        module.inplace = True
    return module.eval()


def theirs_of(activation: str, in_place: bool = False) -> torch.nn.Module:
    """torch's module, or the composition of its operations."""
    if not own(activation):
        record = registry.get(activation)
        module: torch.nn.Module = Composed(
            COMPOSITIONS.get(activation) or (lambda x: formula_of(record)(x, *record.defaults))
        )
        return Written(module) if in_place else module
    module = getattr(torch.nn, registry[activation].title)(*ARGUMENTS.get(activation, ()))
    module.load_state_dict(ours_of(activation).state_dict())
    module.eval()
    if not in_place:
        return module
    if activation in WRITING:
        return Composed(WRITING[activation])
    if not hasattr(module, "inplace"):
        return Written(module)
    module.inplace = True
    return module


@functools.cache
def numbers(size: str) -> Tensor:
    """Numbers on both sides of each kink, none at one: some corners have tests of their own at 0."""
    x = torch.randn(SHAPES[size], generator=torch.Generator().manual_seed(1)) * 2
    return torch.where(x.abs() < 1e-3, x + 0.5, x)


def data(size: str) -> Tensor:
    """The same numbers each time, in another tensor."""
    return numbers(size).clone()


# ------------------------------------------------------------------------------------ situations


def weights(output: Tensor) -> Tensor:
    """A gradient that comes in, another number for each element."""
    return torch.linspace(-1, 2, output.numel(), dtype=output.dtype).view(output.shape)


def step(function: Any, x: Tensor, around_backward: Callable[[], Any] = nullcontext) -> list[Tensor]:
    """The output, and the gradients by the input and by what is learned."""
    leaf = x.clone().requires_grad_()
    output = function(leaf)
    learned = list(function.parameters()) if isinstance(function, torch.nn.Module) else []
    with around_backward():
        found = torch.autograd.grad(output, (leaf, *learned), weights(output))
    return [output.detach(), *found]


def same(found: Any, expected: Any, label: object = "", **tolerance: float) -> None:
    """Assert that numbers are equal, but for rounding."""
    torch.testing.assert_close(
        found, expected, **{**TOLERANCE, "equal_nan": True, **tolerance}, msg=lambda text: f"{label}\n{text}"
    )


class Cell:
    """One activation in one situation.

    Attributes
    ----------
    activation, size : str
    in_place : bool
    key : Key
        All three.
    x : Tensor
        An input, another copy each time.
    """

    def __init__(self, key: Key, situation: str) -> None:
        self.key = key
        self.activation, self.size, self.in_place = key
        self.situation = situation
        lines = [
            line
            for line in DIFFERENCES
            if line.situation == situation
            and (self.activation in line.activations or not line.activations)
            and self.size in line.sizes
            and self.in_place in line.in_place
        ]
        self.why = lines[0].why if lines else ""

    @property
    def x(self) -> Tensor:
        return data(self.size)

    def ours(self) -> torch.nn.Module:
        """This library's module; in place it works on a copy."""
        module = ours_of(self.activation, self.in_place)
        return Copied(module) if self.in_place else module

    def theirs(self) -> torch.nn.Module:
        """torch's, or the composition of its operations."""
        module = theirs_of(self.activation, self.in_place)
        return Copied(module) if self.in_place else module

    def compare(
        self, situation: Situation, label: object = "", *, errors: bool = False, **tolerance: float
    ) -> None:
        """Assert that ours gives in a situation what torch's gives; with `errors`, errors of the same type.

        A cell that a line of `differences.py` is about must differ.
        """
        expected = _outcome(situation, self.theirs(), self.x, errors or bool(self.why))
        found = _outcome(situation, self.ours(), self.x, isinstance(expected, Exception) or bool(self.why))
        if self.why:
            with pytest.raises(AssertionError):
                _same_outcome(found, expected, label, tolerance)
            return
        _same_outcome(found, expected, label, tolerance)

    def agrees(self, situation: Situation, expected: Any, label: object = "", **tolerance: float) -> None:
        """Assert that ours gives in a situation what is expected."""
        assert not self.why, "a difference is told of a comparison"
        same(situation(self.ours(), self.x), expected, label, **tolerance)


def _outcome(situation: Situation, function: torch.nn.Module, x: Tensor, errors: bool) -> Any:
    if not errors:
        return situation(function, x)
    try:
        return situation(function, x)
    except (Warning, AssertionError, NameError):  # of the test itself
        raise
    except Exception as error:  # noqa: BLE001  whatever torch raises is what ours must raise
        return error


def _same_outcome(found: Any, expected: Any, label: object, tolerance: dict[str, float]) -> None:
    if isinstance(expected, Exception) or isinstance(found, Exception):
        kind = RuntimeError if isinstance(expected, NotImplementedError) else type(expected)
        if isinstance(expected, Exception) and isinstance(found, kind):
            return
        raise AssertionError(f"{label}\nours: {found!r}\ntorch's: {expected!r}")
    same(found, expected, label, **tolerance)


def _beside(name: str) -> Any:
    """A file beside this one, which no package makes importable."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


DIFFERENCES = _beside("differences").DIFFERENCES
