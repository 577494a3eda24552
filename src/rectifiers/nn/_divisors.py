"""Slopes written as divisors, the convention of Xu et al. 2015 and of what was built on it."""

from __future__ import annotations

from typing import Any, Self

import torch
from torch import Tensor

from rectifiers.activations import Real, rrelu
from rectifiers.backends import Random, executor
from rectifiers.errors import ArgumentError
from rectifiers.nn._derived import Derived

__all__ = ["FromDivisor", "FromDivisors"]

_run = executor(rrelu)


class FromDivisor(Derived):
    """`LeakyReLU.from_divisor`."""

    @classmethod
    def from_divisor(cls, divisor: float = 5.5, inplace: bool = False) -> Self:
        """Return the LeakyReLU that *divides* negative inputs: ``x / divisor``.

        Parameters
        ----------
        divisor : float, default 5.5
            Its reciprocal is the slope: 5.5 means 0.1818, not 5.5.
        inplace : bool, default False

        Returns
        -------
        LeakyReLU

        References
        ----------
        Xu, Wang, Chen & Li 2015, section 2.2, who write a for what this library calls 1 / slope.
        """
        Real(5.5, nonzero=True).check(divisor, "divisor")
        return cls(1 / divisor, inplace)


class FromDivisors(Derived):
    """`RReLU.from_divisors`."""

    lower: float
    upper: float
    generator: torch.Generator | None
    per: str
    divisors: tuple[float, float] | None = None

    @classmethod
    def from_divisors(
        cls,
        lower: float = 3.0,
        upper: float = 8.0,
        inplace: bool = False,
        *,
        per: str = "element",
        generator: torch.Generator | None = None,
    ) -> Self:
        """Return the RReLU that *divides* negative inputs: x / a with a ~ U(lower, upper).

        The slope 1 / a is not uniform, and outside training it is 2 / (lower + upper): 1 / 5.5 = 0.1818 for
        3 and 8, where the mean of U(1/8, 1/3) is 0.2292.

        Parameters
        ----------
        lower, upper : float, default 3.0 and 8.0
            Bounds of the divisor; ``0 < lower <= upper``.
        inplace : bool, default False
        per : {"element", "channel", "call"}, default "element"
            Whether there is one divisor per element, per example and channel (axes 0 and 1), or per call.
        generator : torch.Generator, optional
            Source of the random numbers; the device's default generator if None.

        Returns
        -------
        RReLU

        References
        ----------
        Xu, Wang, Chen & Li 2015, section 2.4.
        """
        if not 0 < lower <= upper:
            raise ArgumentError(f"`0 < lower <= upper` must hold, but got lower={lower!r}, upper={upper!r}")
        made = cls(1 / upper, 1 / lower, inplace, per=per, generator=generator)
        made.divisors = (lower, upper)
        return made

    def forward(self, input: Tensor) -> Tensor:
        """Apply the activation; the output has the shape of the input."""
        if self.divisors is None:
            return super().forward(input)
        slope: Any = 2 / sum(self.divisors)
        if self.training:
            slope = Random(*self.divisors, self.generator, reciprocal=True, per=self.per)
        return _run(input, (slope,), self.inplace)

    def extra_repr(self) -> str:
        """Return the arguments as torch shows them."""
        if self.divisors is None:
            return super().extra_repr()
        shown = f"divisors={self.divisors}" + (f", per={self.per!r}" if self.per != "element" else "")
        return shown + (", inplace=True" if self.inplace else "")
