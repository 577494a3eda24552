"""The public way to make an activation: a formula, its derivative, and a proof that they belong together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from rectifiers.activations._parameters import AUTOGRAD, Parameter
from rectifiers.activations._proof import prove
from rectifiers.activations._record import Elementwise, Formula, Keeps
from rectifiers.errors import DefinitionError

__all__ = ["elementwise"]


def elementwise(
    name: str,
    f: Formula,
    df: Formula | None = None,
    *,
    keeps: Keeps = "input",
    parameters: Mapping[str, Parameter] | None = None,
    kinks: Sequence[float] | Callable[..., Sequence[float]] = (),
    source: str = "",
    title: str = "",
    summary: str = "",
    used_when: str = "",
    formula: str = "",
    notes: str = "",
    df_input: Formula | None = None,
    output_suffices: Callable[..., bool] | None = None,
    nan_is_positive: bool = False,
    also_called: Sequence[str] = (),
) -> Elementwise:
    """Make an activation from a formula and its derivative, the way the built-in ones are made.

    Parameters
    ----------
    name : str
        A Python identifier, in the style of `rectifiers.functional`.
    f : callable
        The formula, of ``(x, *parameters)``, written in `rectifiers.vocabulary`: arithmetic, comparisons,
        ``&``, ``|``, ``~`` and its words. No other names, attributes or closures.
    df : callable, optional
        The derivative's formula, of ``(kept, *parameters)``. Without, torch's autograd derives `f`, and no
        kernel runs it.
    keeps : {"sign", "output", "input"}
        What `df` is a function of, and so what is kept for backward: ``x > 0`` (a boolean), ``f(x)``
        or ``x`` (the default).
    parameters : mapping of str to Real, Integer, Choice, Learned or Uniform, optional
        Named and ordered as the arguments of the formulas.
    kinks : sequence of float, or callable of ``(*parameters)`` that returns one, optional
        Where the derivative jumps. At a kink `df` must give a value between the one-sided derivatives.
    source, title, summary, used_when, formula, notes : str, optional
        The paper, the class name (default: `name` in camel case), one line of prose (default: first line of
        the docstring of `f`), when it is used, the function as people write it, and remarks: for
        documentation and reports.
    df_input : callable, optional
        The derivative in terms of the input, of ``(x, *parameters)``, where that is more exact than `df` of
        what is kept (an output that saturates has lost what the derivative needs).
    output_suffices : callable, optional
        Of ``(*parameters)``; for ``keeps="output"``: whether the output determines the derivative for these
        values. Where it does not, the input is kept and `df_input` is used.
    nan_is_positive : bool, default False
        For ``keeps="sign"``: whether `df` is told that NaN is positive, so that a gradient passes there.
    also_called : sequence of str, optional
        Other names in use.

    Returns
    -------
    Elementwise
        A frozen record: ``.f`` and ``.df`` are its NumPy reference, ``.functional`` the function of tensors
        and ``.module`` the `torch.nn.Module` class.

    Raises
    ------
    DefinitionError
        A word is unknown, a derivative is wrong, the kept quantity does not determine it, a kink is not
        declared, or a finite input gives NaN; the message names the point.

    Examples
    --------
    >>> from rectifiers import elementwise
    >>> from rectifiers.activations import Real
    >>> from rectifiers.vocabulary import expm1, where
    >>> def f(x, alpha):
    ...     return where(x > 0, x, alpha * expm1(x))
    >>> def df(y, alpha):
    ...     return where(y > 0, 1.0, y + alpha)
    >>> my_elu = elementwise(
    ...     "my_elu", f, df, keeps="output", parameters={"alpha": Real(1.0)}, kinks=[0.0]
    ... )
    >>> my_elu.df([-1.0, 2.0]).round(3)
    array([0.368, 1.   ])
    """
    if df is None and (keeps != "input" or df_input is not None):
        raise DefinitionError(
            f"{name}: `keeps` and `df_input` say what `df` is, but there is no df: leave them out"
        )
    record = Elementwise(
        name,
        title=title,
        summary=summary or (f.__doc__ or "").strip().partition("\n")[0],
        used_when=used_when,
        formula=formula,
        source=source,
        notes=notes,
        parameters=parameters or {},
        value=f,
        derivative=AUTOGRAD if df is None else df,
        keeps=keeps,
        derivative_of_input=df_input,
        output_suffices=output_suffices,
        kinks=kinks,
        nan_is_positive=nan_is_positive,
        also_called=tuple(also_called),
    )
    prove(record)
    return record
