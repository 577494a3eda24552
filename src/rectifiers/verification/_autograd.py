"""Modules and functions of torch: backward as a derivative, and the other ways to differentiate."""

from __future__ import annotations

import contextlib
import copy
import functools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rectifiers.errors import ArgumentError, error_line
from rectifiers.verification._calling import Caller, Function, quiet
from rectifiers.verification._result import Row
from rectifiers.verification._slopes import find_kinks
from rectifiers.verification._subject import Subject
from rectifiers.verification._trials import Wrong, attempt

__all__ = ["as_function", "backward_of", "run"]

_FEATURES = 4
_SHAPES = ((_FEATURES,), (_FEATURES, 2, 2), (_FEATURES, 3))


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
    if isinstance(target, type) and issubclass(target, torch.nn.Module):
        try:
            target = target()
        except TypeError as error:
            raise ArgumentError(
                f"{target.__name__} must be made without arguments, but {error}: pass a module instead"
            ) from None
    elif isinstance(target, type) and issubclass(target, torch.autograd.Function):
        target = target.apply
    module, notes = isinstance(target, torch.nn.Module), []
    with quiet(), torch.random.fork_rng(devices=[]):
        function, caller = _of_numbers(_of_any_dtype(target) if module else target)
        if module and target.training and not _repeats(function):
            notes.append("in eval mode: in training it is random")
            function, caller = _of_numbers(_of_any_dtype(copy.deepcopy(target).eval()))
        if not _repeats(function):
            raise ArgumentError(
                "a function must return the same for the same input, but this one is random: fix its draws"
            )
    if caller.dtypes == ("float64",):
        notes.append("not element by element: along a line, in float64")
    return function, caller, "; ".join(notes)


def _of_any_dtype(module: torch.nn.Module) -> Function:
    """Return a module as a function of tensors of any dtype: a copy of it for each."""
    copies = functools.cache(lambda dtype: copy.deepcopy(module).to(dtype))
    in_place = getattr(module, "inplace", False)  # as it was told to
    return lambda x: copies(x.dtype)(x.clone() if in_place else x)


def _repeats(function: Function) -> bool:
    x = torch.linspace(-2, 2, 64, dtype=torch.float64)
    with torch.no_grad():
        first, second = (torch.nan_to_num(function(x.clone())) for _ in range(2))
    return torch.equal(first, second)


def _of_numbers(function: Function) -> tuple[Function, Caller]:
    """Return a function of numbers: itself, or t -> w . f(b + t v) for fixed random b, v and w.

    Those have the first shape that the function takes.
    """
    caller, problem = Caller("torch"), ""
    try:
        # NumPy's functions take tensors, too, but none that need a gradient
        y = function(torch.ones(2, requires_grad=True) * 1.0)
        if isinstance(y, Tensor) and caller.acts_alone(function):
            return function, caller
    except Exception as error:  # noqa: BLE001  one row of numbers may be no input for it
        problem = f": {error_line(error, 160)}"
    for shape in _SHAPES:
        generator = torch.Generator().manual_seed(0)
        b, v = (torch.randn(shape, generator=generator, dtype=torch.float64) for _ in range(2))
        out = None
        with contextlib.suppress(Exception):  # the function is the user's
            out = function(torch.stack((b, v)).requires_grad_() * 1.0)
        if isinstance(out, Tensor) and out.shape[0] == 2:
            w = torch.randn(out.shape[1:], generator=generator, dtype=torch.float64)

            def line(t: Tensor, b: Tensor = b, v: Tensor = v, w: Tensor = w) -> Tensor:
                flat = t.reshape(-1, *(1,) * b.dim())
                y: Tensor = function(b.to(t.dtype) + flat * v.to(t.dtype)) * w.to(t.dtype)
                return y.flatten(1).sum(1).reshape(t.shape)

            return line, Caller("torch", ("float64",))  # rounding t would move it across kinks
    raise ArgumentError(
        "a function must take one tensor and return one where its derivative is not passed, too, but this "
        f"one takes none of the shapes {', '.join(map(str, _SHAPES))}{problem}"
    )


def backward_of(function: Function) -> Callable[[Tensor], Tensor]:
    """Return the derivative that autograd gives, as a function of the input."""

    def backward(x: Tensor) -> Tensor:
        leaf = x.detach().requires_grad_()
        return _gradient(function, leaf, torch.ones_like(leaf))

    return backward


def _gradient(function: Function, leaf: Tensor, weights: Tensor) -> Tensor:
    y = function(leaf.clone())  # in-place functions must not meet a leaf
    if not y.requires_grad:
        raise ArgumentError("no gradient flows through it: it computes outside autograd")
    return torch.autograd.grad(y, leaf, weights.to(y.dtype), materialize_grads=True)[0]


def run(subject: Subject) -> Iterator[Row]:
    """Try uneven gradients, forward mode, double backward and vmap on a function of tensors.

    The first three by torch's own checks, between kinks: that backward is the slope has been compared finely.
    """
    edges = np.array([0.0, *(kink.x for kink in (*subject.kinks, *find_kinks(subject.claimed)))])
    known = np.isfinite(subject.expect(subject.points).error)
    apart = np.abs(subject.points[:, np.newaxis] - edges).min(axis=1) > 1e-3
    leaf = torch.tensor(subject.points[apart & known][::5], requires_grad=True)
    for test, holds, options in (
        ("backward", torch.autograd.gradcheck, {}),
        ("jvp", torch.autograd.gradcheck, {"check_forward_ad": True, "check_backward_ad": False}),
        ("double backward", torch.autograd.gradgradcheck, {}),
    ):
        trial = functools.partial(_by_torch, subject, leaf, holds, options)
        yield attempt(test, f"torch.autograd.{holds.__name__}", trial, optional=True)
    yield attempt("vmap", "over rows", functools.partial(_mapped, subject), optional=True)


def _by_torch(
    subject: Subject, leaf: Tensor, holds: Callable[..., bool], options: dict[str, bool]
) -> str | None:
    if subject.widest != "float64":
        return "not tried: it computes in float32, in which differences tell nothing"
    weights = torch.ones_like(leaf)
    _gradient(subject.f, leaf, weights)
    if not (weights == 1).all():
        raise Wrong("writes into the gradient it is given")
    tolerances = {"atol": 1e-5 * subject.scale, "rtol": 1e-5}
    options = {"raise_exception": False, "check_undefined_grad": False, **options}
    if not holds(lambda x: subject.f(x.clone()), leaf, **tolerances, **options):
        raise Wrong("is not what differences of the function, or of backward, give")
    return None


def _mapped(subject: Subject) -> None:
    rows = torch.tensor(subject.points[:96]).reshape(8, 12)
    with torch.no_grad():
        together = subject.f(rows.clone())
        mapped = torch.func.vmap(lambda t: subject.f(t.clone()))(rows)
    if mapped.shape != together.shape or not torch.allclose(mapped, together, 1e-12, 1e-12, equal_nan=True):
        raise Wrong("other values under vmap than without")
