"""`check`: whether a derivative belongs to its function."""

from __future__ import annotations

import sys
from typing import Any, Literal

from rectifiers.activations import Activation
from rectifiers.errors import ArgumentError, ArgumentTypeError, UserCodeError, error_line
from rectifiers.verification import _trials
from rectifiers.verification._calling import Caller, Function, is_module, name_of
from rectifiers.verification._causes import likely_cause
from rectifiers.verification._result import CheckResult
from rectifiers.verification._subject import Subject

__all__ = ["check"]


def check(f: Any, df: Any = None, *, of: Literal["input", "output"] = "input") -> CheckResult:
    """Check whether a derivative belongs to its function, at the points where derivatives go wrong.

    Parameters
    ----------
    f : callable
        A function of one NumPy, torch or JAX array, element by element, or of one Python number. Without `df`
        also a `torch.nn.Module` or its class, a `torch.autograd.Function`, any function on tensors, which are
        checked with everything autograd does with them, or an activation of `rectifiers.reference`.
    df : callable, optional
        Its derivative, of the same kind. That of autograd by default.
    of : {"input", "output"}, default "input"
        What `df` is given: x, or f(x).

    Returns
    -------
    CheckResult
        ``.ok``, ``.failures``, ``.cause``; printed, the table of what was tried.

    Raises
    ------
    ArgumentError
        The function is random or not element by element; or `df` is needed.
    UserCodeError
        The function raised whatever it was given.

    Notes
    -----
    The true derivative comes from the function alone: Richardson's extrapolation of differences in long
    double (x87) or float64, from both sides or from one, never across a kink, with an error that counts the
    measured rounding noise of the function. Kinks are found by scanning. At a kink any value between the
    slopes beside it is right. A value may be off by 256 epsilon (64 in float32, 16 in half precision) of
    itself or of the function's largest slope between -2 and 2, times abs(x) up to 10.

    Integers and booleans are right where their values are. NaN at infinity and wider dtypes are noted, and
    are no failure.

    Examples
    --------
    >>> import numpy as np
    >>> import rectifiers
    >>> result = rectifiers.check(lambda x: np.maximum(x, 0), lambda x: 1.0 * (x > 0.1))
    >>> result.ok, result.cause
    (False, 'switches at 0.1 where the function switches at 0')
    """
    if of not in ("input", "output"):
        raise ArgumentError(f"`of` is 'input' or 'output', but got {of!r}")
    if isinstance(f, Activation) and df is None:
        f, df = f.f, f.df
    if not callable(f) or not (df is None or callable(df)):
        wrong = f if not callable(f) else df
        raise ArgumentTypeError(f"a check takes functions, modules or classes of them, but got {wrong!r}")
    name = name_of(f) + ("" if df is None else f", {name_of(df)}")
    torch = sys.modules.get("torch")
    note = ""
    if df is None or is_module(f):
        if df is None and not _of_torch(f, torch):
            raise ArgumentError(f"{name} is no function of tensors: pass its derivative, too")
        from rectifiers.verification import _autograd

        f, caller, note = _autograd.as_function(f)
    else:
        caller = Caller.of(f, name_of(f))
        with caller.precisely():
            alone = _trials.elementwise(f, caller.call)
        if not alone:
            raise ArgumentError(
                f"{name_of(f)} must act on each element alone to be checked with a derivative"
            )
    df, autograd = (df, False) if df is not None else (_autograd.backward_of(f), True)
    with caller.precisely():
        return _checked(name, f, df, caller, of, autograd, note)


def _checked(
    name: str, f: Function, df: Function, caller: Caller, of: str, autograd: bool, note: str
) -> CheckResult:
    report = _trials.Report()
    if note:
        report.add("input", "the function", note=note)
    try:
        subject = Subject(f, df, caller, of)
        subject.scale  # noqa: B018  raises where the function does
    except Exception as error:  # the function is the user's
        raise UserCodeError(f"{name} raised {error_line(error)}") from error
    _trials.run(subject, report)
    if autograd:
        from rectifiers.verification import _autograd

        _autograd.run(subject, report)
    cause = likely_cause(subject, report.failures[0]) if report.failures else ""
    kinks = tuple(kink.x for kink in subject.kinks)
    return CheckResult(
        name, not report.failures, tuple(report.failures), cause, tuple(report.rows), kinks, subject.curves()
    )


def _of_torch(f: Any, torch: Any) -> bool:
    """Whether something is a module, an autograd function or a function that returns tensors."""
    if torch is not None and isinstance(f, type):
        return issubclass(f, torch.nn.Module | torch.autograd.Function)
    if is_module(f):
        return True
    return Caller.of(f, name_of(f)).library == "torch" or _takes_tensors(f)


def _takes_tensors(f: Any) -> bool:
    import torch

    x = torch.linspace(-1, 1, 8, requires_grad=True)
    try:
        return isinstance(f(x * 1.0), torch.Tensor)
    except Exception:  # noqa: BLE001  the function is the user's; then it wants something else
        return False
