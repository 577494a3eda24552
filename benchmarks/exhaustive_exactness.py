"""How far ELU, SELU and CELU are off in float32, at every input there is: all 2^32 bit patterns.

    python benchmarks/exhaustive_exactness.py                     # every case below
    python benchmarks/exhaustive_exactness.py "elu 1" --step 16   # one of them, every 16th pattern

A minute or a few per case on one thread. Value and derivative, the one in terms of the
input and the one in terms of the output, against float64 (off by less than 2^-44 of itself). Prints the worst
error in units of the last place (of alpha, for the derivative from the output) and where it is. The exit
status is 1 if a value or a derivative of the input is off by more than 1. tests/backends/test_exponentials.py
samples the same.
"""

from __future__ import annotations

import argparse
import math
import sys
from dataclasses import dataclass, field

import numpy as np
import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from torch import Tensor

from rectifiers.activations import registry
from rectifiers.backends._kernels import Saved
from rectifiers.backends.cpu import kernels

CASES: dict[str, tuple[str, tuple[float, ...]]] = {
    f"{name} {alpha:g}": (name, (alpha,))
    for name, alphas in (("elu", (1.0, 0.1, 1.3, 1.999, 7.5, -1.3)), ("celu", (1.0, 0.1, 1.3, 1.999, 7.5)))
    for alpha in alphas
} | {"selu": ("selu", ())}
ROLES = ("value", "derivative of the input", "derivative of the output")
CHUNK = 1 << 20
SCALE, SCALED_ALPHA = 1.0507009873554805, 1.7580993408473768


@dataclass
class Worst:
    """The largest error so far and the input it belongs to, per role."""

    error: dict[str, float] = field(default_factory=lambda: dict.fromkeys(ROLES, 0.0))
    at: dict[str, float] = field(default_factory=lambda: dict.fromkeys(ROLES, math.nan))

    def add(self, role: str, errors: Tensor, x: Tensor) -> None:
        """Take note of the errors of a chunk."""
        place = int(errors.argmax())
        if errors[place] > self.error[role]:
            self.error[role], self.at[role] = float(errors[place]), float(x[place])


def truth(name: str, values: tuple[float, ...], x: Tensor) -> tuple[Tensor, Tensor]:
    """Value and derivative in float64."""
    scale = SCALE if name == "selu" else 1.0
    if x.min() > 0:
        return scale * x, torch.full_like(x, scale)
    alpha = SCALED_ALPHA if name == "selu" else float(np.float32(values[0]))
    below = x.clamp(max=0)
    below = below / alpha if name == "celu" else below
    f, df = alpha * below.expm1(), below.exp() if name == "celu" else alpha * below.exp()
    if x.max() > 0:
        f, df = torch.where(x > 0, scale * x, f), torch.where(x > 0, scale, df)
    return f, df


def ulps(found: Tensor, exact: Tensor) -> Tensor:
    """Errors in the distance of neighbouring float32 around the exact value; infinity is right beyond."""
    info = torch.finfo(torch.float32)
    power = exact.view(torch.int64) & (0x7FF << 52)  # the bits of the power of two below
    unit = power.clamp_(min=(1023 - 126) << 52).sub_(23 << 52).view(torch.float64)
    errors = (found.double() - exact).abs_().div_(unit)
    over = exact.abs() >= info.max * (1 + info.eps / 4)
    if over.any():
        errors[over] = torch.where(found[over] == exact[over].sign() * math.inf, 0.0, math.inf).double()
    return errors.nan_to_num_(nan=math.inf)


def measure(name: str, values: tuple[float, ...], x: Tensor, worst: Worst) -> None:
    """Hold the kernels against the truth for one chunk of inputs."""
    record, layout = registry[name], (1, 1, x.numel())
    y, gx, one = torch.full_like(x, math.nan), torch.full_like(x, math.nan), torch.ones_like(x)
    kernels.value(record, values, layout, x, y, False)
    f, df = truth(name, values, x.double())
    worst.add("value", ulps(y, f), x)
    kernels.slope(record, values, layout, "input", x, one, gx)
    worst.add("derivative of the input", ulps(gx, df), x)
    keeps: Saved = record.keeps_at(*values)
    if keeps == "output":
        kernels.slope(record, values, layout, keeps, y, one, gx)
        largest = SCALED_ALPHA if name == "selu" else 1.0 if name == "celu" else abs(values[0])
        unit = 2.0 ** (math.floor(math.log2(largest)) - 23)
        negative = x <= 0
        if negative.any():
            worst.add("derivative of the output", ((gx.double() - df).abs() / unit)[negative], x[negative])


def inputs(first: int, step: int) -> Tensor:
    """The numbers among the patterns first, first + step, ..."""
    bits = torch.arange(first, min(first + CHUNK * step, 2**32), step)
    x = torch.where(bits < 2**31, bits, bits - 2**32).to(torch.int32).view(torch.float32)
    return x[~x.isnan()]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("cases", nargs="*", help=", ".join(CASES))
    parser.add_argument("--step", type=int, default=1, help="take every so many-th pattern only")
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    if unknown := set(given.cases) - set(CASES):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(CASES)}")
    torch.set_num_threads(given.threads)
    console = Console()
    found: dict[str, Worst] = {}
    starts = range(0, 2**32, CHUNK * given.step)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as progress:
        for case in given.cases or CASES:
            found[case] = Worst()
            for first in progress.track(starts, description=case):
                if (x := inputs(first, given.step)).numel():
                    measure(*CASES[case], x, found[case])
    table = Table("Activation", *ROLES, title="Worst error in ulp, and its input")
    for case, worst in found.items():
        table.add_row(case, *(f"{worst.error[role]:.4f} at {worst.at[role]!r}" for role in ROLES))
    console.print(table)
    return int(max(worst.error[role] for worst in found.values() for role in ROLES[:2]) > 1)


if __name__ == "__main__":
    sys.exit(main())
