"""The arm: one activation to be compared, made fresh for every layer."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from rectifiers.arms._conventions import Request
from rectifiers.arms._objects import user_code
from rectifiers.errors import ArgumentError, ShapeError, UserCodeError

__all__ = ["Arm", "Sampled"]

_FEATURES = 840  # an unknown module is tried on so many: divisible by 1 .. 8
_LAYOUTS = ((), (4, 4), (4,))  # of what follows the features: units, images, signals
_DRAWS = 1 << 16
_CURVE_REACH, _CURVE_STEPS = 4, 20  # per unit


class Sampled(NamedTuple):
    """A function on a grid: `x`, its value `f` and its derivative `df`, equally long."""

    x: tuple[float, ...]
    f: tuple[float, ...]
    df: tuple[float, ...]


@dataclass(frozen=True)
class Arm:
    """One activation to be compared.

    Called with a number of features it makes a fresh module for one layer, its features on axis 1.

    Attributes
    ----------
    label : str
        As it was written.
    identity : str
        What it means, with every argument filled in: equal for two spellings of one thing. For the user's
        own it holds the SHA-256 of the source file, so that edited code is another arm.
    name : str
        Name in the registry, ``""`` for torch's and the user's own.
    arguments : dict
        The arguments it is made with, defaults included.
    """

    label: str
    identity: str
    name: str
    arguments: dict[str, Any] = field(compare=False)
    _make: Callable[[int], nn.Module] = field(compare=False, repr=False)
    _rebuild: tuple[Callable[..., Any], Any] = field(compare=False, repr=False)

    def __call__(self, channels: int | None = None, **contract: Any) -> nn.Module:
        """Return a fresh module for `channels` features on axis 1.

        Parameters
        ----------
        channels : int, optional
            Without, as model libraries call their ``act_layer`` or ``activation_layer``, an arm with learned
            numbers has one for all features, as ``torch.nn.PReLU()`` has.
        **contract
            What such libraries hand over: ``num_parameters`` and its like for the number of features,
            ``inplace`` (without effect on an arm that has no in-place form), ``device``, ``dtype``.

        Raises
        ------
        ArgumentError
            For any other argument, by its name; without a number of features, for an arm that changes it.
        """
        request = Request.of(self.label, channels, contract)
        if channels is None and request.channels == 1 and not self.keeps_width:
            raise ArgumentError(
                f"arm {self.label!r} changes the number of features, which a layer that does not hand it "
                "over "
                "cannot follow: use one that keeps it"
            )
        with self._blaming(f"making arm {self.label!r} for {request.channels} features"):
            return request.applied(self._make(request.channels))

    def __reduce__(self) -> tuple[Any, ...]:
        rebuild, origin = self._rebuild  # a modules' maker need not be picklable, what it came from is
        return rebuild, (origin, self.label, self.identity)

    def outputs(self, units: int) -> int:
        """Return how many features come out when `units` go in (CReLU: twice as many)."""
        return int(units * self._ratio)

    def inputs(self, units: int) -> int:
        """Return how many features go in for a layer of `units` (Maxout of k pieces: k times as many)."""
        return units if self._ratio >= 1 else int(units / self._ratio)

    @property
    def keeps_width(self) -> bool:
        """Whether as many features come out as go in."""
        return self._ratio == 1

    @cached_property
    def gain(self) -> float:
        """Gain of the weights that feed the layers behind it: 1 / sqrt(E f(z)^2) for z ~ N(0, 1).

        Raises
        ------
        ArgumentError
            If it has none, because its second moment is 0 or infinite, or its outputs depend on each other
            (Softmax).
        """
        from rectifiers.initialization import gain

        if self.name or (self.keeps_width and not self._layout):
            with (
                torch.random.fork_rng(devices=[]),
                self._blaming(f"gain of arm {self.label!r}", ArgumentError),
            ):
                return gain(self(1 if self.keeps_width else _FEATURES))
        generator = torch.Generator().manual_seed(0)
        rows = math.ceil(_DRAWS / _FEATURES)
        z = torch.randn((rows, _FEATURES, *self._layout), generator=generator, dtype=torch.float64)
        moment = float(self._applied(z, train=True).detach().square().mean())
        if not 0 < moment < math.inf:
            raise ArgumentError(
                f"a gain needs 0 < E[f(z)^2] < infinity, but it is {moment:.6g} for arm {self.label!r}"
            )
        return 1 / math.sqrt(moment)

    def curve(self, places: Sequence[float] | None = None) -> Sampled | None:
        """Sample the function and its derivative on [-4, 4], with slopes at their initial or mean value.

        Parameters
        ----------
        places : sequence of float, optional
            Where; by default 20 times per unit.

        Returns
        -------
        Sampled or None
            None where an output depends on more than one input (Maxout, CReLU, Softmax).
        """
        if not self.keeps_width or self._layout:
            return None
        last = _CURVE_REACH * _CURVE_STEPS
        usual = torch.arange(-last, last + 1, dtype=torch.float64) / _CURVE_STEPS
        x = usual if places is None else torch.tensor(places, dtype=torch.float64)
        column = x.unsqueeze(1).requires_grad_()
        with torch.enable_grad():
            y = self._applied(column.clone())  # which may be overwritten
            mirrored = torch.stack([x, x.flip(0)], dim=1)
            again = self._applied(mirrored).detach()
            expected = torch.stack([y, y.flip(0)], dim=1).detach().squeeze(2)
            if not torch.allclose(again, expected, rtol=1e-6, atol=1e-9, equal_nan=True):
                return None  # the value at x depends on what else is there
            df = torch.zeros_like(column)
            if y.requires_grad:
                with self._blaming(f"differentiating arm {self.label!r}"):
                    (df,) = torch.autograd.grad(y.sum(), column, allow_unused=True, materialize_grads=True)
        return Sampled(*(tuple(t.detach().flatten().tolist()) for t in (x, y, df)))

    def _blaming(self, what: str, *passing: type[Exception]) -> AbstractContextManager[None]:
        """Turn errors into the user's, unless the activation is one of ours."""
        return nullcontext() if self.name else user_code(what, *passing)

    @property
    def _ratio(self) -> Fraction:
        return self._tried[0]

    @property
    def _layout(self) -> tuple[int, ...]:
        return self._tried[1]

    @cached_property
    def _tried(self) -> tuple[Fraction, tuple[int, ...]]:
        """Outputs per input, and the layout of the input it was tried on successfully."""
        if self.name == "maxout":
            return Fraction(1, self.arguments["pieces"]), ()
        failure = None
        for layout in _LAYOUTS:
            x = torch.zeros(2, _FEATURES, *layout)
            try:
                shape = tuple(self._applied(x).shape)
            except UserCodeError as error:
                failure = failure or error  # of a vector of units, the plainest input
                continue
            if len(shape) != x.ndim or shape[0] != 2 or shape[2:] != x.shape[2:] or not shape[1]:
                raise ShapeError(
                    f"an arm changes nothing but the number of features on axis 1, but {self.label!r} "
                    f"made {shape} of {tuple(x.shape)}"
                )
            ratio = Fraction(shape[1], _FEATURES)
            if 1 not in (ratio.numerator, ratio.denominator):
                raise ShapeError(
                    "an arm multiplies or divides the number of features by a whole number, but "
                    f"{self.label!r} made {shape[1]} of {_FEATURES}"
                )
            return ratio, layout
        assert failure is not None
        raise failure

    def _applied(self, x: Tensor, *, train: bool = False) -> Tensor:
        """Apply a fresh module, leaving torch's random state as it was."""
        with torch.random.fork_rng(devices=[]):
            # a copy: a factory may hand out one module that was made elsewhere, and keeps it as it was
            module = copy.deepcopy(self(x.shape[1])).to(x.dtype).train(train)
            with self._blaming(f"arm {self.label!r}"):
                y = module(x)
        if not isinstance(y, Tensor):
            raise UserCodeError(f"an arm returns a tensor, but {self.label!r} returned {type(y).__name__}")
        return y
