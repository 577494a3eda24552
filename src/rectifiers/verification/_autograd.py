"""Modules and functions of torch: backward as a derivative, and the other ways to differentiate."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rectifiers.errors import ArgumentError, error_line
from rectifiers.verification._calling import Array, Caller, Function, quiet
from rectifiers.verification._result import Failure
from rectifiers.verification._slopes import Slopes, find_kinks
from rectifiers.verification._subject import Expected, Subject
from rectifiers.verification._trials import Report, compare, elementwise

__all__ = ["as_function", "backward_of", "run"]

_FEATURES = 4
_SHAPES = ((_FEATURES,), (_FEATURES, 2, 2), (_FEATURES, 3))


class _Copies:
    """A module as a function of tensors of any dtype: a copy of it for each."""

    def __init__(self, module: torch.nn.Module) -> None:
        self.inplace = bool(getattr(module, "inplace", False))
        self._module, self._copies = module, dict[torch.dtype, torch.nn.Module]()

    def __call__(self, x: Tensor) -> Any:
        if x.dtype not in self._copies:
            self._copies[x.dtype] = copy.deepcopy(self._module).to(x.dtype)
        return self._copies[x.dtype](x)


def as_function(target: Any) -> tuple[Function, Caller, str]:
    """Return anything torch can differentiate as a function that acts element by element.

    What is not element by element (softmax, maxout) is followed along a random line through the space of its
    inputs: t -> w . f(b + t v), whose derivative is the gradient times v.

    Returns
    -------
    function
    caller : Caller
    note : str
        What was done to make it one; empty where nothing was.

    Raises
    ------
    ArgumentError
        It returns something else for the same input, or takes none of the shapes that are tried.
    """
    note = ""
    if isinstance(target, type) and issubclass(target, torch.nn.Module):
        try:
            target = target()
        except TypeError as error:
            raise ArgumentError(
                f"{target.__name__} must be made without arguments, but {error}: pass a module instead"
            ) from None
    if isinstance(target, type) and issubclass(target, torch.autograd.Function):
        target = target.apply
    if isinstance(target, torch.nn.Module):
        function: Any = _Copies(target)
        if _random(function) and target.training:
            function, note = _Copies(copy.deepcopy(target).eval()), "in eval mode: in training it is random"
    else:
        function = target
    if _random(function):
        raise ArgumentError(
            "a function must return the same for the same input, but this one is random: fix its draws"
        )
    try:
        with quiet():
            alone = elementwise(function, Caller("torch").call)
    except Exception:  # noqa: BLE001  one row of numbers may be no input for it
        alone = False
    if alone:
        return function, Caller("torch"), note
    note = f"{note}; not element by element: along a line, in float64".removeprefix("; ")
    return _along_line(function), Caller("torch", narrow=False), note  # rounding t would move it across kinks


def _random(function: Function) -> bool:
    for shape in ((64,), *((4, *shape) for shape in _SHAPES)):
        x = torch.linspace(-2, 2, int(np.prod(shape)), dtype=torch.float64).reshape(shape)
        try:
            with quiet(), torch.no_grad(), torch.random.fork_rng(devices=[]):
                first, second = function(x.clone()), function(x.clone())
        except Exception:  # noqa: BLE001  tried with the next shape
            continue
        return not torch.equal(torch.nan_to_num(first), torch.nan_to_num(second))
    return False


def _along_line(function: Function) -> Function:
    """Return t -> w . f(b + t v) for fixed random b, v and w, of the first shape that the function takes."""
    problem: Exception | None = None
    for shape in _SHAPES:
        generator = torch.Generator().manual_seed(0)
        b, v = (torch.randn(shape, generator=generator, dtype=torch.float64) for _ in range(2))
        try:
            with quiet(), torch.no_grad():
                out = function(torch.stack((b, v)))
        except Exception as error:  # noqa: BLE001  the function is the user's
            problem = problem or error
            continue
        if isinstance(out, Tensor) and out.shape[0] == 2:
            w = torch.randn(out.shape[1:], generator=generator, dtype=torch.float64)

            def line(t: Tensor, b: Tensor = b, v: Tensor = v, w: Tensor = w) -> Tensor:
                flat = t.reshape(-1, *(1,) * b.dim())
                y: Tensor = function(b.to(t.dtype) + flat * v.to(t.dtype)) * w.to(t.dtype)
                return y.flatten(1).sum(1).reshape(t.shape)

            return line
    said = f": {error_line(problem, 160)}" if problem is not None else ""
    raise ArgumentError(
        f"a function must take one tensor and return one, tried {', '.join(map(str, _SHAPES))}{said}"
    )


def backward_of(function: Function) -> Callable[[Tensor], Tensor]:
    """Return the derivative that autograd gives, as a function of the input."""

    def backward(x: Tensor) -> Tensor:
        leaf = x.detach().requires_grad_()
        return _gradient(function, leaf, torch.ones_like(leaf))

    return backward


def _gradient(function: Function, leaf: Tensor, weights: Tensor, again: bool = False) -> Tensor:
    y = function(leaf.clone())  # in-place functions must not meet a leaf
    if not y.requires_grad:
        raise ArgumentError("no gradient flows through it: it computes outside autograd")
    (gradient,) = torch.autograd.grad(
        y, leaf, weights.to(y.dtype), create_graph=again, materialize_grads=True
    )
    return gradient


def run(subject: Subject, report: Report) -> None:
    """Try uneven gradients, double backward, forward mode and vmap on a function of tensors."""
    x = np.concatenate((subject.points, subject.near[np.abs(subject.near) > 1e-6]))
    expected = subject.expect(x)
    for test, tried, trial in (
        ("backward", "uneven, expanded and zero gradients", _backward),
        ("double backward", "the slope of backward", _double),
        ("jvp", "forward mode", _forward),
        ("vmap", "over rows", _mapped),
    ):
        try:
            with quiet():
                failure = trial(subject, x, expected)
        except Exception as error:  # noqa: BLE001  the function is the user's, and need not support everything
            report.add(test, tried, note=f"not supported: {error_line(error, 100)}")
        else:
            report.add(test, tried, failure)


def _scaled(expected: Expected, factor: Array) -> Expected:
    ends = np.sort(np.stack((expected.low * factor, expected.high * factor)), axis=0)
    return Expected(expected.x, ends[0], ends[1], expected.error)


def _backward(subject: Subject, x: Array, expected: Expected) -> Failure | None:
    weights = torch.randn(x.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    expanded = torch.full((), 2.5, dtype=torch.float64).expand(x.shape)
    for factor, what in (
        (weights, "an uneven"),
        (expanded, "an expanded"),
        (torch.zeros_like(weights), "a zero"),
    ):
        before = factor.clone()
        leaf = torch.tensor(x, requires_grad=True)
        got = _gradient(subject.f, leaf, factor).numpy()
        if not torch.equal(before, factor):
            return Failure("backward", "writes into the gradient it is given")
        tolerance = subject.tolerance(expected, "float64") * np.maximum(1.0, np.abs(factor.numpy()))
        failure = compare("backward", _scaled(expected, factor.numpy()), tolerance, got, "float64")
        if failure is not None:
            what = f"wrong for {what} gradient from above: {failure.what}"
            return Failure("backward", what, failure.x, failure.expected, failure.got, failure.ulp, "float64")
    return None


def _double(subject: Subject, x: Array, expected: Expected) -> Failure | None:
    caller, backward = subject.caller, subject.df
    edges = (*subject.kinks, *find_kinks(lambda x: caller.evaluate(backward, x)))
    kinks = tuple({kink.x: kink for kink in sorted(edges, key=lambda kink: kink.x)}.values())
    apart = np.abs(x[:, np.newaxis] - np.array([kink.x for kink in kinks])).min(axis=1, initial=1.0) > 1e-3
    x = x[apart]
    slopes, errors = Slopes(lambda x: caller.evaluate(backward, x), kinks).at(x)
    leaf = torch.tensor(x, requires_grad=True)
    first = _gradient(subject.f, leaf, torch.ones_like(leaf), again=True)
    second = torch.zeros_like(leaf)
    if first.requires_grad:
        (second,) = torch.autograd.grad(first.sum(), leaf, materialize_grads=True)
    errors = np.where(errors > 1e-3 * max(1.0, subject.scale), np.inf, errors)
    tolerance = 2 * errors + 1e-6 * np.maximum(np.abs(slopes), subject.scale)
    return compare(
        "double backward", Expected(x, slopes, slopes, errors), tolerance, second.detach().numpy(), "float64"
    )


def _forward(subject: Subject, x: Array, expected: Expected) -> Failure | None:
    weights = torch.randn(x.shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    got: Tensor = torch.func.jvp(lambda t: subject.f(t.clone()), (torch.tensor(x),), (weights,))[1]
    tolerance = subject.tolerance(expected, "float64") * np.maximum(1.0, np.abs(weights.numpy()))
    return compare("jvp", _scaled(expected, weights.numpy()), tolerance, got.detach().numpy(), "float64")


def _mapped(subject: Subject, x: Array, expected: Expected) -> Failure | None:
    rows = torch.tensor(subject.points[:96]).reshape(8, 12)
    with torch.no_grad():
        together = subject.f(rows.clone())
        mapped = torch.func.vmap(lambda t: subject.f(t.clone()))(rows)
    same = mapped.shape == together.shape and torch.allclose(mapped, together, 1e-12, 1e-12, equal_nan=True)
    return None if same else Failure("vmap", "other values under vmap than without")
