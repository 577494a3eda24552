"""Two hundred wrong derivatives, generated: each of them is a mistake that somebody has made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from rectifiers import check, reference
from rectifiers.activations import Elementwise

Function = Callable[[Any], Any]

BASES = ("relu", "leaky_relu", "elu", "selu", "sigmoid", "tanh", "softplus", "silu", "relu6", "squared_relu")


def shifted(df: Function, random: np.random.Generator) -> Function:
    by = float(random.choice([-1, 1]) * 10 ** random.uniform(-6, 0))
    return lambda x: df(x - by)


def swapped(df: Function, random: np.random.Generator) -> Function:
    return lambda x: np.where(x > 0, df(-np.abs(x) - 0.3), df(np.abs(x) + 0.3))


def factor(df: Function, random: np.random.Generator) -> Function:
    by = float(random.choice([0.5, 0.9, 0.999, 1.0507, 1.702, -1.0]))
    if random.random() < 0.5:
        return lambda x: by * df(x)
    return lambda x: np.where(x > 0, by * df(x), df(x))


def tail(df: Function, random: np.random.Generator) -> Function:
    beyond = float(random.uniform(3, 300) * random.choice([-1, 1]))
    value = float(random.choice([0.37, np.nan, np.inf, -1.0]))
    return lambda x: np.where(x > beyond if beyond > 0 else x < beyond, value, df(x))


def narrow(df: Function, random: np.random.Generator) -> Function:
    dtype = random.choice(["float32", "float16"])
    return lambda x: np.asarray(df(x)).astype(dtype)


def damage(df: Function, random: np.random.Generator) -> Function:
    how = int(random.integers(3))

    def damaging(x: Any) -> Any:
        y = df(x)
        if how == 0:
            np.maximum(x, 0, out=x)
        elif how == 1:
            x *= 0.5
        elif x.ndim:
            x[x < 0] = 0
        return y

    return damaging


def stateful(df: Function, random: np.random.Generator) -> Function:
    kept: dict[Any, Any] = {"calls": 0}
    how = int(random.integers(3))

    def state(x: Any) -> Any:
        kept["calls"] += 1
        if how == 0:  # what was computed first for a shape
            return kept.setdefault(np.shape(x), df(x))
        if how == 1:  # a scale that grows with every call
            return df(x) * (1 + 1e-6 * kept["calls"])
        mean = kept.get("mean", 0.0)  # a running mean
        kept["mean"] = 0.9 * mean + 0.1 * float(np.mean(x)) if np.size(x) else mean
        return df(x) + 1e-3 * mean

    return state


KINDS = (shifted, swapped, factor, tail, narrow, damage, stateful)


def generate(count: int) -> list[tuple[str, Elementwise, Function]]:
    """Return the first mutants: name, the activation, the wrong derivative."""
    random = np.random.default_rng(20)
    found = []
    for index in range(count):
        base = getattr(reference, BASES[index // len(KINDS) % len(BASES)])
        kind = KINDS[index % len(KINDS)]
        found.append((f"{kind.__name__} of {base.name}", base, kind(base.df, random)))
    return found


@pytest.mark.parametrize("part", range(4))  # so that several processes can share them
def test_mutants_are_caught(part: int) -> None:
    assert [name for name, base, df in generate(200)[part::4] if check(base.f, df).ok] == []
