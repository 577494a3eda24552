"""`check`: whether a derivative belongs to its function."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from rectifiers.activations import Activation
from rectifiers.errors import ArgumentError, ArgumentTypeError, UserCodeError, error_line
from rectifiers.verification import _trials
from rectifiers.verification._calling import Caller, name_of
from rectifiers.verification._causes import likely_cause
from rectifiers.verification._result import CheckResult, Row
from rectifiers.verification._subject import Subject

__all__ = ["check"]

_FEWEST = 40


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
    The true derivative comes from the function alone: Richardson's extrapolation of differences, from both
    sides or, beside a kink, from one, never across it, with an error that counts the measured rounding noise
    of the function. Kinks are found by scanning. At a kink any value
    between the slopes beside it is right. A value may be off by 256 epsilon (64 in float32, 16 in half
    precision) of itself or of the function's largest slope between -2 and 2, times abs(x) up to 10; and by
    what it changes by where x is off by 2 epsilon of itself.

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
    note, autograd = "", df is None
    if autograd or hasattr(f, "named_modules"):  # a module of torch, which is not loaded for others
        from rectifiers.verification import _autograd

        f, caller, note = _autograd.as_function(f)
        df = _autograd.backward_of(f) if autograd else df
    else:
        caller = Caller.of(f, name_of(f))
        with caller.precisely():
            if not caller.acts_alone(f):
                raise ArgumentError(
                    f"{name_of(f)} must act on each element alone to be checked with a derivative"
                )
    rows = [Row("input", "the function", "note", note)] if note else []
    with caller.precisely():
        try:
            subject = Subject(f, df, caller, of)
            subject.scale  # noqa: B018  raises where the function does
        except Exception as error:  # the function is the user's
            raise UserCodeError(f"{name} raised {error_line(error)}") from error
        known = int(np.isfinite(subject.expect(subject.points).error).sum())
        if known < _FEWEST:
            raise ArgumentError(
                f"the slope of a function must be found by calling it, but that of {name_of(f)} was at "
                f"{known} of {subject.points.size} points: it varies too fast, or is not a number there"
            )
        rows += _trials.run(subject)
        if autograd:
            rows += _autograd.run(subject)
        wrong = next((row for row in rows if row.outcome == "wrong"), None)
        cause = "" if wrong is None else likely_cause(subject, wrong)
        kinks = tuple(kink.x for kink in subject.kinks)
        return CheckResult(name, cause, tuple(rows), kinks, subject.curves())
